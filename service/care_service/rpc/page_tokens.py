"""Page tokens (AIP-158): each contains the key of a page's last row. Opaque, and valid only for the same list."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from google.protobuf.message import Message

from care_rules.refusals import Reason, Refusal

T = TypeVar("T")
KeyT = TypeVar("KeyT")
MessageT = TypeVar("MessageT", bound=Message)

_MAX_BYTES: Final = 3 * 1024 * 1024
"""The maximum size of a page. By default, gRPC clients reject responses of more than 4 MiB."""


def make_token(scope: str, *key: str | int) -> str:
    """Returns the token of the page after `key`."""
    return urlsafe_b64encode(json.dumps([scope, *key], separators=(",", ":")).encode()).rstrip(b"=").decode()


def read_token(token: str, scope: str, parse: Callable[[list[str | int]], KeyT]) -> KeyT | None:
    """Returns a token's key; None for an empty token.

    Refuses with INVALID_PAGE_TOKEN if the token is invalid or has another `scope`.
    """
    if not token:
        return None
    try:
        found, *key = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        # Not isinstance: true and false are ints in Python, but not in SQL.
        if found != scope or not all(type(part) in {str, int} for part in key):
            raise ValueError("token of another list")
        return parse(key)
    except (ValueError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise invalid_page_token() from error


def invalid_page_token() -> Refusal:
    """Returns the refusal of a token that is invalid or belongs to another list."""
    message = "The page token is not valid for this parent, filter and order. Start again without a page token."
    return Refusal(Reason.INVALID_PAGE_TOKEN, message)


def text(part: str | int) -> str:
    """Reads a part of a key as a text that PostgreSQL can store. Raises ValueError if it is not one."""
    if not isinstance(part, str) or not part.isprintable():
        raise ValueError("not a text of a token")
    return part


def number(part: str | int) -> int:
    """Reads a part of a key as a bigint. Raises ValueError if it is not one."""
    if not isinstance(part, int) or abs(part) >= 2**63:
        raise ValueError("not a number of a token")
    return part


def time(part: str | int) -> datetime:
    """Reads a part of a key as a time in UTC. Raises ValueError or OverflowError if it is not one."""
    found = datetime.fromisoformat(text(part))
    if found.tzinfo is None:
        raise ValueError("not a time of a token")
    return found.astimezone(UTC)


def make_page(
    rows: Sequence[T], size: int, convert: Callable[[T], MessageT], token: Callable[[T], str]
) -> tuple[list[MessageT], str]:
    """Returns the messages of a page, and the token of the next page. The token is empty at the end of the list.

    `rows` has one row more than `size` if there is a next page. A page has fewer than `size` messages if more would not
    fit into one response (AIP-158 allows that).
    """
    page: list[MessageT] = []
    length = 0
    for row in rows[:size]:
        message = convert(row)
        length += message.ByteSize()
        if page and length > _MAX_BYTES:
            break
        page.append(message)
    return page, token(rows[len(page) - 1]) if len(page) < len(rows) else ""
