"""The messages of refusals."""

from __future__ import annotations

from care_rules.refusals import Violation, invalid


def test_each_violation_names_its_field() -> None:
    refusal = invalid(Violation("name", "must be set"), Violation("page_size", "must be positive"))
    assert refusal.message == "name: must be set; page_size: must be positive"


def test_a_violation_of_the_whole_request_names_no_field() -> None:
    assert invalid(Violation("", "the request can't be decoded")).message == "the request can't be decoded"
