"""Email addresses and phone numbers are normalized or refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_rules.addresses import normalize_email, normalize_phone
from care_rules.refusals import Reason, Refusal


@pytest.mark.parametrize(
    ("given_text", "region", "normal"),
    [
        ("", "", ""),
        ("  ", "US", ""),
        ("+1 (415) 555-2671", "", "+14155552671"),
        ("+44 20 7946 0018", "US", "+442079460018"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("020 7946 0018", "GB", "+442079460018"),
        (
            "+\u0661 \u0664\u0661\u0665 \u0665\u0665\u0665 \u0662\u0666\u0667\u0661",
            "",
            "+14155552671",
        ),  # Arabic digits
    ],
)
def test_a_phone_number_becomes_e164(given_text: str, region: str, normal: str) -> None:
    assert normalize_phone(given_text, region) == normal


@pytest.mark.parametrize(
    ("given_text", "region"),
    [("(415) 555-2671", ""), ("12", "US"), ("+999 123", ""), ("+1 415 555 2671 ext. 5", ""), ("phone", "US")],
)
def test_an_invalid_phone_number_is_refused(given_text: str, region: str) -> None:
    with pytest.raises(Refusal) as caught:
        normalize_phone(given_text, region, "contact.phone")
    assert caught.value.reason is Reason.INVALID_FIELD
    assert [violation.field for violation in caught.value.violations] == ["contact.phone"]


@given(st.text(max_size=60), st.sampled_from(["", "US", "GB", "IT"]))
def test_a_phone_number_is_normalized_or_refused_whatever_is_typed(text: str, region: str) -> None:
    normal = normal_form(lambda: normalize_phone(text, region))
    if normal:
        assert normal.startswith("+")
        assert normal[1:].isascii()
        assert normal[1:].isdigit()
        assert normalize_phone(normal, region) == normal


@given(st.text(max_size=60) | st.emails())
def test_an_email_address_is_normalized_or_refused_whatever_is_typed(text: str) -> None:
    normal = normal_form(lambda: normalize_email(text))
    if normal:
        assert "@" in normal
        assert normalize_email(normal) == normal


def normal_form(normalize: Callable[[], str]) -> str | None:
    """Returns the normal form, or None if the text is refused. Other exceptions pass."""
    try:
        return normalize()
    except Refusal as refusal:
        if refusal.reason is not Reason.INVALID_FIELD:
            raise
        return None


def test_a_refused_address_is_not_repeated_in_the_message() -> None:
    with pytest.raises(Refusal) as caught:
        normalize_email("robin at example.com")
    assert "robin" not in str(caught.value)
