"""Draws what is retained, from the tables of docs/workloads.md: docs/plots/retained.svg."""
import html
import math
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNITS = {"B": 1, "KB": 1e3, "MB": 1e6}
# Where a program has more than one scenario that tells something, the one that keeps most.
SHOWN = ["64-threads", "fleet", "handoff", "mixed", "stall", "burst"]
INK, PALE, OURS = "#24292f", "#8c959f", "#0969da"
LEFT, WIDTH, STEP, LEAST, MOST = 260, 460, 18, 1e3, 1e10


def tables(page):
    """Of each scenario: its heading, and what each contender keeps right after the load and after two cycles."""
    program = ""
    for heading, name, about, table in re.findall(r"^## (\w+)$|\*\*([\w-]+)\*\*: (.+)\n\n((?:\|.*\n)+)", page, re.M):
        program = heading or program
        rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
        cells = {row[0]: row[1:] for row in rows}
        if name in SHOWN and "retained after the load" in cells:
            kept = zip(rows[0][1:], cells["retained after the load"], cells["after two cycles"])
            yield f"{program}, {name}", about, [(html.unescape(who), size(first), size(last)) for who, first, last in kept]


def size(text):
    number, unit = text.replace(",", "").split()
    return float(number) * UNITS[unit]


def place(size):
    decades = math.log10(MOST / LEAST)
    return LEFT + WIDTH * max(0.0, math.log10(max(size, LEAST) / LEAST) / decades)


def draw(scenarios):
    lines, y = [], 46
    text = lambda x, y, what, **more: lines.append(
        f'<text x="{x:.0f}" y="{y:.0f}"' + "".join(f' {k.replace("_", "-")}="{v}"' for k, v in more.items()) + f">{html.escape(what)}</text>"
    )
    for name, about, kept in scenarios:
        y += 10
        text(12, y, f"{name}: {about}", font_weight="bold")
        for who, first, last in kept:
            y += STEP
            colour = OURS if who.startswith("stealpool") else PALE
            text(LEFT - 12, y, who, text_anchor="end")
            lines.append(f'<line x1="{place(last):.0f}" y1="{y - 4}" x2="{place(first):.0f}" y2="{y - 4}" stroke="{colour}" stroke-width="2"/>')
            lines.append(f'<circle cx="{place(first):.0f}" cy="{y - 4}" r="4" fill="white" stroke="{colour}" stroke-width="2"/>')
            lines.append(f'<circle cx="{place(last):.0f}" cy="{y - 4}" r="4" fill="{colour}"/>')
        y += STEP
    axis = []
    for decade in range(int(math.log10(LEAST)), int(math.log10(MOST)) + 1):
        x = place(10.0**decade)
        label = {3: "1 KB or less", 6: "1 MB", 9: "1 GB"}.get(decade)
        axis.append(f'<line x1="{x:.0f}" y1="36" x2="{x:.0f}" y2="{y}" stroke="#d0d7de" stroke-width="1"/>')
        if label:
            axis.append(f'<text x="{x:.0f}" y="30" text-anchor="middle" fill="{INK}">{label}</text>')
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 40} {y + 8}" font-family="sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="100%" height="100%" fill="white"/>',
        f'<text x="12" y="16" font-size="13">Idle memory after the load (hollow) and two cycles later (filled)</text>',
        *axis, *lines, "</svg>", "",
    ])


def main():
    page = (ROOT / "docs/workloads.md").read_text()
    (ROOT / "docs/plots/retained.svg").write_text(draw(list(tables(page))))


if __name__ == "__main__":
    main()
