"""The statements that count tickets by reading them. For counts without reading them, see `ticket_counts`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CompoundSelect, Select, func, select, union

from care_rules.filters.conditions import Condition
from care_service.storage.predicates import Conjunction, split_alternatives
from care_service.storage.ticket_lists import keys_statement, ticket_predicate


def counted_statements(organization: str | None, condition: Condition) -> list[Select[Any]]:
    """Returns statements for all tickets to count, to estimate their number; an empty list without a filter."""
    predicate = ticket_predicate(condition, organization)
    if predicate == Conjunction():
        return []
    return [keys_statement(organization, part) for part in split_alternatives(predicate)]


def count_statement(organization: str | None, condition: Condition, *, gather: bool) -> Select[Any]:
    """Returns the statement for the stages that occur, each with its number of tickets.

    It reads every ticket once, which is best if many tickets match the filter. With `gather`, it finds each part of an
    OR by the index for that part, which is best if few match.
    """
    found = _found(organization, condition, gather=gather).subquery("found")
    return select(found.c.stage, func.count()).group_by(found.c.stage)


def total_statement(organization: str | None, condition: Condition, limit: int, *, gather: bool) -> Select[Any]:
    """Returns the statement for the number of tickets. It stops at `limit`. For `gather`, see `count_statement`."""
    found = _found(organization, condition, gather=gather).limit(limit).subquery("found")
    return select(func.count()).select_from(found)


def _found(organization: str | None, condition: Condition, *, gather: bool) -> Select[Any] | CompoundSelect[Any]:
    predicate = ticket_predicate(condition, organization)
    finds = [keys_statement(organization, part) for part in (split_alternatives(predicate) if gather else [predicate])]
    return union(*finds) if finds[1:] else finds[0]
