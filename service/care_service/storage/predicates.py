"""Conditions of filters in negation normal form, where columns with few values are kept as sets of values.

Where the value of such a column is known, its part of the condition is decided without SQL. In SQL, a comparison with
NULL is neither true nor false. So the negation of a comparison is written out, and NOT is never applied to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import ColumnElement, and_, false, or_, true

from care_rules.filters.conditions import AllOf, Always, AnyOf, Condition, Negation


@dataclass(frozen=True, slots=True)
class Values:
    """A column that is never NULL has one of these values."""

    column: ColumnElement[str] | ColumnElement[int]
    key: str
    """The column's name."""
    values: frozenset[str | int]
    domain: frozenset[str | int]
    """All values that the column can have."""


@dataclass(frozen=True, slots=True)
class Sql:
    """Any other condition."""

    sql: ColumnElement[bool]
    needs_terms: bool = False
    """Whether it uses the table `ticket_terms`."""
    elsewhere: bool = False
    """Whether it uses another table than `tickets`."""
    in_order: bool = False
    """Whether an index has the tickets that it finds in the order of their numbers."""


@dataclass(frozen=True, slots=True)
class Both:
    """All of these; always true without parts."""

    parts: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of these; never true without parts."""

    parts: tuple[Predicate, ...] = ()


Predicate: TypeAlias = Values | Sql | Both | Either
Leaf: TypeAlias = Callable[[Condition, bool], Predicate]
"""Makes the predicate for a condition without parts; for its negation if the flag is set."""


def normal_form(condition: Condition, leaf: Leaf, *, negated: bool = False) -> Predicate:
    """Pushes negation down to the leaves."""
    match condition:
        case Negation():
            return normal_form(condition.part, leaf, negated=not negated)
        case AllOf() | AnyOf():
            parts = tuple(normal_form(part, leaf, negated=negated) for part in condition.parts)
            return both(parts) if isinstance(condition, AllOf) is not negated else either(parts)
        case Always():
            return Either() if negated else Both()
        case _:
            return leaf(condition, negated)


def both(parts: tuple[Predicate, ...]) -> Predicate:
    """Joins with AND. Sets of values of one column are intersected, so that the planner sees each column once."""
    sets: dict[str, Values] = {}
    rest: list[Predicate] = []
    for part in parts:
        match part:
            case Values():
                known = sets.get(part.key)
                sets[part.key] = part if known is None else _narrowed(known, part)
            case Both():
                rest.extend(part.parts)
            case Either(()):
                return part
            case _:
                rest.append(part)
    if any(isinstance(part, Values) for part in rest):
        return both((*sets.values(), *rest))
    if any(not found.values for found in sets.values()):
        return Either()
    kept = (*(found for found in sets.values() if found.values != found.domain), *rest)
    return kept[0] if len(kept) == 1 else Both(kept)


def _narrowed(one: Values, other: Values) -> Values:
    common = one.values & other.values
    return Values(one.column, one.key, common, one.domain)


def either(parts: tuple[Predicate, ...]) -> Predicate:
    """Joins with OR. Sets of values of one column are united."""
    sets: dict[str, Values] = {}
    rest: list[Predicate] = []
    for part in parts:
        match part:
            case Values():
                known = sets.get(part.key)
                united = part.values if known is None else known.values | part.values
                sets[part.key] = Values(part.column, part.key, united, part.domain)
            case Either():
                rest.extend(part.parts)
            case Both(()):
                return part
            case _:
                rest.append(part)
    if any(isinstance(part, Values) for part in rest):
        return either((*sets.values(), *rest))
    if any(found.values == found.domain for found in sets.values()):
        return Both()
    kept = (*(found for found in sets.values() if found.values), *rest)
    return kept[0] if len(kept) == 1 else Either(kept)


def possible(predicate: Predicate, key: str, domain: frozenset[str | int]) -> frozenset[str | int]:
    """Returns the values of a column for which the predicate can be true."""
    none: frozenset[str | int] = frozenset()
    match predicate:
        case Values() if predicate.key == key:
            return predicate.values
        case Both():
            return domain.intersection(*(possible(part, key, domain) for part in predicate.parts))
        case Either():
            return none.union(*(possible(part, key, domain) for part in predicate.parts))
        case _:
            return domain


def decided(predicate: Predicate, known: Mapping[str, str | int]) -> Predicate:
    """Returns what remains of a predicate where the values of some columns are known."""
    match predicate:
        case Values() if predicate.key in known:
            return Both() if known[predicate.key] in predicate.values else Either()
        case Both():
            return both(tuple(decided(part, known) for part in predicate.parts))
        case Either():
            return either(tuple(decided(part, known) for part in predicate.parts))
        case _:
            return predicate


def alternatives(predicate: Predicate) -> list[Predicate]:
    """Splits at an OR that uses another table: no index serves an OR over two tables, but one serves each part."""
    match predicate:
        case Either() if _is_elsewhere(predicate):
            return list(predicate.parts)
        case Both():
            for index, part in enumerate(predicate.parts):
                if isinstance(part, Either) and _is_elsewhere(part):
                    others = (*predicate.parts[:index], *predicate.parts[index + 1 :])
                    return [both((*others, alternative)) for alternative in part.parts]
        case _:
            pass
    return [predicate]


def is_in_order(predicate: Predicate) -> bool:
    """Whether an index has exactly the tickets that the predicate finds, in the order of their numbers."""
    match predicate:
        case Values():
            return len(predicate.values) == 1
        case Sql():
            return predicate.in_order
        case _:
            return False


def needs_terms(predicate: Predicate) -> bool:
    """Whether the predicate uses the table `ticket_terms`."""
    match predicate:
        case Sql():
            return predicate.needs_terms
        case Both() | Either():
            return any(needs_terms(part) for part in predicate.parts)
        case _:
            return False


def _is_elsewhere(predicate: Predicate) -> bool:
    match predicate:
        case Sql():
            return predicate.needs_terms or predicate.elsewhere
        case Both() | Either():
            return any(_is_elsewhere(part) for part in predicate.parts)
        case _:
            return False


def to_sql(predicate: Predicate) -> ColumnElement[bool]:
    """Returns the predicate as SQL with bound parameters."""
    match predicate:
        case Values():
            values = sorted(predicate.values, key=str)
            return predicate.column == values[0] if len(values) == 1 else predicate.column.in_(values)
        case Sql():
            return predicate.sql
        case Both():
            return and_(true(), *map(to_sql, predicate.parts))
        case Either():
            return or_(false(), *map(to_sql, predicate.parts))
