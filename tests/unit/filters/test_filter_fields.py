"""Fields of filters: the values and comparisons that each accepts, the conditions that result, and the errors."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_rules.filters.conditions import (
    AllOf,
    Always,
    AnyOf,
    Comparison,
    Condition,
    Equals,
    HasValue,
    NameEquals,
    Negation,
    OneOf,
    Phrase,
)
from care_rules.filters.reviews import REVIEW_FIELDS
from care_rules.filters.schema import read_filter
from care_rules.filters.syntax import Comparator
from care_rules.filters.tickets import TICKET_FIELDS
from care_rules.refusals import Reason, Refusal

REVIEW = "organizations/acme/reviews/0190a0a0-0000-7000-8000-000000000000"


def one_of(field: str, *values: str) -> OneOf:
    return OneOf(field, frozenset(values))


CONDITIONS: list[tuple[str, Condition]] = [
    ("", Always()),
    ("status = OPEN", one_of("status", "OPEN")),
    ("status:OPEN", one_of("status", "OPEN")),
    ('status = "OPEN"', one_of("status", "OPEN")),
    ("status != OPEN", Negation(one_of("status", "OPEN"))),
    ("status:*", Always()),
    ("close_reason = MANUAL", one_of("close_reason", "MANUAL")),
    ('close_reason = ""', Negation(HasValue("close_reason"))),
    ('close_reason != ""', Negation(Negation(HasValue("close_reason")))),
    ("close_reason:*", HasValue("close_reason")),
    ("priority < HIGH", one_of("priority", "LOW", "NORMAL")),
    ("priority <= HIGH", one_of("priority", "LOW", "NORMAL", "HIGH")),
    ("priority > HIGH", one_of("priority", "URGENT")),
    ("priority >= HIGH", one_of("priority", "HIGH", "URGENT")),
    ("priority > URGENT", one_of("priority")),
    ("contact_state = NO_CONTACT", one_of("contact_state", "NO_CONTACT")),
    ("assignee = organizations/acme/agents/alice", NameEquals("assignee", "acme", "alice")),
    ('assignee = ""', Negation(HasValue("assignee"))),
    ("reporter:*", HasValue("reporter")),
    ('location = "organizations/acme/locations/soho"', NameEquals("location", "acme", "soho")),
    (f"review = {REVIEW}", NameEquals("review", "acme", UUID("0190a0a0-0000-7000-8000-000000000000"))),
    ("labels:vip", Equals("labels", "vip")),
    ("NOT labels:*", Negation(HasValue("labels"))),
    ("stars <= 2", Comparison("stars", Comparator.LESS_OR_EQUAL, 2)),
    ("stars:5", Comparison("stars", Comparator.EQUAL, 5)),
    ("stars = -1", Comparison("stars", Comparator.EQUAL, -1)),
    ('stars = ""', Negation(HasValue("stars"))),
    (
        'create_time > "2026-01-31T10:30:00+01:00"',
        Comparison("create_time", Comparator.GREATER, datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
    ),
    (
        "update_time <= '2026-01-31t09:30:00.5z'",
        Comparison("update_time", Comparator.LESS_OR_EQUAL, datetime(2026, 1, 31, 9, 30, 0, 500_000, tzinfo=UTC)),
    ),
    ("reference = 3F9A-12C7", Equals("reference", "3f9a12c7")),
    ("reference = 3f9a12c7", Equals("reference", "3f9a12c7")),
    ("external_reference = ORD-1042", Equals("external_reference", "ORD-1042")),
    ('external_reference : "Order (1) of ümlaut"', Equals("external_reference", "Order (1) of ümlaut")),
    ('external_reference != " ORD-1042 "', Negation(Equals("external_reference", "ORD-1042"))),
    ('external_reference = ""', Negation(HasValue("external_reference"))),
    ("external_reference:*", HasValue("external_reference")),
    (f"external_reference = {'x' * 128}", Equals("external_reference", "x" * 128)),
    ("soup", Phrase("soup")),
    ('"cold soup"', Phrase("cold soup")),
    (
        "status = OPEN soup OR labels:vip",
        AllOf((one_of("status", "OPEN"), AnyOf((Phrase("soup"), Equals("labels", "vip"))))),
    ),
]

BAD: list[tuple[str, int, str, str]] = [
    ("statsu = OPEN", 0, "statsu", "close_reason, priority"),
    ("soup statsu = OPEN", 5, "statsu", "status, "),
    ('"status" = OPEN', 0, "status", "is not a field"),
    ("status = open", 9, "status", "OPEN, IN_PROGRESS, RESOLVED, CLOSED"),
    ('status = ""', 9, "status", "OPEN, IN_PROGRESS, RESOLVED, CLOSED"),
    ("status < OPEN", 7, "status", "'=', '!=', ':'"),
    ("close_reason = DONE", 15, "close_reason", 'MANUAL, INACTIVITY (or "" for none)'),
    ("priority > MEDIUM", 11, "priority", "LOW, NORMAL, HIGH, URGENT"),
    ("contact_state = WITHDRAWN", 16, "contact_state", "NO_CONTACT, FORM_REQUESTED"),
    ("assignee = alice", 11, "assignee", "organizations/{organization}/agents/{agent}"),
    ("assignee > organizations/acme/agents/alice", 9, "assignee", "'=', '!=', ':'"),
    ("location = organizations/acme/agents/a", 11, "location", "/locations/{location}"),
    ("review = organizations/acme/reviews/7", 9, "review", "/reviews/{review}"),
    ("labels = vip", 7, "labels", "':', but not '='"),
    ("labels:VIP", 7, "labels", "lower-case"),
    ("stars = many", 8, "stars", "whole number"),
    ("stars = 3.5", 8, "stars", "whole number"),
    ("stars > ''", 8, "stars", "whole number"),
    ("create_time > 2026-01-31", 14, "create_time", "RFC 3339"),
    ('create_time > "2026-01-31T09:30:00"', 14, "create_time", "offset"),
    ('create_time > "2026-02-30T09:30:00Z"', 14, "create_time", "RFC 3339"),
    ('create_time > "0001-01-01T00:00:00+23:59"', 14, "create_time", "RFC 3339"),
    ("update_time = today", 14, "update_time", "RFC 3339"),
    ("reference = 3F9A", 12, "reference", "3F9A-12C7"),
    ("reference > 3F9A-12C7", 10, "reference", "'=', '!=', ':'"),
    (f"external_reference = {'x' * 129}", 21, "external_reference", "at most 128 characters"),
    ('external_reference = "a\nb"', 21, "external_reference", "one line"),
    ("external_reference > ORD", 19, "external_reference", "'=', '!=', ':'"),
    ("soup ???", 5, "", "no letter or digit"),
]


@pytest.mark.parametrize(("text", "condition"), CONDITIONS, ids=[text or "nothing" for text, _ in CONDITIONS])
def test_a_filter_of_tickets_has_the_condition(text: str, condition: Condition) -> None:
    assert read_filter(text, TICKET_FIELDS) == condition


@pytest.mark.parametrize(("text", "position", "field", "says"), BAD, ids=[text for text, *_ in BAD])
def test_a_wrong_field_or_value_is_refused_with_place_field_and_what_to_do(
    text: str, position: int, field: str, says: str
) -> None:
    with pytest.raises(Refusal) as caught:
        read_filter(text, TICKET_FIELDS)
    refusal = caught.value
    assert refusal.reason is Reason.INVALID_FILTER
    assert dict(refusal.metadata) == {"position": str(position)} | ({"field": field} if field else {})
    (violation,) = refusal.violations
    assert violation.field == "filter"
    assert says in violation.description


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("site = google", Equals("site", "google")),
        ('external_id = "a b"', Equals("external_id", "a b")),
        ("ticket = organizations/acme/tickets/7", NameEquals("ticket", "acme", 7)),
        ('ticket = ""', Negation(HasValue("ticket"))),
        ("stars > 2", Comparison("stars", Comparator.GREATER, 2)),
        ("soup", Phrase("soup")),
    ],
)
def test_a_filter_of_reviews_has_the_condition(text: str, condition: Condition) -> None:
    assert read_filter(text, REVIEW_FIELDS) == condition


VALUES = st.sampled_from(
    ["OPEN", '""', "*", "-1", "9" * 18, "9" * 30, "2026-01-31", '"2026-01-31T09:30:00Z"', "vip", "a/b"]
)


@given(
    st.sampled_from([*TICKET_FIELDS, *REVIEW_FIELDS, "nothing"]),
    st.sampled_from(list(Comparator)),
    VALUES | st.text(max_size=10),
)
def test_any_field_with_any_value_gives_a_condition_or_is_refused(field: str, comparator: str, value: str) -> None:
    for fields in (TICKET_FIELDS, REVIEW_FIELDS):
        with suppress(Refusal):
            read_filter(f"{field}{comparator}{value}", fields)
