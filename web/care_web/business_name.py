"""Makes the name of a business safe to show inside other text."""

import unicodedata
from typing import Final

_DIRECTION_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""The characters that change the direction of the text after them (UAX #9). A name does not need them."""


def clean_business_name(name: str) -> str:
    """Returns ``name`` on one line, without control characters and characters that reverse the text around it."""
    characters = (" " if unicodedata.category(c) == "Cc" else c for c in name if c not in _DIRECTION_CONTROLS)
    return " ".join("".join(characters).split())
