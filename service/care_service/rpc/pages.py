"""Page tokens (AIP-158): the last key of a page, opaque, and bound to the list that it was given for."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from care_service.domain.refusals import Reason, Refusal

T = TypeVar("T")
KeyT = TypeVar("KeyT")


def make_token(scope: str, *key: str | int) -> str:
    """Makes the token that goes on after `key`."""
    return urlsafe_b64encode(json.dumps([scope, *key], separators=(",", ":")).encode()).rstrip(b"=").decode()


def read_token(token: str, scope: str, parse: Callable[[list[str | int]], KeyT]) -> KeyT | None:
    """Returns a token's key, None for an empty one; refuses with INVALID_PAGE_TOKEN what was not made for `scope`."""
    if not token:
        return None
    try:
        found, *key = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if found != scope or not all(isinstance(part, str | int) for part in key):
            raise ValueError("made for something else")
        return parse(key)
    except (ValueError, TypeError, IndexError, OverflowError, RecursionError) as error:
        words = "The page token is none that was given for this parent, filter and order: start again without one."
        raise Refusal(Reason.INVALID_PAGE_TOKEN, words) from error


def text(part: str | int) -> str:
    """Reads a part of a key as text that PostgreSQL takes; raises ValueError."""
    if not isinstance(part, str) or not part.isprintable():
        raise ValueError("no such text was given")
    return part


def number(part: str | int) -> int:
    """Reads a part of a key as a bigint; raises ValueError."""
    if not isinstance(part, int) or abs(part) >= 2**63:
        raise ValueError("no such number was given")
    return part


def time(part: str | int) -> datetime:
    """Reads a part of a key as a time in UTC; raises ValueError or OverflowError."""
    found = datetime.fromisoformat(text(part))
    if found.tzinfo is None:
        raise ValueError("no such time was given")
    return found.astimezone(UTC)


def cut(rows: Sequence[T], size: int) -> tuple[Sequence[T], bool]:
    """Splits what was loaded with one row too many into the page and whether there is another."""
    return rows[:size], len(rows) > size
