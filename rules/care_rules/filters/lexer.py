"""Cuts a filter's text into tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from care_rules.filters.errors import bad_filter


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    STRING = auto()
    COMPARATOR = auto()
    OPEN = auto()
    CLOSE = auto()
    MINUS = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A token and where it stands."""

    kind: Kind
    text: str
    position: int
    touches: bool = False
    """Whether it follows the one before without a space."""


_SPACE: Final = re.compile(r"\s*")
_COMPARATOR: Final = re.compile(r"<=|>=|!=|[<>=:]")
# A quote inside a word belongs to it, as in don't; '!' too, unless it begins a comparator.
_WORD: Final = re.compile(r"""(?:[^\s()<>=:!"']|!(?!=))(?:[^\s()<>=:!]|!(?!=))*""")
_ESCAPABLE: Final = "\"'\\"
_PARENTHESES: Final = {"(": Kind.OPEN, ")": Kind.CLOSE}


def tokenize(text: str) -> Iterator[Token]:
    """Yields the tokens, the last one of Kind.END; raises Refusal INVALID_FILTER."""
    position = end = 0
    previous: Token | None = None
    while True:
        position = _skip_spaces(text, end)
        touches = position == end
        if position == len(text):
            yield Token(Kind.END, "", position)
            return
        previous = _token(text, position, touches, previous)
        yield previous
        end = _end_of(text, previous)


def _skip_spaces(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _token(text: str, position: int, touches: bool, previous: Token | None) -> Token:
    character = text[position]
    if character in _PARENTHESES:
        return Token(_PARENTHESES[character], character, position, touches)
    if character in "\"'":
        return Token(Kind.STRING, _string(text, position), position, touches)
    if found := _COMPARATOR.match(text, position):
        return Token(Kind.COMPARATOR, found[0], position, touches)
    # As a value, -1 is a number; anywhere else the minus excludes what follows.
    if character == "-" and (previous is None or previous.kind is not Kind.COMPARATOR):
        return Token(Kind.MINUS, character, position, touches)
    found = _WORD.match(text, position)
    if found is None:
        raise AssertionError(f"every other character begins a word: {character!r}")
    return Token(Kind.WORD, found[0], position, touches)


def _end_of(text: str, token: Token) -> int:
    if token.kind is not Kind.STRING:
        return token.position + len(token.text)
    return _closing_quote(text, token.position) + 1


def _closing_quote(text: str, start: int) -> int:
    position = start + 1
    while position < len(text) and text[position] != text[start]:
        if text[position] == "\\":
            if text[position + 1 : position + 2] not in tuple(_ESCAPABLE):
                words = "a backslash in quotes must be followed by a quote or a backslash: write \\\\ for a backslash"
                raise bad_filter(position, words)
            position += 1
        position += 1
    if position >= len(text):
        raise bad_filter(start, f"the quoted text is not closed: put a {text[start]} at its end")
    return position


def _string(text: str, start: int) -> str:
    return re.sub(r"\\(.)", r"\1", text[start + 1 : _closing_quote(text, start)], flags=re.DOTALL)
