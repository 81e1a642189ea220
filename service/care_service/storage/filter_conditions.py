"""The filter conditions that tickets and reviews share, as SQL: names, comparisons, and full-text search."""

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
"""Bounds just outside all numbers of stars. Numbers are clamped to them, because the column can't hold every number."""


def negate_if(sql: ColumnElement[bool], negated: bool, *nullable: ColumnElement[Any]) -> ColumnElement[bool]:
    """Returns a condition or its negation. The negation is true if any of the `nullable` columns is NULL."""
    return or_(~sql, *(column.is_(None) for column in nullable)) if negated else sql


def comparison(
    column: ColumnElement[Any], condition: Comparison, negated: bool, *, nullable: bool
) -> ColumnElement[bool]:
    """Returns a comparison with a number of stars or a time."""
    value: int | datetime = condition.value
    if isinstance(value, int):
        value = min(max(value, _STARS[0]), _STARS[1])
    found: ColumnElement[bool] = _COMPARE[condition.comparator](column, value)
    return negate_if(found, negated, *((column,) if nullable else ()))


def name_equals(
    organization: str | None,
    own: ColumnElement[str],
    column: ColumnElement[Any],
    condition: NameEquals,
    negated: bool,
) -> ColumnElement[bool]:
    """Returns the condition that a column names a resource.

    `own` is the column of the organization. In a list of one organization, names of other organizations never match.
    """
    if organization is None:
        return negate_if(and_(own == condition.organization, column == condition.id), negated, column)
    if organization != condition.organization:
        return true() if negated else ~true()
    return negate_if(column == condition.id, negated, column)


def phrase(text: str) -> ColumnElement[Any]:
    """Returns the text-search query for the words of `text`, in this order. The query depends on no language."""
    return func.phraseto_tsquery(literal("simple").cast(REGCONFIG), text, type_=TSQUERY)


def lexeme(text: str) -> ColumnElement[Any]:
    """Returns the text-search query for exactly one lexeme."""
    quoted = text.replace("\\", "\\\\").replace("'", "''")
    return literal(f"'{quoted}'").cast(TSQUERY)


def text_matches(
    search: ColumnElement[Any], organization: str | None, query: ColumnElement[Any], negated: bool
) -> ColumnElement[bool]:
    """Returns the condition that the terms match a query.

    The organization is a lexeme, too, so that the index finds only rows of that organization. Some queries have no
    lexeme, for example the query for an HTML tag. Such a query must match nothing. But if it is joined with
    the organization's lexeme, PostgreSQL ignores it. So the condition also checks the number of lexemes.
    """
    lexemes = func.numnode(query, type_=Integer)
    searched = func.tsquery_not(query, type_=TSQUERY) if negated else query
    matches = search.bool_op("@@")(searched if organization is None else lexeme(f" {organization}").op("&&")(searched))
    if not negated:
        return and_(matches, lexemes > 0)
    return or_(matches, lexemes == 0) if organization is None else matches
