"""Parts of the pages that need no service: ids, addresses, names and limits."""

from __future__ import annotations

import pytest

from care_web.business_name import clean_business_name
from care_web.chat_events import StreamLimit, TooManyStreams
from care_web.draft import Draft
from care_web.form_body import parse_form
from care_web.rate_limit import AddressLimit, subscriber_key
from care_web.service_errors import RateLimited
from care_web.submission import Submission


@pytest.mark.parametrize("text", ["", " ", "\u202e", "\n\t"])
def test_a_name_without_visible_characters_is_empty(text: str) -> None:
    assert clean_business_name(text) == ""


def test_a_name_keeps_its_letters_and_marks_in_any_script() -> None:
    for name in ("Harbor Café", "مقهى الميناء", "बंदरगाह", "👩‍🍳 Kitchen", "שלום\u200f!"):
        assert clean_business_name(name) == name


def test_a_renewed_id_follows_from_the_id_and_the_content() -> None:
    submission = Submission.from_fields(
        parse_form(b"email=jane%40example.com&request_id=6f1c0b1e-4c43-4a52-9d0c-3a5b3f4f9d10")
    )
    again = Submission.from_fields(
        parse_form(b"email=jane%40example.com&request_id=6f1c0b1e-4c43-4a52-9d0c-3a5b3f4f9d10")
    )
    other = Submission.from_fields(
        parse_form(b"email=joan%40example.com&request_id=6f1c0b1e-4c43-4a52-9d0c-3a5b3f4f9d10")
    )
    ids = {submission.request_id, submission.with_new_request_id().request_id, other.with_new_request_id().request_id}
    assert len(ids) == 3
    assert again.with_new_request_id().request_id == submission.with_new_request_id().request_id


def test_the_representation_of_answers_shows_no_values() -> None:
    assert "jane" not in repr(Submission.from_fields(parse_form(b"email=jane%40example.com")))
    assert "soup" not in repr(Draft.from_fields(parse_form(b"text=cold+soup")))


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
def test_addresses_of_one_subscriber_share_a_limit(one: str, other: str, same: bool) -> None:
    assert (subscriber_key(one) == subscriber_key(other)) is same


async def test_a_limit_accepts_its_number_of_requests() -> None:
    limit = AddressLimit(per_minute=2)
    waits = [await limit.count("192.0.2.1") for _ in range(3)]
    assert waits[:2] == [0, 0]
    assert 1 <= waits[2] <= 60
    assert await limit.count("192.0.2.2") == 0


def test_a_stream_that_ends_frees_its_place() -> None:
    streams = StreamLimit(max_streams=2, max_per_link=1)
    with streams.reserve("a"), pytest.raises(RateLimited), streams.reserve("a"):
        pass
    with streams.reserve("a"), streams.reserve("b"), pytest.raises(TooManyStreams), streams.reserve("c"):
        pass
    with streams.reserve("a"), streams.reserve("c"):
        pass
