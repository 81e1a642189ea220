"""The statements that list and count tickets: docs/decisions/0010-finding-tickets.md says how they meet the indexes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, or_, select, true, tuple_, union_all

from care_service.domain.entities import Priority
from care_service.domain.filters.conditions import Compared, Condition, Equals, Named, OneOf, Present, Words
from care_service.domain.filters.tickets import CONTACT_STATES
from care_service.domain.finding import (
    CLOSED_STAGES,
    KeyValue,
    OrderField,
    OrderKey,
    Stage,
    TicketPlace,
    TicketQuery,
    stages_of_status,
)
from care_service.storage import tables
from care_service.storage.predicates import (
    Both,
    Either,
    Predicate,
    Sql,
    Values,
    decided,
    needs_terms,
    normal_form,
    possible,
    to_sql,
)
from care_service.storage.rows import CONTACT, TICKET
from care_service.storage.searching import compared, found_in, lexeme, named, phrase, unless

_T, _R, _C, _M = tables.tickets.c, tables.recoveries.c, tables.contacts.c, tables.ticket_terms.c

_STAGES: Final[frozenset[str | int]] = frozenset(map(str, Stage))
_RANKS: Final = {str(priority): rank for rank, priority in enumerate(Priority, 1)}
"""As the generated column has them."""
_ALL_RANKS: Final[frozenset[str | int]] = frozenset(_RANKS.values())
_COLUMNS: Final[dict[OrderField, ColumnElement[Any]]] = {
    OrderField.NUMBER: _T.number,
    OrderField.CREATE_TIME: _T.create_time,
    OrderField.UPDATE_TIME: _T.update_time,
    OrderField.PRIORITY: _T.priority_rank,
}


def list_statement(query: TicketQuery) -> Select[Any]:
    """Returns the statement for a page: the columns of TICKET, then those of CONTACT."""
    predicate = _predicate(query.condition, query.organization)
    branches = [branch for branch in _branches(query, predicate) if branch.predicate != Either()]
    branches = branches or [_Branch({}, Either(), None)]
    statements = [_branch_statement(query, branch) for branch in branches]
    if len(statements) == 1:
        page = statements[0].subquery("page")
    else:
        page = union_all(*(select(each.subquery()) for each in statements)).subquery("page")
    tickets, recoveries, contacts = tables.tickets, tables.recoveries, tables.contacts
    return (
        select(*TICKET.columns, *CONTACT.columns)
        .select_from(page)
        .join(tickets, and_(_T.organization == page.c.organization, _T.number == page.c.number))
        .outerjoin(
            recoveries,
            and_(_R.organization == _T.organization, _R.ticket_number == _T.number, _R.id == _T.recovery_id),
        )
        .outerjoin(
            contacts,
            and_(_C.organization == _R.organization, _C.ticket_number == _R.ticket_number, _C.id == _R.contact_id),
        )
        .order_by(*_order(query, page.c))
        .limit(query.limit)
    )


def count_statement(organization: str | None, condition: Condition) -> Select[Any]:
    """Returns the statement for the stages that occur and how many tickets each has."""
    predicate = _predicate(condition, organization)
    statement = select(_T.stage, func.count()).select_from(_sources(predicate)).where(to_sql(predicate))
    if organization is not None:
        statement = statement.where(_T.organization == organization)
        if needs_terms(predicate):
            statement = statement.where(_M.organization == organization)
    return statement.group_by(_T.stage)


@dataclass(frozen=True)
class _Branch:
    """The tickets of one stage, one priority or both: each branch is in order in an index, whatever the others hold."""

    known: dict[str, str | int]
    predicate: Predicate
    after: ColumnElement[bool] | None


def _branches(query: TicketQuery, predicate: Predicate) -> list[_Branch]:
    stages: list[dict[str, str | int]] = [{}]
    if (found := possible(predicate, "stage", _STAGES)) != _STAGES:
        stages = [{"stage": stage} for stage in sorted(found, key=str)]
    ranks: list[dict[str, str | int]] = [{}]
    # By priority first: there are four, and within one each other order has its index.
    if query.organization is not None and query.order[0].field is OrderField.PRIORITY:
        ranks = [{"priority_rank": rank} for rank in sorted(possible(predicate, "priority_rank", _ALL_RANKS), key=int)]
    branches = []
    for stage, rank in product(stages, ranks):
        known = stage | rank
        after = None
        if query.after is not None:
            bound = _after(query, query.after, known.get("priority_rank"))
            if bound is None:
                continue
            after = bound
        branches.append(_Branch(known, decided(predicate, known), after))
    return branches


def _branch_statement(query: TicketQuery, branch: _Branch) -> Select[Any]:
    keys = [_COLUMNS[key.field].label(key.field.value) for key in query.order]
    statement = (
        select(_T.organization, *keys)
        .select_from(_sources(branch.predicate))
        .where(*(_T[column] == value for column, value in branch.known.items()))
        .where(to_sql(branch.predicate))
    )
    if query.organization is not None:
        statement = statement.where(_T.organization == query.organization)
        if needs_terms(branch.predicate):
            statement = statement.where(_M.organization == query.organization)
    if branch.after is not None:
        statement = statement.where(branch.after)
    return statement.order_by(*_order(query, None)).limit(query.limit)


def _sources(predicate: Predicate) -> FromClause:
    if not needs_terms(predicate):
        return tables.tickets
    return tables.tickets.join(tables.ticket_terms, and_(_M.organization == _T.organization, _M.number == _T.number))


def _order(query: TicketQuery, columns: Any) -> list[ColumnElement[Any]]:  # noqa: ANN401 - SQLAlchemy's collections
    """Returns ORDER BY. Organizations come in the first key's direction, so that an index has both."""
    keys = [(key, _COLUMNS[key.field] if columns is None else columns[key.field.value]) for key in query.order]
    ordered = [column.desc() if key.descending else column.asc() for key, column in keys]
    if query.organization is not None:
        return ordered
    organization = _T.organization if columns is None else columns.organization
    return [organization.desc() if query.order[0].descending else organization.asc(), *ordered]


