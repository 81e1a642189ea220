"""Formats values of the contract for people, and makes customers' texts safe for a terminal."""

from __future__ import annotations

import unicodedata
from datetime import UTC
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from google.protobuf.descriptor import EnumDescriptor
    from google.protobuf.timestamp_pb2 import Timestamp

_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of the text after them (UAX #9)."""


class Enumeration(Protocol):
    """A generated enum."""

    @property
    def DESCRIPTOR(self) -> EnumDescriptor:  # noqa: N802  (its name there)
        """The enum's descriptor."""
        ...


def word(enum: Enumeration, value: int) -> str:
    """Returns an enum value's name without its prefix; empty for UNSPECIFIED."""
    names = {number: found.name for number, found in enum.DESCRIPTOR.values_by_number.items()}
    if value not in names:  # from a newer service
        return str(value)
    return names[value].removeprefix(names[0].removesuffix("UNSPECIFIED")) if value else ""


def bare(name: str) -> str:
    """Returns the id at the end of a resource's name."""
    return name.rpartition("/")[2]


def time(stamp: Timestamp) -> str:
    """Returns a time in UTC, to the second; empty if unset."""
    return stamp.ToDatetime(UTC).strftime("%Y-%m-%d %H:%M:%S") if stamp.seconds else ""


def safe(text: str) -> str:
    """Replaces control characters and characters that change the text's direction with `�`. Keeps newlines and tabs."""
    return "".join("�" if _steers(character) else character for character in text)


def one_line(text: str) -> str:
    """Returns the text as one safe line."""
    return safe(" ".join(text.split()))


def _steers(character: str) -> bool:
    return character in _REORDERING or (unicodedata.category(character) == "Cc" and character not in "\n\t")
