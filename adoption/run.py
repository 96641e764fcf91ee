#!/usr/bin/env python3
"""Crates of others, with their pool or thread-local cache replaced by stealpool, judged by their own tests.

    adoption/run.py tests [NAME...]               each crate's own tests, before and after
    adoption/run.py measure [--rounds N] [NAME...]  the driver's jobs on 1, 8 and 64 threads: time and peak memory
    adoption/run.py benches [--rounds N] [NAME...]  each crate's own benchmarks, where its package has them

The crates come from the registry, at the versions in crates.json. `patches/` has our change to each. Two workspaces are
made in the target folder: `before` has the crates as they are, `after` has them patched. `without` in crates.json are
features with which a crate must build when its defaults are off. A crate's package leaves out
some files that its tests read; `supply` in crates.json says what stands in for them, in both workspaces.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "adoption"
CRATES = json.loads((HERE / "crates.json").read_text())
SIDES = ("before", "after")
THREADS = (1, 8, 64)
ENVIRONMENT = {
    **os.environ,
    "CARGO_TERM_COLOR": "never",
    "CARGO_INCREMENTAL": "0",
    "CARGO_PROFILE_DEV_DEBUG": "0",
}
# Two of the crates have benchmarks of the standard library's harness, which the stable compiler must be told to take.
BENCHES = {**ENVIRONMENT, "RUSTC_BOOTSTRAP": "1"}
for environment in (ENVIRONMENT, BENCHES):
    environment.pop("CARGO_TARGET_DIR", None)


def folder(crate):
    return f"{crate['name']}-{crate['version']}"


def run(*command, where, environment=ENVIRONMENT):
    """What it printed, and its exit status."""
    done = subprocess.run(command, cwd=where, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout, done.returncode


def call(*command, where, environment=ENVIRONMENT):
    """What it printed. Ends the program if it fails."""
    said, status = run(*command, where=where, environment=environment)
    if status != 0:
        sys.exit(f"{' '.join(command)} failed:\n{said[-6000:]}")
    return said


def fetch():
    """The packages as the registry has them, unpacked."""
    wanted = TARGET / "wanted"
    (wanted / "src").mkdir(parents=True, exist_ok=True)
    (wanted / "src/lib.rs").write_text("")
    needed = "".join(f'{crate["name"]} = "={crate["version"]}"\n' for crate in CRATES)
    manifest = f'[package]\nname = "wanted"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n{needed}[workspace]\n'
    if (wanted / "Cargo.toml").exists() and (wanted / "Cargo.toml").read_text() == manifest and (TARGET / "vendor").exists():
        return
    (wanted / "Cargo.toml").write_text(manifest)
    call("cargo", "vendor", "--quiet", "--versioned-dirs", str(TARGET / "vendor"), where=wanted)


def lay_out():
    """Both workspaces, anew; what was built stays."""
    fetch()
    for side in SIDES:
        workspace = TARGET / side
        workspace.mkdir(exist_ok=True)
        for old in workspace.iterdir():
            if old.is_dir() and old.name != "target":
                shutil.rmtree(old)
        for crate in CRATES:
            place = workspace / crate["name"]  # some tests look at the folder's name
            # With the time of now: Cargo takes a file that is older than what it built for unchanged.
            shutil.copytree(TARGET / "vendor" / folder(crate), place, copy_function=shutil.copyfile)
            for leftover in ("Cargo.lock", "Cargo.toml.orig", ".cargo-checksum.json"):
                (place / leftover).unlink(missing_ok=True)
            patch = HERE / "patches" / f"{folder(crate)}.diff"
            if side == "after" and crate.get("patched", True):
                call("patch", "-p1", "--no-backup-if-mismatch", "-i", str(patch), where=place)
        for crate in CRATES:
            supply(workspace, crate)
        shutil.copytree(HERE / "driver", workspace / "driver")
        shutil.copy(HERE / "Cargo.lock", workspace / "Cargo.lock")
        write_if_new(workspace / "Cargo.toml", manifest(side))


def supply(workspace, crate):
    for path, content in crate.get("supply", {}).items():
        place = workspace / crate["name"] / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if "copy" in content:
            source = workspace / content["copy"] if not content["copy"].startswith("vendor/") else TARGET / content["copy"]
            (shutil.copytree if source.is_dir() else shutil.copy)(source, place)
        elif "append" in content:
            place.write_text(place.read_text() + content["append"])
        else:
            place.write_text(content["text"])


def manifest(side):
    members = ", ".join(f'"{member}"' for member in [*(crate["name"] for crate in CRATES), "driver"])
    patched = "".join(f'{crate["name"]} = {{ path = "{crate["name"]}" }}\n' for crate in CRATES)
    if side == "after":
        patched += f'stealpool = {{ path = "{ROOT}" }}\n'
    return (
        f'[workspace]\nmembers = [{members}]\nresolver = "2"\n\n'
        # Without optimisation, the tests of regex-automata take a quarter of an hour.
        "[profile.dev]\nopt-level = 1\n\n[profile.test]\nopt-level = 1\n\n"
        '[profile.release]\nlto = "thin"\ncodegen-units = 1\n\n[profile.bench]\nlto = "thin"\ncodegen-units = 1\n\n'
        f"[patch.crates-io]\n{patched}"
    )


def write_if_new(path, text):
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def features(crate):
    return ["--features", ",".join(crate["features"])] if crate.get("features") else []


def changed(crate):
    """Lines added and removed by our patch."""
    patch = HERE / "patches" / f"{folder(crate)}.diff"
    lines = patch.read_text().splitlines() if crate.get("patched", True) else []
    added = sum(line.startswith("+") and not line.startswith("+++") for line in lines)
    removed = sum(line.startswith("-") and not line.startswith("---") for line in lines)
    return f"+{added} -{removed}"


def outcomes(said):
    """Each test's name and what came out. Lines of documentation move with a patch."""
    found = {}
    binary = ""
    for line in said.splitlines():
        if match := re.match(r"\s+(?:Running|Doc-tests) (\S+(?: \S+\.rs)?)", line):
            binary = match[1]
        elif match := re.match(r"test (.+?)(?: - should panic)?(?: - compile(?: fail)?)? \.\.\. (\w+)", line):
            name = re.sub(r" \(line \d+\)", "", match[1])
            found.setdefault((binary, name), []).append(match[2])
    return {key: sorted(values) for key, values in found.items()}


