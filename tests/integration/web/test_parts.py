"""The parts of the pages that need no connection: ids, addresses, names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from care_web.customers import one_line
from care_web.draft import Draft
from care_web.failures import TooMany
from care_web.live import Full, Streams
from care_web.posted import parse_form
from care_web.rate_limit import AddressLimit, group
from care_web.submission import Submission

EPOCH = datetime.fromtimestamp(0, UTC)


@pytest.mark.parametrize("text", ["", " ", "\u202e", "\n\t"])
def test_a_name_that_shows_nothing_is_empty(text: str) -> None:
    assert one_line(text) == ""


def test_a_name_keeps_its_letters_and_marks_in_any_script() -> None:
    for name in ("Harbor Café", "مقهى الميناء", "बंदरगाह", "👩‍🍳 Kitchen", "שלום\u200f!"):
        assert one_line(name) == name


def test_a_renewed_id_follows_from_the_id_and_the_content() -> None:
    submission = Submission.of(parse_form(b"email=jane%40example.com&request_id=6f1c0b1e-4c43-4a52-9d0c-3a5b3f4f9d10"))
    again = Submission.of(parse_form(b"email=jane%40example.com&request_id=6f1c0b1e-4c43-4a52-9d0c-3a5b3f4f9d10"))
    other = Submission.of(parse_form(b"email=joan%40example.com&request_id=6f1c0b1e-4c43-4a52-9d0c-3a5b3f4f9d10"))
    ids = {submission.request_id, submission.renewed().request_id, other.renewed().request_id}
    assert len(ids) == 3
    assert again.renewed().request_id == submission.renewed().request_id


def test_what_was_typed_does_not_get_into_a_log_by_accident() -> None:
    assert "jane" not in repr(Submission.of(parse_form(b"email=jane%40example.com")))
    assert "soup" not in repr(Draft.of(parse_form(b"text=cold+soup")))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("", "testclient", False),
    ],
)
def test_addresses_of_one_subscriber_count_together(one: str, other: str, same: bool) -> None:
    assert (group(one) == group(other)) is same


async def test_so_many_pass_and_no_more() -> None:
    limit = AddressLimit(per_minute=2)
    waits = [await limit.admit("192.0.2.1") for _ in range(3)]
    assert waits[:2] == [0, 0]
    assert 1 <= waits[2] <= 60
    assert await limit.admit("192.0.2.2") == 0


def test_a_stream_that_ends_makes_room_for_another() -> None:
    streams = Streams(most=2, per_link=1)
    with streams.one("a"), pytest.raises(TooMany), streams.one("a"):
        pass
    with streams.one("a"), streams.one("b"), pytest.raises(Full), streams.one("c"):
        pass
    with streams.one("a"), streams.one("c"):
        pass
