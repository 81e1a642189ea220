"""Picks a language for a browser from its ``Accept-Language`` header (RFC 9110, 12.5.4).

No library fits: Starlette and Babel do not read this header. Werkzeug prefers an exact match of a later choice over a
partial match of the first. WebOb imports a module that newer Python versions do not have.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_LANGUAGE_RANGE: Final = re.compile(
    r"(?P<range>[a-z]{1,8}(?:-[a-z0-9]{1,8})*|\*)(?:[ \t]*;[ \t]*q=(?P<weight>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?",
    re.IGNORECASE,
)
"""A language range with an optional weight (RFC 4647, 2.1; RFC 9110, 12.4.2)."""

_MAX_CHARACTERS: Final = 1000
"""How many characters of the header are read. Browsers send fewer than 100."""


def look_up(header: str, offered: Collection[str]) -> str | None:
    """Returns the language in ``offered`` that ``header`` prefers, or None if ``header`` accepts none of them.

    ``offered`` are lower-case tags. This is the lookup of RFC 4647, 3.4: a range loses its last subtag until it matches
    an offered tag. So ``de-CH`` matches ``de``. Malformed ranges are ignored. ``*`` is ignored too, because the caller
    has a default.
    """
    return next((tag for language_range in _ranges(header) if (tag := _match(language_range, offered))), None)


def _ranges(header: str) -> list[str]:
    """Returns the ranges by descending weight. Ranges of equal weight keep the order of the header."""
    parsed = (_LANGUAGE_RANGE.fullmatch(part.strip()) for part in header[:_MAX_CHARACTERS].split(","))
    weighted = [(float(match["weight"] or 1), match["range"].lower()) for match in parsed if match]
    return [language_range for weight, language_range in sorted(weighted, key=lambda pair: -pair[0]) if weight > 0]


def _match(language_range: str, offered: Collection[str]) -> str | None:
    subtags = language_range.split("-")
    prefixes = ("-".join(subtags[:length]) for length in range(len(subtags), 0, -1))
    return next((tag for tag in prefixes if tag in offered), None)
