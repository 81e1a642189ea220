"""The tokens of form links are stable, unforgeable, and have one spelling."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_service.usecases.links import Links

KEY, OTHER = b"k" * 32, b"o" * 32
LINKS = Links({"k1": KEY}, "k1", "https://care.example")
ID = UUID("0190a0a0-0000-7000-8000-000000000001")


def test_a_link_is_always_the_same() -> None:
    assert LINKS.form_link(ID, "k1") == LINKS.form_link(ID, "k1")
    assert LINKS.form_link(ID, "k1").startswith("https://care.example/")


@given(st.uuids())
def test_a_token_is_parsed_into_its_recovery_and_key(recovery: UUID) -> None:
    assert LINKS.read_form_token(LINKS.form_token(recovery, "k1")) == (recovery, "k1")


def test_a_token_is_key_id_resource_id_and_a_mac_of_at_least_128_bits() -> None:
    key_id, resource, mac = LINKS.form_token(ID, "k1").split(".")
    assert key_id == "k1"
    assert urlsafe_b64decode(resource + "==") == ID.bytes
    assert len(urlsafe_b64decode(mac + "==")) >= 16


def test_each_key_makes_a_different_token() -> None:
    other = Links({"k1": OTHER}, "k1", "https://care.example")
    assert other.form_token(ID, "k1") != LINKS.form_token(ID, "k1")
    assert other.read_form_token(LINKS.form_token(ID, "k1")) is None


def test_after_a_rotation_old_tokens_are_valid_and_new_ones_use_the_new_key() -> None:
    rotated = Links({"k2": OTHER, "k1": KEY}, "k2", "https://care.example")
    assert rotated.form_token(ID, "k1") == LINKS.form_token(ID, "k1")
    assert rotated.read_form_token(LINKS.form_token(ID, "k1")) == (ID, "k1")
    assert rotated.read_form_token(rotated.form_token(ID, rotated.current)) == (ID, "k2")


@given(st.integers(0, 48), st.characters(exclude_categories=["Cs"]))
def test_a_token_with_one_changed_character_is_invalid(place: int, character: str) -> None:
    token = LINKS.form_token(ID, "k1")
    place %= len(token)
    altered = token[:place] + character + token[place + 1 :]
    assert (LINKS.read_form_token(altered) is None) == (altered != token)


@given(st.text())
def test_reading_any_text_raises_no_other_error(text: str) -> None:
    assert LINKS.read_form_token(text) is None


@pytest.mark.parametrize("suffix", ["=", "==", "A", " ", "\n", "."])
def test_a_token_has_one_spelling(suffix: str) -> None:
    assert LINKS.read_form_token(LINKS.form_token(ID, "k1") + suffix) is None
