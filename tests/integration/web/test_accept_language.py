"""The header Accept-Language selects the language of a page (RFC 9110, 12.5.4; RFC 4647, 3.4)."""

from __future__ import annotations

import pytest

from care_web.accept_language import look_up

OFFERED = ("en", "es", "fr", "de", "ar")


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", None),
        ("fr", "fr"),
        ("FR", "fr"),
        ("de-CH", "de"),
        ("de-CH-1996", "de"),
        ("ar-EG", "ar"),
        # Headers of browsers.
        ("de-AT,de;q=0.9,en-US;q=0.8,en;q=0.7", "de"),
        ("pt-BR,pt;q=0.9,es;q=0.8,en;q=0.7", "es"),
        # A regional variant of the first choice takes precedence over the second choice.
        ("de-AT,en;q=0.9", "de"),
        ("en;q=0.5, fr;q=0.8", "fr"),
        ("es;q=0.8, fr;q=0.8", "es"),
        ("fr;q=0.001, es;q=0.002", "es"),
        ("fr ; q=0.3 ,\tes; Q=0.4", "es"),
        ("fr;q=1.000, es;q=0.999", "fr"),
        # Languages with quality 0 are not used.
        ("de;q=0", None),
        ("de;q=0.000, fr;q=0.1", "fr"),
        ("nl, ja", None),
        # "*" selects no language.
        ("*", None),
        ("*, fr;q=0.5", "fr"),
        ("nl, *;q=0.1", None),
        # A tag that only starts with the letters of an offered one.
        ("dek", None),
        ("eng", None),
        # Unreadable parts are ignored.
        ("fr;q=2, es;q=0.1", "es"),
        ("fr;q=0.1234, es;q=0.1", "es"),
        ("de_DE, es", "es"),
        (",, ;q=1, es", "es"),
        ("\xff\xfe, es", "es"),
        ("fr;level=1, es", "es"),
    ],
)
def test_the_preferred_offered_language_is_selected(header: str, found: str | None) -> None:
    assert look_up(header, OFFERED) == found


def test_only_the_start_of_a_very_long_header_is_read() -> None:
    assert look_up("xx," * 10_000 + "fr", OFFERED) is None
