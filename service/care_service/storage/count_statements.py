"""The statements that count tickets by reading them. For counts without reading them, see `ticket_counts`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CompoundSelect, Select, func, select, union

from care_rules.filters.conditions import Condition
from care_service.storage.predicates import Conjunction, split_alternatives
from care_service.storage.ticket_lists import keys_statement, ticket_predicate


def counted_statements(organization: str | None, condition: Condition) -> list[Select[Any]]:
    """Returns statements that find the tickets to count. PostgreSQL's estimates for these statements give their number.

    Returns an empty list if every ticket matches the filter.
    """
    predicate = ticket_predicate(condition, organization)
    if predicate == Conjunction():
        return []
    return [keys_statement(organization, part) for part in split_alternatives(predicate)]


def count_statement(organization: str | None, condition: Condition, *, gather: bool) -> Select[Any]:
    """Returns the statement that counts tickets by stage. Stages without tickets are left out.

    Without `gather`, the statement reads every ticket once, which is best if many tickets match the filter. With
    `gather`, it finds each part of an OR through an index of its own, which is best if few tickets match.
    """
    found = _found(organization, condition, gather=gather).subquery("found")
    return select(found.c.stage, func.count()).group_by(found.c.stage)


def total_statement(organization: str | None, condition: Condition, limit: int, *, gather: bool) -> Select[Any]:
    """Returns the statement that counts tickets up to `limit`. `gather` is as in `count_statement`."""
    found = _found(organization, condition, gather=gather).limit(limit).subquery("found")
    return select(func.count()).select_from(found)


def _found(organization: str | None, condition: Condition, *, gather: bool) -> Select[Any] | CompoundSelect[Any]:
    predicate = ticket_predicate(condition, organization)
    finds = [keys_statement(organization, part) for part in (split_alternatives(predicate) if gather else [predicate])]
    return union(*finds) if finds[1:] else finds[0]
