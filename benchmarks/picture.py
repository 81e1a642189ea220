"""Draws `docs/images/bench.svg` from `results.json`.

python -m benchmarks.picture            writes the picture
python -m benchmarks.picture --check    writes nothing; exits with status 1 if the picture is out of date

Each row has its own scale. The full length of a bar stands for the row's largest figure, or for the goal if that is
larger. A mark shows the goal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from benchmarks import report
from benchmarks.bench import Figures
from benchmarks.catalog import ROWS, Bound, Row

PICTURE: Final = Path(__file__).resolve().parent.parent / "docs" / "images" / "bench.svg"

_WIDTH: Final = 960
_TOP: Final = 64
_ROW: Final = 40
_BAR: Final = 11
_LEFT: Final = 270
"""Where the bars begin."""
_LONGEST: Final = 300
_STYLE: Final = """
    text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
    .small { font-size: 11px; fill: #59636e }
    .card { fill: #ffffff; stroke: #d1d9e0 }
    .met { fill: #0969da } .missed { fill: #bc4c00 } .other { fill: #afb8c1 }
    .goal { stroke: #1f2328; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc } .small { fill: #9198a1 } .card { fill: #0d1117; stroke: #3d444d }
      .met { fill: #4493f8 } .missed { fill: #db6d28 } .other { fill: #656c76 } .goal { stroke: #f0f6fc }
    }
"""


def draw(results: dict[str, Any]) -> str:
    """Returns the picture of all rows that have a goal."""
    rows = [row for row in ROWS if row.goal is not None]
    height = _TOP + _ROW * len(rows) + 16
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title">',
        '<title id="title">Care beside a bare stack: the figures of benchmarks/results.json, with their goals</title>',
        f"<style>{_STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="6"/>',
        *_legend(20, "met", "Care, goal met"),
        *_legend(150, "missed", "Care, goal missed"),
        *_legend(300, "other", "what it is compared with"),
        '<line class="goal" x1="490" y1="18" x2="490" y2="33"/>',
        '<text x="498" y="30">goal</text>',
        f'<text class="small" x="20" y="50">{escape(_machine(results))}</text>',
    ]
    for index, row in enumerate(rows):
        lines += _row(row, report.figures(results, row.key), _TOP + _ROW * index)
    return "\n".join((*lines, "</svg>", ""))


def _legend(x: int, kind: str, text: str) -> Iterator[str]:
    yield f'<rect class="{kind}" x="{x}" y="20" width="11" height="11"/>'
    yield f'<text x="{x + 17}" y="30">{text}</text>'


def _machine(results: dict[str, Any]) -> str:
    cores = results["machine"]["cores"]
    return f"Medians on {cores} cores. Load generator: {results['load_generator']}. Each row has its own scale."


def _row(row: Row, found: Figures, top: int) -> Iterator[str]:
    assert row.goal is not None
    goal, judged = _goal_of_subject(row, found), row.judged(found)
    longest = max(goal, *(figure.median for figure in found.values()))
    better = "more" if row.goal.bound is Bound.AT_LEAST and row.divided and row.divided[0] == row.sides[0] else "less"
    yield f'<text x="20" y="{top + 14}">{escape(row.title)}</text>'
    yield f'<text class="small" x="20" y="{top + 28}">{escape(row.unit)}; {better} is better</text>'
    for place, side in enumerate(row.sides):
        y, width = top + 4 + place * (_BAR + 2), _length(found[side].median, longest)
        is_met = judged is not None and row.goal.is_met(judged)
        kind = "other" if place else "met" if is_met else "missed"
        label = f"{side}: {report.number(found[side].median, row.digits)}"
        yield f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{width}" height="{_BAR}"/>'
        yield f'<text class="small" x="{_LEFT + _LONGEST + 12}" y="{y + 10}">{escape(label)}</text>'
    x = _LEFT + _length(goal, longest)
    yield f'<line class="goal" x1="{x}" y1="{top + 1}" x2="{x}" y2="{top + 7 + _BAR}"/>'
    text = f"goal {row.goal.bound} {row.goal.value:g}"
    if not row.goal.side:
        text = f"ratio {judged:.2f}, {text}"
    yield f'<text class="small" x="{_LEFT + _LONGEST + 190}" y="{top + 14}">{text}</text>'


def _goal_of_subject(row: Row, found: Figures) -> float:
    """Returns the goal as a figure of the row's first side."""
    assert row.goal is not None
    if row.goal.side:
        return row.goal.value
    assert row.divided is not None
    numerator, denominator = row.divided
    if numerator == row.sides[0]:
        return row.goal.value * found[denominator].median
    return found[numerator].median / row.goal.value


def _length(value: float, longest: float) -> float:
    return round(_LONGEST * value / longest, 1)


def write() -> None:
    """Writes the picture."""
    PICTURE.write_text(draw(report.read()), encoding="utf-8")


def main(argv: list[str]) -> None:
    """Runs the command."""
    if "--check" not in argv:
        write()
    elif PICTURE.read_text(encoding="utf-8") != draw(report.read()):
        sys.exit(f"{PICTURE.name} is out of date with {report.RESULTS.name}: run `make bench-picture`")


if __name__ == "__main__":
    main(sys.argv[1:])
