"""The filters and orders in docs/finding.md are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from care_rules.filters.conditions import Always
from care_rules.filters.schema import read_filter
from care_rules.filters.tickets import TICKET_FIELDS
from care_rules.refusals import Refusal
from care_service.rpc.fields import Fields
from care_service.rpc.list_queries import read_order

DOCS = Path(__file__).parents[3] / "docs" / "finding.md"
ROWS = re.findall(r"^\| [^|]+ \| `([^|]+)` \| (?:`([^|]+)` )?\|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)


def test_there_are_examples() -> None:
    assert len(ROWS) == 8


@pytest.mark.parametrize(("text", "order"), ROWS)
def test_an_example_is_a_valid_filter_and_order(text: str, order: str) -> None:
    assert read_filter(text, TICKET_FIELDS) != Always()
    fields = Fields()
    read_order(fields, order)
    fields.check()


def test_the_example_of_an_error_is_what_the_service_says() -> None:
    with pytest.raises(Refusal) as caught:
        read_filter("status = open", TICKET_FIELDS)
    (violation,) = caught.value.violations
    shown = f"{violation.field}, after {caught.value.metadata['position']} characters: {violation.description}"
    assert shown in DOCS.read_text(encoding="utf-8").splitlines()
