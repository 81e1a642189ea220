"""The committed results have every row of the benchmark, and the picture shows them."""

from __future__ import annotations

import pytest

from benchmarks import picture, report
from benchmarks.catalog import BARE, CALLS, CARE, ROWS, Row
from benchmarks.measure import Figure


def figure(value: float) -> Figure:
    return Figure.of([value])


def row_of(key: str) -> Row:
    return next(row for row in ROWS if row.key == key)


def test_each_row_has_its_own_key() -> None:
    assert len({row.key for row in ROWS}) == len(ROWS)


def test_the_results_have_the_rows_of_the_benchmark() -> None:
    assert list(report.read()["rows"]) == [row.key for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=[row.key for row in ROWS])
def test_each_result_has_the_sides_of_its_row(row: Row) -> None:
    result = report.read()["rows"][row.key]
    assert tuple(result["figures"]) == row.sides
    assert ("ratio" in result, "goal" in result) == (row.divided is not None, row.goal is not None)
    for side in row.sides:
        found = result["figures"][side]
        assert 0 < found["low"] <= found["median"] <= found["high"]


def test_the_picture_is_drawn_from_the_results() -> None:
    assert picture.PICTURE.read_text(encoding="utf-8") == picture.draw(report.read())


def test_a_call_meets_its_goal_if_it_costs_little_more_than_the_bare_one() -> None:
    row = CALLS[0]  # at least 0.9
    assert row.goal is not None
    for care, met in ((110.0, True), (112.0, False)):
        figures = {CARE: figure(care), BARE: figure(100.0)}
        judged = row.judged(figures)
        assert judged is not None
        assert judged == pytest.approx(100 / care)
        assert row.goal.is_met(judged) is met


def test_a_goal_of_one_side_bounds_its_figure() -> None:
    row = row_of("memory")  # at most 110 MB
    assert row.goal is not None
    assert row.judged({CARE: figure(109.0), BARE: figure(44.0)}) == 109.0
    assert row.goal.is_met(110.0)
    assert not row.goal.is_met(110.1)


def test_the_table_shows_median_spread_ratio_and_verdict() -> None:
    figures = {CARE: Figure.of([300.0, 200.0, 250.0]), BARE: Figure.of([100.0, 110.0, 90.0])}
    lines = report.table({"get_ticket": figures}).splitlines()
    assert len(lines) == 2
    for text in (
        "GetTicket (µs of CPU per call)",
        "care 250 (200–300)",
        "bare 100 (90–110)",
        "0.40",
        "≥ 0.9",
        "missed",
    ):
        assert text in lines[1]