def uses_stealpool():
    """The crates that depend on it in the patched workspace."""
    said = call("cargo", "tree", "--invert", "stealpool", "--workspace", "--depth", "1", "--prefix", "none", where=TARGET / "after")
    return {line.split()[0] for line in said.splitlines() if line}


def tests(crates):
    lay_out()
    missing = {crate["name"] for crate in CRATES if crate.get("patched", True)} - uses_stealpool()
    if missing:
        sys.exit(f"do not use stealpool: {', '.join(missing)}")
    failed = False
    for crate in crates:
        if "without" in crate:
            command = ["cargo", "check", "--quiet", "--no-default-features", *crate["without"]]
            call(*command, where=TARGET / "after" / crate["name"])
    print("| crate | lines changed | tests before | tests after |\n|---|---|---|---|", flush=True)
    for crate in crates:
        came, status = {}, {}
        for side in SIDES:
            command = ["cargo", "test", "--package", crate["name"], "--no-fail-fast", *features(crate)]
            said, status[side] = run(*command, where=TARGET / side)
            (TARGET / f"{side}-{crate['name']}.log").write_text(said)
            came[side] = outcomes(said)
        count = {side: sum(values.count("ok") for values in came[side].values()) for side in SIDES}
        fell = {side: sum(values.count("FAILED") for values in came[side].values()) for side in SIDES}
        print(f"| {folder(crate)} | {changed(crate)} | {count['before']} passed, {fell['before']} failed "
              f"| {count['after']} passed, {fell['after']} failed |", flush=True)
        if came["before"] != came["after"] or count["before"] == 0 or status != {"before": 0, "after": 0}:
            failed = True
            for key in sorted(came["before"].keys() | came["after"].keys()):
                before, after = came["before"].get(key), came["after"].get(key)
                if before != after or "FAILED" in (before or []):
                    print(f"  {' '.join(key)}: before {before}, after {after}")
            print(f"  see {TARGET}/{{before,after}}-{crate['name']}.log")
    return failed


