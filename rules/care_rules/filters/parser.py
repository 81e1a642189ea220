"""Parses filters by the grammar of AIP-160 (https://google.aip.dev/160), without functions and traversal.

expression  = sequence {"AND" sequence}
sequence    = factor {factor}                       means the same as AND
factor      = term {"OR" term}                      OR binds tighter than AND
term        = ["NOT" | "-"] simple
simple      = "(" expression ")" | text [comparator text]
"""

from __future__ import annotations

from typing import Final

from care_rules.filters.errors import invalid_filter
from care_rules.filters.lexer import Token, TokenKind, tokenize
from care_rules.filters.syntax import KEYWORDS, And, Comparator, Not, Or, Restriction, Text, Tree
from care_rules.refusals import Refusal

MAX_LENGTH: Final = 4_000
"""In code points."""
MAX_DEPTH: Final = 20
"""Levels of nested parentheses."""
MAX_TERMS: Final = 100
"""The number of comparisons, words and phrases together."""


def parse(text: str) -> Tree | None:
    """Returns the syntax tree, or None for an empty filter. Refuses with INVALID_FILTER if `text` is not a filter."""
    if len(text) > MAX_LENGTH:
        problem = f"it has {len(text)} characters, but the limit is {MAX_LENGTH}: shorten the filter"
        raise invalid_filter(MAX_LENGTH, problem)
    if (position := text.find("\0")) >= 0:
        raise invalid_filter(position, "it contains a NUL character: remove it")
    return _Parser(list(tokenize(text))).filter()


class _Parser:
    """Parses one list of tokens. The methods are the rules of the grammar."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0
        self._terms = 0

    def _peek(self) -> Token:
        return self._tokens[self._index]

    def _advance(self) -> Token:
        token = self._peek()
        self._index += 1
        return token

    def _is_keyword(self, word: str) -> bool:
        return self._peek().kind is TokenKind.WORD and self._peek().text == word

    def _take_keyword(self, word: str) -> bool:
        if self._is_keyword(word):
            self._index += 1
            return True
        return False

    def filter(self) -> Tree | None:
        if self._peek().kind is TokenKind.END:
            return None
        tree = self._expression()
        if self._peek().kind is not TokenKind.END:
            raise self._unexpected()
        return tree

    def _expression(self) -> Tree:
        parts = [self._factor()]
        while self._take_keyword("AND") or self._begins_term():
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _begins_term(self) -> bool:
        if self._peek().kind is TokenKind.WORD:
            return self._peek().text not in KEYWORDS - {"NOT"}
        return self._peek().kind in {TokenKind.STRING, TokenKind.OPEN, TokenKind.MINUS}

    def _factor(self) -> Tree:
        parts = [self._term()]
        while self._take_keyword("OR"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _term(self) -> Tree:
        if self._take_keyword("NOT"):
            return Not(self._simple())
        if self._peek().kind is TokenKind.MINUS:
            minus = self._advance()
            if not self._peek().is_adjacent or self._peek().kind is TokenKind.MINUS:
                raise invalid_filter(minus.position, "'-' must directly precede the term that it negates: quote a dash")
            return Not(self._simple())
        return self._simple()

    def _simple(self) -> Tree:
        if self._peek().kind is TokenKind.OPEN:
            return self._composite()
        left = self._text("expected a field, a word or '('")
        self._count(left)
        if self._peek().kind is TokenKind.OPEN and self._peek().is_adjacent and not left.quoted:
            problem = f"functions are not supported: put a space before '(', or quotes around {left.text}"
            raise invalid_filter(left.position, problem)
        if self._peek().kind is not TokenKind.COMPARATOR:
            return left
        token = self._advance()
        if self._peek().kind is TokenKind.OPEN:
            problem = f"expected a value: repeat the field for each value, as in {left.text} {token.text} a OR …"
            raise invalid_filter(self._peek().position, problem, left.text)
        value = self._text("expected a value (quote an empty value or a keyword)")
        if self._peek().kind is TokenKind.COMPARATOR:
            problem = "quote a value that contains one of : = < > !, such as a time or an address"
            raise invalid_filter(self._peek().position, problem, left.text)
        return Restriction(left, Comparator(token.text), value, token.position)

    def _composite(self) -> Tree:
        opening = self._advance()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise invalid_filter(opening.position, f"parentheses may be nested at most {MAX_DEPTH} deep: flatten them")
        tree = self._expression()
        if self._peek().kind is TokenKind.END:
            raise invalid_filter(opening.position, "this parenthesis is not closed: add ')'")
        if self._peek().kind is not TokenKind.CLOSE:
            raise self._unexpected()
        self._advance()
        self._depth -= 1
        return tree

    def _text(self, expectation: str) -> Text:
        token = self._peek()
        if token.kind is TokenKind.STRING or (token.kind is TokenKind.WORD and token.text not in KEYWORDS):
            self._advance()
            return Text(token.text, token.kind is TokenKind.STRING, token.position)
        actual = "the filter ends" if token.kind is TokenKind.END else f"found {token.text!r}"
        raise invalid_filter(token.position, f"{expectation}, but {actual}")

    def _count(self, text: Text) -> None:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise invalid_filter(
                text.position, f"it has more than {MAX_TERMS} comparisons and words: shorten the filter"
            )

    def _unexpected(self) -> Refusal:
        token = self._peek()
        if token.kind is TokenKind.CLOSE:
            return invalid_filter(token.position, "there is no '(' for this ')': remove it")
        return invalid_filter(token.position, f"unexpected {token.text!r}: quote it to search for it")
