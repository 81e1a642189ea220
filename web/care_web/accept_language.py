"""Which of our languages a browser asks for: the header Accept-Language, read as RFC 9110, 12.5.4, says.

Neither Starlette nor Babel reads the header; Werkzeug does, but prefers an exact match further down the list to a
regional form of the first choice, and WebOb imports a module that newer Pythons don't have.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_RANGE: Final = re.compile(
    r"(?P<range>[a-z]{1,8}(?:-[a-z0-9]{1,8})*|\*)(?:[ \t]*;[ \t]*q=(?P<weight>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?",
    re.IGNORECASE,
)
"""A language range with its weight (RFC 4647, 2.1; RFC 9110, 12.4.2)."""

_MAX_CHARACTERS: Final = 1000
"""Of the header; what follows is not read. Browsers send less than 100."""


def look_up(header: str, offered: Collection[str]) -> str | None:
    """Return the language that ``header`` wants most among ``offered``, or None where it wants none of them.

    ``offered`` are lower-case tags. It is the lookup of RFC 4647, 3.4: what is wanted loses its last subtags until it
    is offered, so that ``de-CH`` finds ``de``. Ranges that can't be read are passed over, and so is ``*``, which wants
    whatever comes by default.
    """
    return next((found for wanted in _wanted(header) if (found := _offered(wanted, offered))), None)


def _wanted(header: str) -> list[str]:
    """Return the ranges in the order of preference; equal ones stay in the order of the header."""
    read = (_RANGE.fullmatch(part.strip()) for part in header[:_MAX_CHARACTERS].split(","))
    weighed = [(float(found["weight"] or 1), found["range"].lower()) for found in read if found]
    return [wanted for weight, wanted in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0]


def _offered(wanted: str, offered: Collection[str]) -> str | None:
    subtags = wanted.split("-")
    shorter = ("-".join(subtags[:length]) for length in range(len(subtags), 0, -1))
    return next((tag for tag in shorter if tag in offered), None)