def build_driver():
    lay_out()
    for side in SIDES:
        call("cargo", "build", "--release", "--quiet", "--package", "driver", where=TARGET / side)


def measure(crates, rounds):
    build_driver()
    print("| job | threads | ns an item: before | after | after / before | peak MiB: before | after | of it in the run: before | after |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for crate in crates:
        for job, items in crate.get("jobs", {}).items():
            for threads in THREADS:
                row(job, threads, items, rounds)
    return False


def row(job, threads, items, rounds):
    """Both sides in turn, first one and then the other first. The ratio is the median of the rounds' ratios."""
    figures = {side: [] for side in SIDES}
    for round_ in range(rounds):
        for side in SIDES if round_ % 2 else reversed(SIDES):
            binary = TARGET / side / "target/release/driver"
            said = call(str(binary), job, str(threads), str(items), where=TARGET)
            figures[side].append([float(figure) for figure in said.split()])
    ratio = statistics.median(after[0] / before[0] for before, after in zip(figures["before"], figures["after"]))
    time, peak, grown = ([statistics.median(run[which] for run in figures[side]) for side in SIDES] for which in range(3))
    print(f"| {job} | {threads} | {figure(time[0])} | {figure(time[1])} | {ratio:.2f} "
          f"| {peak[0] / 1024:.1f} | {peak[1] / 1024:.1f} | {grown[0] / 1024:.1f} | {grown[1] / 1024:.1f} |", flush=True)


def figure(value):
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def bench_times(said):
    """Criterion's middle figure, or the harness's, in nanoseconds."""
    unit = {"ps": 1e-3, "ns": 1, "µs": 1e3, "us": 1e3, "ms": 1e6, "s": 1e9}
    found, name = {}, ""
    for line in said.splitlines():
        if match := re.match(r"test (\S+)\s+\.\.\. bench:\s+([\d,.]+) ns/iter", line):
            found[match[1]] = float(match[2].replace(",", ""))
        elif match := re.match(r"(\S.*?)?\s*time:\s+\[\S+ \S+ (\S+) (\S+) \S+ \S+\]", line):
            found[match[1] or name] = float(match[2]) * unit[match[3]]
        elif re.match(r"[\w/]\S+$", line):
            name = line.strip()
    return found


def benches(crates, rounds):
    lay_out()
    print("| crate | benchmark | before | after | after / before |\n|---|---|---|---|---|", flush=True)
    for crate in crates:
        for bench, arguments in crate.get("benches", {}).items():
            times = {side: {} for side in SIDES}
            for round_ in range(rounds):
                for side in SIDES if round_ % 2 else reversed(SIDES):
                    command = ["cargo", "bench", "--package", crate["name"], *features(crate), "--bench", bench, "--", *arguments]
                    for name, value in bench_times(call(*command, where=TARGET / side, environment=BENCHES)).items():
                        times[side].setdefault(name, []).append(value)
            if not times["before"]:
                sys.exit(f"{crate['name']}: {bench} printed no figure")
            for name, before in times["before"].items():
                after = times["after"][name]
                ratio = statistics.median(new / old for old, new in zip(before, after))
                print(f"| {crate['name']} | {bench}: {name} | {figure(statistics.median(before))} "
                      f"| {figure(statistics.median(after))} | {ratio:.2f} |", flush=True)
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["tests", "measure", "benches"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_intermixed_args()
    known = [crate["name"] for crate in CRATES]
    for name in arguments.names:
        if name not in known:
            parser.error(f"there is no crate {name!r}; there are {', '.join(known)}")
    if arguments.rounds < 1:
        parser.error("at least one round is needed")
    crates = [crate for crate in CRATES if not arguments.names or crate["name"] in arguments.names]
    TARGET.mkdir(parents=True, exist_ok=True)
    if arguments.what == "tests":
        failed = tests(crates)
    else:
        failed = {"measure": measure, "benches": benches}[arguments.what](crates, arguments.rounds)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
