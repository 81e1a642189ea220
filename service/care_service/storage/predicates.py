"""Filter conditions in negation normal form. A condition on a column with few values is a set of values.

If the value of such a column is known, a condition on the column is decided without SQL.

In SQL, a comparison with NULL is neither true nor false, and neither is its negation with NOT. So negation is pushed
down to the single conditions, and a negated condition says which result NULL has: see `filter_conditions.negate_if`.
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
    """Whether the condition uses the table `ticket_terms`."""
    uses_other_table: bool = False
    """Whether the condition uses a table other than `tickets` and `ticket_terms`."""
    in_order: bool = False
    """Whether an index returns the tickets that meet the condition, in the order of their numbers."""


@dataclass(frozen=True, slots=True)
class Conjunction:
    """True if all parts are true, so always true without parts."""

    parts: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class Disjunction:
    """True if at least one part is true, so never true without parts."""

    parts: tuple[Predicate, ...] = ()


Predicate: TypeAlias = Values | Sql | Conjunction | Disjunction
Leaf: TypeAlias = Callable[[Condition, bool], Predicate]
"""Returns the predicate for a condition without parts, or for its negation if the flag is set."""


def to_normal_form(condition: Condition, leaf: Leaf, *, negated: bool = False) -> Predicate:
    """Returns the predicate for a condition, or for its negation. Only the leaves are negated."""
    match condition:
        case Negation():
            return to_normal_form(condition.part, leaf, negated=not negated)
        case AllOf() | AnyOf():
            parts = tuple(to_normal_form(part, leaf, negated=negated) for part in condition.parts)
            return join_and(parts) if isinstance(condition, AllOf) is not negated else join_or(parts)
        case Always():
            return Disjunction() if negated else Conjunction()
        case _:
            return leaf(condition, negated)


def join_and(parts: tuple[Predicate, ...]) -> Predicate:
    """Joins predicates with AND. All sets of values of one column become their intersection."""
    sets: dict[str, Values] = {}
    rest: list[Predicate] = []
    for part in parts:
        match part:
            case Values():
                known = sets.get(part.key)
                sets[part.key] = part if known is None else _intersect(known, part)
            case Conjunction():
                rest.extend(part.parts)
            case Disjunction(()):
                return part
            case _:
                rest.append(part)
    if any(isinstance(part, Values) for part in rest):
        return join_and((*sets.values(), *rest))
    if any(not found.values for found in sets.values()):
        return Disjunction()
    kept = (*(found for found in sets.values() if found.values != found.domain), *rest)
    return kept[0] if len(kept) == 1 else Conjunction(kept)


def _intersect(one: Values, other: Values) -> Values:
    common = one.values & other.values
    return Values(one.column, one.key, common, one.domain)


def join_or(parts: tuple[Predicate, ...]) -> Predicate:
    """Joins predicates with OR. All sets of values of one column become their union."""
    sets: dict[str, Values] = {}
    rest: list[Predicate] = []
    for part in parts:
        match part:
            case Values():
                known = sets.get(part.key)
                united = part.values if known is None else known.values | part.values
                sets[part.key] = Values(part.column, part.key, united, part.domain)
            case Disjunction():
                rest.extend(part.parts)
            case Conjunction(()):
                return part
            case _:
                rest.append(part)
    if any(isinstance(part, Values) for part in rest):
        return join_or((*sets.values(), *rest))
    if any(found.values == found.domain for found in sets.values()):
        return Conjunction()
    kept = (*(found for found in sets.values() if found.values), *rest)
    return kept[0] if len(kept) == 1 else Disjunction(kept)


def possible_values(predicate: Predicate, key: str, domain: frozenset[str | int]) -> frozenset[str | int]:
    """Returns the values of a column for which the predicate can be true."""
    none: frozenset[str | int] = frozenset()
    match predicate:
        case Values() if predicate.key == key:
            return predicate.values
        case Conjunction():
            return domain.intersection(*(possible_values(part, key, domain) for part in predicate.parts))
        case Disjunction():
            return none.union(*(possible_values(part, key, domain) for part in predicate.parts))
        case _:
            return domain


def simplify(predicate: Predicate, known: Mapping[str, str | int]) -> Predicate:
    """Returns the predicate that remains if the values of some columns are known."""
    match predicate:
        case Values() if predicate.key in known:
            return Conjunction() if known[predicate.key] in predicate.values else Disjunction()
        case Conjunction():
            return join_and(tuple(simplify(part, known) for part in predicate.parts))
        case Disjunction():
            return join_or(tuple(simplify(part, known) for part in predicate.parts))
        case _:
            return predicate


def split_alternatives(predicate: Predicate) -> list[Predicate]:
    """Splits a predicate into predicates that together match the same tickets.

    Splits at an OR that uses a table other than `tickets`. One index can serve each part of such an OR, but no index
    serves the whole.
    """
    match predicate:
        case Disjunction() if _uses_other_table(predicate):
            return list(predicate.parts)
        case Conjunction():
            for index, part in enumerate(predicate.parts):
                if isinstance(part, Disjunction) and _uses_other_table(part):
                    others = (*predicate.parts[:index], *predicate.parts[index + 1 :])
                    return [join_and((*others, alternative)) for alternative in part.parts]
        case _:
            pass
    return [predicate]


def is_in_order(predicate: Predicate) -> bool:
    """Returns whether an index returns exactly the tickets that meet the predicate, in the order of their numbers."""
    match predicate:
        case Values():
            return len(predicate.values) == 1
        case Sql():
            return predicate.in_order
        case _:
            return False


def needs_terms(predicate: Predicate) -> bool:
    """Returns whether the predicate uses the table `ticket_terms`."""
    match predicate:
        case Sql():
            return predicate.needs_terms
        case Conjunction() | Disjunction():
            return any(needs_terms(part) for part in predicate.parts)
        case _:
            return False


def _uses_other_table(predicate: Predicate) -> bool:
    match predicate:
        case Sql():
            return predicate.needs_terms or predicate.uses_other_table
        case Conjunction() | Disjunction():
            return any(_uses_other_table(part) for part in predicate.parts)
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
        case Conjunction():
            return and_(true(), *map(to_sql, predicate.parts))
        case Disjunction():
            return or_(false(), *map(to_sql, predicate.parts))
