"""The results: the table on the terminal, and `results.json`."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks import load
from benchmarks.bench import Figures
from benchmarks.catalog import ROWS, Row
from benchmarks.effort import Effort
from benchmarks.measure import Figure

RESULTS: Final = Path(__file__).resolve().parent / "results.json"
_SIGNIFICANT: Final = 4
"""Significant digits of a figure in the file. More would suggest a precision that the measurements do not have."""


def number(value: float, digits: int) -> str:
    """Returns a figure as text."""
    return f"{value:,.{digits}f}"


def table(found: Mapping[str, Figures]) -> str:
    """Returns the table of the measured rows. Each figure is a median, with the lowest and the highest round."""
    lines: list[tuple[str, ...]] = [("", "median (lowest to highest round)", "", "ratio", "goal", "")]
    lines += [_line(row, found[row.key]) for row in ROWS if row.key in found]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    texts = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(text.rstrip() for text in texts)


def write(found: Mapping[str, Figures], effort: Effort) -> None:
    """Writes the results of all rows, which were measured with `effort`."""
    results = {
        "load_generator": load.DESCRIPTION,
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "effort": asdict(effort),
        "rows": {row.key: _result(row, found[row.key]) for row in ROWS},
    }
    RESULTS.write_text(json.dumps(results, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def read() -> dict[str, Any]:
    """Returns the content of `results.json`."""
    content: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return content


def figures(results: Mapping[str, Any], key: str) -> Figures:
    """Returns the figures of one row of `results.json`."""
    return {side: Figure(**values) for side, values in results["rows"][key]["figures"].items()}


def _line(row: Row, found: Figures) -> tuple[str, ...]:
    first, *others = (_spread(row, side, found[side]) for side in row.sides)
    ratio, judged = row.ratio(found), row.judged(found)
    shown = "" if ratio is None else f"{ratio:.2f}"
    goal = "" if row.goal is None else goal_text(row)
    verdict = "" if row.goal is None or judged is None else "met" if row.goal.is_met(judged) else "missed"
    return (f"{row.title} ({row.unit})", first, " ".join(others), shown, goal, verdict)


def goal_text(row: Row) -> str:
    """Returns the goal of a row that has one, such as `bare ÷ care ≥ 0.9`."""
    assert row.goal is not None
    what = row.goal.side or " ÷ ".join(row.divided or ())
    return f"{what} {row.goal.bound} {row.goal.value:g}"


def _spread(row: Row, side: str, figure: Figure) -> str:
    low, high = number(figure.low, row.digits), number(figure.high, row.digits)
    return f"{side} {number(figure.median, row.digits)} ({low}–{high})"


def _result(row: Row, found: Figures) -> dict[str, object]:
    ratio, judged = row.ratio(found), row.judged(found)
    result: dict[str, object] = {
        "title": row.title,
        "unit": row.unit,
        "figures": {side: _rounded(found[side]) for side in row.sides},
    }
    if ratio is not None:
        result["ratio"] = _significant(ratio)
    if row.goal is not None and judged is not None:
        result |= {"goal": goal_text(row), "met": row.goal.is_met(judged)}
    return result


def _rounded(figure: Figure) -> dict[str, float]:
    return {name: _significant(getattr(figure, name)) for name in ("median", "low", "high")}


def _significant(value: float) -> float:
    return float(f"{value:.{_SIGNIFICANT}g}")
