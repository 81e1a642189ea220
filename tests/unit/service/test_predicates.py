"""Predicates: negation moves to the leaves, and known columns are evaluated."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import literal_column

from care_rules.filters.conditions import AllOf, Always, AnyOf, Condition, Negation, OneOf
from care_service.storage.predicates import (
    Conjunction,
    Disjunction,
    Predicate,
    Values,
    possible_values,
    simplify,
    to_normal_form,
)

DOMAIN: frozenset[str | int] = frozenset("abc")
COLUMNS = ("one", "other")
SETS = st.frozensets(st.sampled_from("abc"))
LEAVES = st.builds(OneOf, st.sampled_from(COLUMNS), SETS) | st.just(Always())


def _join(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.builds(AllOf, several) | st.builds(AnyOf, several) | st.builds(Negation, parts)


CONDITIONS = st.recursive(LEAVES, _join, max_leaves=12)


def holds(condition: Condition, row: dict[str, str]) -> bool:
    """Returns whether a condition holds for a row: a second, independent implementation."""
    match condition:
        case AllOf():
            return all(holds(part, row) for part in condition.parts)
        case AnyOf():
            return any(holds(part, row) for part in condition.parts)
        case Negation():
            return not holds(condition.part, row)
        case OneOf():
            return row[condition.field] in condition.values
        case _:
            return True


def leaf(condition: Condition, negated: bool) -> Predicate:
    assert isinstance(condition, OneOf)
    found: frozenset[str | int] = DOMAIN - condition.values if negated else DOMAIN & condition.values
    return Values(literal_column(condition.field), condition.field, found, DOMAIN)


ROWS = [dict(zip(COLUMNS, values, strict=True)) for values in product("abc", repeat=2)]


@given(CONDITIONS)
def test_a_predicate_with_known_columns_has_the_meaning_of_its_condition(condition: Condition) -> None:
    predicate = to_normal_form(condition, leaf)
    for row in ROWS:
        assert simplify(predicate, row) == (Conjunction() if holds(condition, row) else Disjunction())


@given(CONDITIONS, st.sampled_from(COLUMNS))
def test_a_value_that_occurs_is_never_called_impossible(condition: Condition, column: str) -> None:
    occur = {row[column] for row in ROWS if holds(condition, row)}
    assert occur <= possible_values(to_normal_form(condition, leaf), column, DOMAIN)
