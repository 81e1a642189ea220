"""Conditions of filters as SQL, for tickets and reviews alike: names, comparisons, and full-text search."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, and_, func, literal, or_, true
from sqlalchemy.dialects.postgresql import REGCONFIG, TSQUERY

from care_rules.filters.conditions import Comparison, NameEquals
from care_rules.filters.syntax import Comparator

_COMPARE: Final[dict[Comparator, Callable[[Any, Any], Any]]] = {
    Comparator.EQUAL: operator.eq,
    Comparator.LESS: operator.lt,
    Comparator.LESS_OR_EQUAL: operator.le,
    Comparator.GREATER: operator.gt,
    Comparator.GREATER_OR_EQUAL: operator.ge,
}
_STARS: Final = (-1, 6)
"""One below and one above all numbers of stars. Numbers beyond compare the same, and may not fit the column."""


def unless(sql: ColumnElement[bool], negated: bool, *nullable: ColumnElement[Any]) -> ColumnElement[bool]:
    """Returns a condition, or its negation; the negation is true where any of the `nullable` columns is NULL."""
    return or_(~sql, *(column.is_(None) for column in nullable)) if negated else sql


def compared(column: ColumnElement[Any], asked: Comparison, negated: bool, *, nullable: bool) -> ColumnElement[bool]:
    """Returns a comparison with a number of stars or a time."""
    value: int | datetime = asked.value
    if isinstance(value, int):
        value = min(max(value, _STARS[0]), _STARS[1])
    found: ColumnElement[bool] = _COMPARE[asked.comparator](column, value)
    return unless(found, negated, *((column,) if nullable else ()))


def named(
    organization: str | None,
    own: ColumnElement[str],
    column: ColumnElement[Any],
    asked: NameEquals,
    negated: bool,
) -> ColumnElement[bool]:
    """Returns whether a column names a resource. In a list of one organization, names of another find nothing."""
    if organization is None:
        return unless(and_(own == asked.organization, column == asked.id), negated, column)
    if organization != asked.organization:
        return true() if negated else ~true()
    return unless(column == asked.id, negated, column)


def phrase(text: str) -> ColumnElement[Any]:
    """Returns the text-search query for words in this order, in no particular language."""
    return func.phraseto_tsquery(literal("simple").cast(REGCONFIG), text, type_=TSQUERY)


def lexeme(text: str) -> ColumnElement[Any]:
    """Returns the text-search query for one lexeme, which is taken literally."""
    quoted = text.replace("\\", "\\\\").replace("'", "''")
    return literal(f"'{quoted}'").cast(TSQUERY)


def found_in(
    search: ColumnElement[Any], organization: str | None, query: ColumnElement[Any], negated: bool
) -> ColumnElement[bool]:
    """Returns whether the terms match a query. The organization is a lexeme too, so that the index finds only its own.

    Some queries have no lexeme, such as one for an HTML tag. They must match nothing. PostgreSQL ignores such a query
    where it is joined with the organization's lexeme, so the number of lexemes is checked as well.
    """
    lexemes = func.numnode(query, type_=Integer)
    asked = func.tsquery_not(query, type_=TSQUERY) if negated else query
    matches = search.bool_op("@@")(asked if organization is None else lexeme(f" {organization}").op("&&")(asked))
    if not negated:
        return and_(matches, lexemes > 0)
    return or_(matches, lexemes == 0) if organization is None else matches
