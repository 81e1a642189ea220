"""Splits a filter's text into tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from care_rules.filters.errors import invalid_filter


class TokenKind(Enum):
    """The kind of a token."""

    WORD = auto()
    STRING = auto()
    COMPARATOR = auto()
    OPEN = auto()
    CLOSE = auto()
    MINUS = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and its position in the filter as the number of code points before it."""

    kind: TokenKind
    text: str
    position: int
    is_adjacent: bool = False
    """Whether no space separates it from the previous token."""


_SPACE: Final = re.compile(r"\s*")
_COMPARATOR: Final = re.compile(r"<=|>=|!=|[<>=:]")
# A word can contain a quote, as in don't, and a '!' that does not begin a comparator.
_WORD: Final = re.compile(r"""(?:[^\s()<>=:!"']|!(?!=))(?:[^\s()<>=:!]|!(?!=))*""")
_ESCAPABLE: Final = "\"'\\"
_PARENTHESES: Final = {"(": TokenKind.OPEN, ")": TokenKind.CLOSE}


def tokenize(text: str) -> Iterator[Token]:
    """Yields the tokens. The last one is of TokenKind.END.

    Refuses with INVALID_FILTER if a quoted text has no end or an invalid escape.
    """
    position = end = 0
    previous: Token | None = None
    while True:
        position = _skip_spaces(text, end)
        is_adjacent = position == end
        if position == len(text):
            yield Token(TokenKind.END, "", position)
            return
        previous = _token(text, position, is_adjacent, previous)
        yield previous
        end = _end_of(text, previous)


def _skip_spaces(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _token(text: str, position: int, is_adjacent: bool, previous: Token | None) -> Token:
    character = text[position]
    if character in _PARENTHESES:
        return Token(_PARENTHESES[character], character, position, is_adjacent)
    if character in "\"'":
        return Token(TokenKind.STRING, _string(text, position), position, is_adjacent)
    if found := _COMPARATOR.match(text, position):
        return Token(TokenKind.COMPARATOR, found[0], position, is_adjacent)
    # After a comparator, -1 is a number. Anywhere else, the minus negates the next term.
    if character == "-" and (previous is None or previous.kind is not TokenKind.COMPARATOR):
        return Token(TokenKind.MINUS, character, position, is_adjacent)
    found = _WORD.match(text, position)
    if found is None:
        raise AssertionError(f"no token begins with {character!r}; _WORD must match it")
    return Token(TokenKind.WORD, found[0], position, is_adjacent)


def _end_of(text: str, token: Token) -> int:
    if token.kind is not TokenKind.STRING:
        return token.position + len(token.text)
    return _closing_quote(text, token.position) + 1


def _closing_quote(text: str, start: int) -> int:
    position = start + 1
    while position < len(text) and text[position] != text[start]:
        if text[position] == "\\":
            if text[position + 1 : position + 2] not in tuple(_ESCAPABLE):
                problem = "a backslash in quotes must precede a quote or a backslash: write \\\\ for a backslash"
                raise invalid_filter(position, problem)
            position += 1
        position += 1
    if position >= len(text):
        raise invalid_filter(start, f"the quoted text has no end: add a {text[start]}")
    return position


def _string(text: str, start: int) -> str:
    return re.sub(r"\\(.)", r"\1", text[start + 1 : _closing_quote(text, start)], flags=re.DOTALL)