def _after(query: TicketQuery, place: TicketPlace, rank: str | int | None) -> ColumnElement[bool] | None:
    """Returns what comes after a place, None where nothing of this rank does."""
    keys, values = list(query.order), [_value(value, key) for key, value in zip(query.order, place.values, strict=True)]
    if rank is not None:
        reached = int(str(values[0]))
        if int(rank) != reached:
            later = int(rank) < reached if keys[0].descending else int(rank) > reached
            return true() if later else None
        keys, values = keys[1:], values[1:]
    within = _after_keys(keys, values)
    if query.organization is not None:
        return within
    descending = query.order[0].descending
    own = _T.organization
    reached_organization = own <= place.organization if descending else own >= place.organization
    beyond = own < place.organization if descending else own > place.organization
    return and_(reached_organization, or_(beyond, within))


def _value(value: KeyValue, key: OrderKey) -> KeyValue:
    return _RANKS[str(value)] if key.field is OrderField.PRIORITY else value


def _after_keys(keys: Sequence[OrderKey], values: Sequence[KeyValue]) -> ColumnElement[bool]:
    columns = [_COLUMNS[key.field] for key in keys]
    if len({key.descending for key in keys}) == 1:
        if len(keys) == 1:
            return columns[0] < values[0] if keys[0].descending else columns[0] > values[0]
        row, place = tuple_(*columns), tuple_(*values)
        return row < place if keys[0].descending else row > place
    first, value, down = columns[0], values[0], keys[0].descending
    # The first half is redundant, and what an index is entered by.
    return and_(
        first <= value if down else first >= value,
        or_(first < value if down else first > value, and_(first == value, _after_keys(keys[1:], values[1:]))),
    )


def _predicate(condition: Condition, organization: str | None) -> Predicate:
    return normal_form(condition, lambda leaf, negated: _leaf(leaf, organization, negated=negated))


def _leaf(condition: Condition, organization: str | None, *, negated: bool) -> Predicate:
    match condition:
        case OneOf():
            return _one_of(condition, negated=negated)
        case Present():
            return _present(condition.field, organization, negated=negated)
        case Named():
            return Sql(named(organization, _T.organization, _NAMES[condition.field], condition, negated))
        case Compared(field="stars"):
            return Sql(compared(_M.stars, condition, negated, nullable=True), needs_terms=True)
        case Compared():
            return Sql(compared(_COLUMNS[OrderField(condition.field)], condition, negated, nullable=False))
        case Equals(field="labels"):
            if negated or organization is None:
                return Sql(unless(_T.labels.contains([condition.text]), negated))
            return _label(condition.text, organization)
        case Equals():
            return Sql(unless(_has_reference(condition.text, organization), negated))
        case Words():
            return Sql(found_in(_M.search, organization, phrase(condition.text), negated), needs_terms=True)
        case _:
            raise AssertionError(condition)


_NAMES: Final[dict[str, ColumnElement[Any]]] = {
    "assignee": _T.assignee,
    "reporter": _T.reporter,
    "location": _T.location,
    "review": _T.review_id,
}


def _one_of(asked: OneOf, *, negated: bool) -> Predicate:
    match asked.field:
        case "status":
            return _stages(frozenset().union(*map(stages_of_status, asked.values)), negated=negated)
        case "close_reason":
            return _stages(asked.values, negated=negated)
        case "priority":
            ranks = {_RANKS[value] for value in asked.values}
            return Values(
                _T.priority_rank, "priority_rank", _ALL_RANKS - ranks if negated else frozenset(ranks), _ALL_RANKS
            )
        case _:
            states: frozenset[str | int] = frozenset(map(str, CONTACT_STATES))
            found = states - asked.values if negated else states & asked.values
            return Values(_T.contact_state, "contact_state", found, states)


def _stages(stages: frozenset[str], *, negated: bool) -> Predicate:
    return Values(_T.stage, "stage", _STAGES - stages if negated else _STAGES & stages, _STAGES)


def _present(field: str, organization: str | None, *, negated: bool) -> Predicate:
    match field:
        case "close_reason":
            return _stages(CLOSED_STAGES, negated=negated)
        case "labels" if negated:
            return Sql(_T.labels == [])
        case "labels":
            return _label("*", organization) if organization else Sql(_T.labels != [])
        case "stars":
            return Sql(_M.stars.is_(None) if negated else _M.stars.is_not(None), needs_terms=True)
        case "location":  # every ticket has one
            return Either() if negated else Both()
        case _:
            return Sql(_NAMES[field].is_(None) if negated else _NAMES[field].is_not(None))


def _label(label: str, organization: str) -> Predicate:
    return Sql(_M.search.bool_op("@@")(lexeme(f" {organization} {label}")), needs_terms=True)


def _has_reference(reference: str, organization: str | None) -> ColumnElement[bool]:
    found = select(_R.organization, _R.ticket_number).where(_R.kind == "FORM", tables.REFERENCE.in_([reference]))
    if organization is None:
        return tuple_(_T.organization, _T.number).in_(found)
    numbers = found.with_only_columns(_R.ticket_number).where(_R.organization == organization)
    return _T.number.in_(numbers)
