"""Parses filters by the grammar of AIP-160 (https://google.aip.dev/160), without functions and traversal.

expression  = sequence {"AND" sequence}
sequence    = factor {factor}                       all of them, like AND
factor      = term {"OR" term}                      OR binds tighter than AND
term        = ["NOT" | "-"] simple
simple      = "(" expression ")" | text [comparator text]
"""

from __future__ import annotations

from typing import Final

from care_rules.filters.errors import bad_filter
from care_rules.filters.lexer import Kind, Token, tokenize
from care_rules.filters.syntax import KEYWORDS, And, Comparator, Not, Or, Restriction, Text, Tree
from care_rules.refusals import Refusal

MAX_LENGTH: Final = 4_000
"""In code points."""
MAX_DEPTH: Final = 20
"""Of parentheses."""
MAX_TERMS: Final = 100
"""Comparisons, words and phrases together."""


def parse(text: str) -> Tree | None:
    """Returns the tree, None for a filter that says nothing; raises Refusal INVALID_FILTER and nothing else."""
    if len(text) > MAX_LENGTH:
        words = f"it has {len(text)} characters, and at most {MAX_LENGTH} are taken: ask for less at once"
        raise bad_filter(MAX_LENGTH, words)
    if (position := text.find("\0")) >= 0:
        raise bad_filter(position, "there is a NUL character: take it out")
    return _Parser(list(tokenize(text))).filter()


class _Parser:
    """One run over the tokens; the methods are the rules of the grammar."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0
        self._terms = 0

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _advance(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _is_keyword(self, word: str) -> bool:
        return self._peek().kind is Kind.WORD and self._peek().text == word

    def _take_keyword(self, word: str) -> bool:
        if self._is_keyword(word):
            self._at += 1
            return True
        return False

    def filter(self) -> Tree | None:
        if self._peek().kind is Kind.END:
            return None
        tree = self._expression()
        if self._peek().kind is not Kind.END:
            raise self._unexpected()
        return tree

    def _expression(self) -> Tree:
        parts = [self._factor()]
        while self._take_keyword("AND") or self._begins_term():
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _begins_term(self) -> bool:
        if self._peek().kind is Kind.WORD:
            return self._peek().text not in KEYWORDS - {"NOT"}
        return self._peek().kind in {Kind.STRING, Kind.OPEN, Kind.MINUS}

    def _factor(self) -> Tree:
        parts = [self._term()]
        while self._take_keyword("OR"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _term(self) -> Tree:
        if self._take_keyword("NOT"):
            return Not(self._simple())
        if self._peek().kind is Kind.MINUS:
            minus = self._advance()
            if not self._peek().touches or self._peek().kind is Kind.MINUS:
                raise bad_filter(minus.position, "'-' must stand directly before what it excludes: quote a dash")
            return Not(self._simple())
        return self._simple()

    def _simple(self) -> Tree:
        if self._peek().kind is Kind.OPEN:
            return self._composite()
        left = self._text("a field, a word or '(' must stand here")
        self._count(left)
        if self._peek().kind is Kind.OPEN and self._peek().touches and not left.quoted:
            words = f"there are no functions: put a space before '(', or quotes around {left.text}"
            raise bad_filter(left.position, words)
        if self._peek().kind is not Kind.COMPARATOR:
            return left
        token = self._advance()
        if self._peek().kind is Kind.OPEN:
            words = f"a value must stand here: repeat the field for each value, as in {left.text} {token.text} a OR …"
            raise bad_filter(self._peek().position, words, left.text)
        value = self._text("a value must stand here; quotes are needed around one that is empty or a keyword")
        if self._peek().kind is Kind.COMPARATOR:
            words = "a value with one of : = < > ! in it needs quotes around it, such as a time or an address"
            raise bad_filter(self._peek().position, words, left.text)
        return Restriction(left, Comparator(token.text), value, token.position)

    def _composite(self) -> Tree:
        opened = self._advance()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise bad_filter(opened.position, f"parentheses may stand in at most {MAX_DEPTH} others: flatten them")
        tree = self._expression()
        if self._peek().kind is Kind.END:
            raise bad_filter(opened.position, "this parenthesis is not closed: add ')'")
        if self._peek().kind is not Kind.CLOSE:
            raise self._unexpected()
        self._advance()
        self._depth -= 1
        return tree

    def _text(self, otherwise: str) -> Text:
        token = self._peek()
        if token.kind is Kind.STRING or (token.kind is Kind.WORD and token.text not in KEYWORDS):
            self._advance()
            return Text(token.text, token.kind is Kind.STRING, token.position)
        found = "the filter ends" if token.kind is Kind.END else f"{token.text!r} is found"
        raise bad_filter(token.position, f"{otherwise}, but {found}")

    def _count(self, text: Text) -> None:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise bad_filter(text.position, f"at most {MAX_TERMS} comparisons and words are taken: ask for less")

    def _unexpected(self) -> Refusal:
        token = self._peek()
        if token.kind is Kind.CLOSE:
            return bad_filter(token.position, "no parenthesis is open here: take ')' out")
        return bad_filter(token.position, f"{token.text!r} can't stand here: quote it to search for it")
