#!/usr/bin/env python3
"""Writes the table of models in docs/verification.md from what a run has printed.

usage: verify/models.sh | tee run.txt; loom-tests/table.py run.txt
"""

import pathlib
import re
import sys

LINE = re.compile(r"([a-z]+: .+?)\s{2,}([\d-]+)\s+([\d-]+)\s+(\d+) executions\s+([\d.]+) s$")
BEGIN, END = "<!-- models -->\n", "<!-- /models -->"
ORDER = ["slots", "slot", "magazine", "sequences", "retired", "weak", "steal", "cycle", "workers", "budget", "background", "lifetime", "panic", "whole", "scripts"]
FILES = {"slot": "ref_slot", "weak": "weak_sequences"}


def main():
    rows = {}
    for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
        found = LINE.search(line)
        if found and not found[1].startswith("canary"):
            group, script = found[1].split(": ", 1)
            rows[group, script] = found.groups()[1:]
    table = "| group | what the threads do | threads | bound | executions | seconds |\n|---|---|---|---|---|---|\n"
    last = None
    for (group, script), (threads, bound, executions, time) in sorted(rows.items(), key=lambda row: (ORDER.index(row[0][0]), row[0][1])):
        shown = "" if group == last else f"`{FILES.get(group, group)}.rs`"
        last = group
        cell = script.replace("|", "\\|") if group == "scripts" else f"`{script}`".replace("|", "\\|")
        table += f"| {shown} | {cell} | {threads} | {bound} | {int(executions):,} | {float(time):.1f} |\n"
    total = sum(int(row[2]) for row in rows.values())
    table += f"\n{len(rows) - 2} models and the drawn scripts: {total:,} executions.\n"
    page = pathlib.Path(__file__).parent.parent / "docs/verification.md"
    text = page.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    page.write_text(text[:begin] + "\n" + table + "\n" + text[end:])
    print(f"{len(rows)} rows, {total:,} executions")


main()
