"""Messages that are longer than an SMS are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_workflows.channels.sms_text import MAX_SMS_LENGTH, fit_sms

LINK = "https://care.example/c/k1.token"


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_the_limit_is_the_provider_s() -> None:
    assert MAX_SMS_LENGTH == 1600


def test_a_text_that_just_fits_is_unchanged() -> None:
    text = "x" * (1600 - len(LINK) - 1)
    assert fit_sms(text, LINK) == f"{text}\n{LINK}"


def test_a_text_that_is_too_long_is_cut_at_a_word() -> None:
    text = ("word " * 400)[: 1600 - len(LINK)]
    fitted = fit_sms(text, LINK)
    assert fitted.endswith(f" word…\n{LINK}")
    assert len(fitted) <= 1600


def test_a_link_near_the_beginning_stays_where_it_is() -> None:
    fitted = fit_sms(f"Answer at {LINK} please. " + "word " * 400, LINK)
    assert fitted.startswith(f"Answer at {LINK} please. word")
    assert fitted.endswith(" word…")
    assert fitted.count(LINK) == 1
    assert 1590 < len(fitted) <= 1600


@pytest.mark.parametrize("before", [1570, 1580, 1590, 1600, 2000])
def test_a_link_at_the_end_is_not_cut_in_two(before: int) -> None:
    fitted = fit_sms("語" * before + LINK, LINK)  # has no space
    assert fitted.endswith(f"語…\n{LINK}")
    assert fitted.count("https") == 1
    assert len(fitted) <= 1600


def test_a_very_long_word_is_cut() -> None:
    fitted = fit_sms("x" * 5000, LINK)
    assert len(fitted) == 1600
    assert fitted == "x" * (1600 - len(LINK) - 2) + f"…\n{LINK}"


def test_characters_outside_the_basic_plane_count_twice_and_are_not_split() -> None:
    fitted = fit_sms("🍲" * 900, LINK)
    kept = fitted.removesuffix(f"…\n{LINK}")
    assert set(kept) == {"🍲"}
    assert units(fitted) in {1599, 1600}


@given(st.text(alphabet=st.sampled_from("ab \n🍲語"), max_size=3000), st.integers(0, 3000), st.booleans())
def test_every_message_fits_and_has_the_link_once(text: str, where: int, inside: bool) -> None:
    fitted = fit_sms(text[:where] + LINK + text[where:] if inside else text, LINK)
    assert units(fitted) <= 1600
    assert fitted.count(LINK) == 1
    beginning = fitted.partition(LINK)[0].rstrip("\n").removesuffix("…")
    assert text.startswith(beginning.rstrip())
