"""Runs all workloads and writes their tables into docs/workloads.md: python3 examples/workloads/report.py [NAME...]

Half an hour or less. Nothing else should run meanwhile.
"""
import pathlib
import re
import subprocess
import sys

import plot

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/workloads.md"
PROGRAMS = {
    "regex_scan": ["--markdown"],
    "zstd_messages": ["--markdown"],
    "json_service": ["--seconds", "36"],
    "pipeline": ["--markdown"],
    "thumbnails": ["--markdown"],
    "fresh_or_pooled": ["--markdown", "--svg", "docs/plots/fresh-or-pooled.svg"],
}


def main():
    wanted = sys.argv[1:] or list(PROGRAMS)
    subprocess.run(["cargo", "build", "--release", "-p", "stealpool-workloads", "--examples"], cwd=ROOT, check=True)
    for name in wanted:
        done = subprocess.run(
            ["cargo", "run", "--quiet", "--release", "--example", name, "--", *PROGRAMS[name]],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True,
        )
        table = done.stdout.strip()
        if "--markdown" not in PROGRAMS[name]:
            table = f"```text\n{table}\n```"
        page = PAGE.read_text()
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
        page, count = pattern.subn(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", page)
        assert count == 1, f"no place for {name}"
        PAGE.write_text(page)
        print(f"{name}: done", flush=True)
    plot.main()


if __name__ == "__main__":
    main()
