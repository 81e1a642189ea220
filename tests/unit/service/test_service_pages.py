"""Page tokens are valid only in their scope. Any other text is refused."""

from __future__ import annotations

from typing import cast

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st

from care_rules.refusals import Reason, Refusal
from care_service.rpc.page_tokens import make_page, make_token, read_token


def test_an_empty_token_is_the_first_page() -> None:
    assert read_token("", "tickets", list) is None


@given(
    st.lists(st.integers(min_value=0, max_value=2**63 - 1) | st.text(st.characters(exclude_categories=["Cs", "Cc"])))
)
def test_a_token_returns_its_key_in_the_same_scope(key: list[str | int]) -> None:
    assert read_token(make_token("tickets organizations/acme", *key), "tickets organizations/acme", list) == key


def test_a_token_is_refused_in_another_scope() -> None:
    with pytest.raises(Refusal) as caught:
        read_token(make_token("tickets organizations/acme", 1), "tickets organizations/other", list)
    assert caught.value.reason is Reason.INVALID_PAGE_TOKEN


@given(st.text(min_size=1))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_token(text, "tickets", list)
    assert caught.value.reason is Reason.INVALID_PAGE_TOKEN


@pytest.mark.parametrize("part", [True, False, None, 1.5, [1], {"number": 1}])
def test_a_part_that_is_neither_a_text_nor_a_number_is_refused(part: object) -> None:
    token = make_token("tickets", cast("int", part))
    with pytest.raises(Refusal) as caught:
        read_token(token, "tickets", list)
    assert caught.value.reason is Reason.INVALID_PAGE_TOKEN


def page(numbers: list[int], size: int) -> tuple[list[int], str]:
    """Returns a page of rows that are numbers."""
    messages, token = make_page(
        numbers, size, lambda number: Duration(seconds=number), lambda number: f"after {number}"
    )
    return [message.seconds for message in messages], token


def test_a_page_ends_before_the_extra_row() -> None:
    assert page([1, 2, 3], 2) == ([1, 2], "after 2")
    assert page([1, 2], 2) == ([1, 2], "")
    assert page([], 2) == ([], "")


def test_a_page_has_at_least_one_message_of_any_length() -> None:
    texts = ["x" * 5_000_000, "y"]
    messages, token = make_page(texts, 2, lambda text: StringValue(value=text), lambda text: text[:1])
    assert ([message.value for message in messages], token) == (texts[:1], "x")
