"""Values of the contract as people read them, and texts of customers made harmless for a terminal."""

from __future__ import annotations

import unicodedata
from datetime import UTC
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from google.protobuf.descriptor import EnumDescriptor
    from google.protobuf.timestamp_pb2 import Timestamp

_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""The characters that change the direction of what follows them (UAX #9)."""


class Enumeration(Protocol):
    """A generated enum."""

    @property
    def DESCRIPTOR(self) -> EnumDescriptor:  # noqa: N802  (its name there)
        """Its description."""
        ...


def word(enum: Enumeration, value: int) -> str:
    """Return the bare word of an enum's value; empty for the unspecified one."""
    names = {number: found.name for number, found in enum.DESCRIPTOR.values_by_number.items()}
    if value not in names:  # of a newer service
        return str(value)
    return names[value].removeprefix(names[0].removesuffix("UNSPECIFIED")) if value else ""


def bare(name: str) -> str:
    """Return the id at the end of a resource's name."""
    return name.rpartition("/")[2]


def time(stamp: Timestamp) -> str:
    """Return a time in UTC to the second; empty where it is not set."""
    return stamp.ToDatetime(UTC).strftime("%Y-%m-%d %H:%M:%S") if stamp.seconds else ""


def safe(text: str) -> str:
    """Return the text without what would steer the terminal, or turn around what follows."""
    return "".join("�" if _steers(character) else character for character in text)


def one_line(text: str) -> str:
    """Return the text on one line."""
    return safe(" ".join(text.split()))


def _steers(character: str) -> bool:
    return character in _REORDERING or (unicodedata.category(character) == "Cc" and character not in "\n\t")
