"""The statements that list tickets. docs/decisions/0010-finding-tickets.md says how they use the indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Select,
    and_,
    exists,
    or_,
    select,
    true,
    tuple_,
    union,
    union_all,
)

from care_rules.completeness import check_complete
from care_rules.entities.recovery import RecoveryKind
from care_rules.entities.ticket import Priority
from care_rules.filters.conditions import Comparison, Condition, Equals, HasValue, NameEquals, OneOf, Phrase
from care_rules.filters.syntax import Comparator
from care_rules.filters.tickets import CONTACT_STATES
from care_rules.lifecycle import TicketStatus
from care_rules.queries import (
    CLOSED_STAGES,
    STAGES,
    KeyValue,
    OrderField,
    OrderKey,
    TicketPlace,
    TicketQuery,
    stages_of_status,
)
from care_service.storage import tables
from care_service.storage.filter_conditions import comparison, lexeme, name_equals, negate_if, phrase, text_matches
from care_service.storage.predicates import (
    Conjunction,
    Disjunction,
    Predicate,
    Sql,
    Values,
    is_in_order,
    needs_terms,
    possible_values,
    simplify,
    split_alternatives,
    to_normal_form,
    to_sql,
)
from care_service.storage.rows import CONTACT, TICKET

_T, _R, _C, _M = tables.tickets.c, tables.recoveries.c, tables.contacts.c, tables.ticket_terms.c

_STAGES: Final[frozenset[str | int]] = frozenset(map(str, STAGES))
_RANKS: Final = {str(priority): rank for rank, priority in enumerate(Priority, 1)}
"""The values of the generated column `priority_rank` by priority: see `rules_in_sql.PRIORITY_RANK`."""
_ALL_RANKS: Final[frozenset[str | int]] = frozenset(_RANKS.values())
_COLUMNS: Final[Mapping[OrderField, ColumnElement[Any]]] = check_complete(
    OrderField,
    {
        OrderField.NUMBER: _T.number,
        OrderField.CREATE_TIME: _T.create_time,
        OrderField.UPDATE_TIME: _T.update_time,
        OrderField.PRIORITY: _T.priority_rank,
    },
)
_TIMES: Final[Mapping[str, Column[Any]]] = {"create_time": _T.create_time, "update_time": _T.update_time}


def candidates_statements(query: TicketQuery) -> list[Select[Any]]:
    """Returns statements that find all matching tickets. PostgreSQL's estimates for these statements give their number.

    Returns an empty list if reading in order is best, however many tickets match.
    """
    predicate = ticket_predicate(query.condition, query.organization)
    if all(branch.predicate == Conjunction() for branch in _branches(query, predicate)):
        return []
    if query.organization is not None and query.order[0].field is OrderField.NUMBER and is_in_order(predicate):
        return []
    return [_matches(query, _Branch({}, part, None)) for part in split_alternatives(predicate)]


def list_statement(query: TicketQuery, *, gather: bool) -> Select[Any]:
    """Returns the statement for a page: the columns of TICKET, then those of CONTACT.

    Without `gather`, the statement reads tickets in order until the page is full, which is best if many tickets match
    the filter. With `gather`, it first finds and sorts all matching tickets, which is best if few match.
    """
    predicate = ticket_predicate(query.condition, query.organization)
    if gather:
        finds = [_matches(query, _Branch({}, part, None)) for part in split_alternatives(predicate)]
        all_keys = (
            (union(*finds) if finds[1:] else finds[0]).cte("found").prefix_with("MATERIALIZED", dialect="postgresql")
        )
        sorted_keys = select(all_keys).order_by(*_order(query, all_keys.c)).limit(query.limit)
        if query.after is not None:
            sorted_keys = sorted_keys.where(_after_place(query, query.after, all_keys.c))
        page = sorted_keys.subquery("page")
    else:
        branches = [branch for branch in _branches(query, predicate) if branch.predicate != Disjunction()]
        walks = [_walk(query, branch) for branch in branches or [_Branch({}, Disjunction(), None)]]
        arms = union_all(*(select(walk.subquery()) for walk in walks)) if walks[1:] else walks[0]
        page = arms.subquery("page")
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


def keys_statement(organization: str | None, predicate: Predicate) -> Select[Any]:
    """Returns the statement that selects organization, number and stage of all tickets that meet a predicate."""
    columns = _T.organization, _T.number, _T.stage
    return _of_organization(select(*columns).select_from(_sources(predicate)), organization, predicate)


def _of_organization(statement: Select[Any], organization: str | None, predicate: Predicate) -> Select[Any]:
    statement = statement.where(to_sql(predicate))
    if organization is None:
        return statement
    statement = statement.where(_T.organization == organization)
    return statement.where(_M.organization == organization) if needs_terms(predicate) else statement


@dataclass(frozen=True)
class _Branch:
    """The matching tickets of one stage, of one priority, or of one stage and priority. `known` contains these values.

    An index returns the tickets of each branch in order. If `known` is empty, the branch has all matching tickets.
    `predicate` is the rest of the filter. `after` is the condition for the tickets after the previous page.
    """

    known: dict[str, str | int]
    predicate: Predicate
    after: ColumnElement[bool] | None


def _branches(query: TicketQuery, predicate: Predicate) -> list[_Branch]:
    stages: list[dict[str, str | int]] = [{}]
    if (found := possible_values(predicate, "stage", _STAGES)) != _STAGES:
        stages = [{"stage": stage} for stage in sorted(found, key=str)]
    ranks: list[dict[str, str | int]] = [{}]
    # An order by priority has a branch for each priority, because an index returns a priority's tickets in order.
    if query.organization is not None and query.order[0].field is OrderField.PRIORITY:
        occurring = possible_values(predicate, "priority_rank", _ALL_RANKS)
        ranks = [{"priority_rank": rank} for rank in sorted(occurring, key=int)]
    branches = []
    for stage, rank in product(stages, ranks):
        known = stage | rank
        after = None
        if query.after is not None:
            bound = _after(query, query.after, known.get("priority_rank"))
            if bound is None:
                continue
            after = bound
        branches.append(_Branch(known, simplify(predicate, known), after))
    return branches


def ticket_condition(condition: Condition, organization: str | None) -> ColumnElement[bool] | None:
    """Returns a filter as a condition on the tickets of another statement; None if every ticket matches."""
    predicate = ticket_predicate(condition, organization)
    if predicate == Conjunction():
        return None
    if not needs_terms(predicate):
        return to_sql(predicate)
    of_ticket = and_(_M.organization == _T.organization, _M.number == _T.number)
    return exists().where(of_ticket, to_sql(predicate)).correlate(tables.tickets)


def _walk(query: TicketQuery, branch: _Branch) -> Select[Any]:
    return _matches(query, branch).order_by(*_order(query, _T)).limit(query.limit)


def _matches(query: TicketQuery, branch: _Branch) -> Select[Any]:
    keys = [_COLUMNS[key.field].label(key.field.value) for key in query.order]
    statement = (
        select(_T.organization, *keys)
        .select_from(_sources(branch.predicate))
        .where(*(_T[column] == value for column, value in branch.known.items()))
    )
    statement = _of_organization(statement, query.organization, branch.predicate)
    return statement if branch.after is None else statement.where(branch.after)


def _sources(predicate: Predicate) -> FromClause:
    if not needs_terms(predicate):
        return tables.tickets
    return tables.tickets.join(tables.ticket_terms, and_(_M.organization == _T.organization, _M.number == _T.number))


def _order(query: TicketQuery, columns: Any) -> list[ColumnElement[Any]]:  # noqa: ANN401 - SQLAlchemy's collections
    """Returns the terms of ORDER BY.

    Organizations are sorted in the direction of the first key, so that one index returns the whole order.
    """
    keyed = [(key, _column(columns, key)) for key in query.order]
    ordered: list[ColumnElement[Any]] = [column.desc() if key.descending else column.asc() for key, column in keyed]
    if query.organization is not None:
        return ordered
    own = columns.organization
    return [own.desc() if query.order[0].descending else own.asc(), *ordered]


def _after(query: TicketQuery, place: TicketPlace, rank: str | int | None) -> ColumnElement[bool] | None:
    """Returns the condition for the tickets after a place; None if no ticket of this priority comes after it."""
    keys, values = query.order, _values(query, place)
    if rank is not None:
        reached = int(str(values[0]))
        if int(rank) != reached:
            later = int(rank) < reached if keys[0].descending else int(rank) > reached
            return true() if later else None
        keys, values = keys[1:], values[1:]
    if query.organization is None:
        return _after_place(query, place, _T)
    return _after_keys(_T, keys, values)


def _after_place(
    query: TicketQuery,
    place: TicketPlace,
    columns: Any,  # noqa: ANN401 - SQLAlchemy's collections
) -> ColumnElement[bool]:
    within = _after_keys(columns, query.order, _values(query, place))
    if query.organization is not None:
        return within
    descending = query.order[0].descending
    own: ColumnElement[str] = columns.organization
    reached_organization = own <= place.organization if descending else own >= place.organization
    beyond = own < place.organization if descending else own > place.organization
    return and_(reached_organization, or_(beyond, and_(own == place.organization, within)))


def _values(query: TicketQuery, place: TicketPlace) -> list[KeyValue]:
    keyed = zip(query.order, place.values, strict=True)
    return [_RANKS[str(value)] if key.field is OrderField.PRIORITY else value for key, value in keyed]


def _after_keys(
    columns: Any,  # noqa: ANN401 - SQLAlchemy's collections
    keys: Sequence[OrderKey],
    values: Sequence[KeyValue],
) -> ColumnElement[bool]:
    own = [_column(columns, key) for key in keys]
    if len({key.descending for key in keys}) == 1:
        if len(keys) == 1:
            return own[0] < values[0] if keys[0].descending else own[0] > values[0]
        row, place = tuple_(*own), tuple_(*values)
        return row < place if keys[0].descending else row > place
    first, value, down = own[0], values[0], keys[0].descending
    # The first condition is redundant, but an index can be searched by that condition.
    return and_(
        first <= value if down else first >= value,
        or_(first < value if down else first > value, and_(first == value, _after_keys(columns, keys[1:], values[1:]))),
    )


def _column(columns: Any, key: OrderKey) -> ColumnElement[Any]:  # noqa: ANN401 - SQLAlchemy's collections
    found: ColumnElement[Any] = _COLUMNS[key.field] if columns is _T else columns[key.field.value]
    return found


def ticket_predicate(condition: Condition, organization: str | None) -> Predicate:
    """Returns a filter as a predicate on tickets and their terms."""
    return to_normal_form(condition, lambda leaf, negated: _leaf(leaf, organization, negated=negated))


def _leaf(condition: Condition, organization: str | None, *, negated: bool) -> Predicate:
    match condition:
        case OneOf():
            return _one_of(condition, negated=negated)
        case HasValue():
            return _present(condition, organization, negated=negated)
        case NameEquals():
            found = name_equals(organization, _T.organization, _NAMES[condition.field], condition, negated)
            return Sql(found, needs_terms=condition.field != "assignee", in_order=not negated)
        case Comparison(field="stars"):
            stars = comparison(_M.stars, condition, negated, nullable=True)
            return Sql(stars, needs_terms=True, in_order=condition.comparator is Comparator.EQUAL and not negated)
        case Comparison():
            time = _TIMES[condition.field]
            return Sql(comparison(time, condition, negated, nullable=bool(time.nullable)))
        case Equals(field="labels"):
            if negated or organization is None:
                return Sql(negate_if(_T.labels.contains([condition.text]), negated))
            return _label(condition.text, organization)
        case Equals(field="external_reference"):
            found = negate_if(_M.external_reference == condition.text, negated, _M.external_reference)
            return Sql(found, needs_terms=True, in_order=not negated)
        case Equals(field="reference"):
            return Sql(negate_if(_has_reference(condition.text, organization), negated), uses_other_table=True)
        case Phrase():
            return Sql(text_matches(_M.search, organization, phrase(condition.text), negated), needs_terms=True)
        case _:
            raise AssertionError(f"no SQL for the condition {condition}")


_NAMES: Final[dict[str, ColumnElement[Any]]] = {
    "assignee": _T.assignee,
    "reporter": _M.reporter,
    "location": _M.location,
    "review": _M.review_id,
}


def _one_of(condition: OneOf, *, negated: bool) -> Predicate:
    match condition.field:
        case "status" | "close_reason":
            return stages_where(_T.stage, condition, negated=negated)
        case "priority":
            ranks = {_RANKS[value] for value in condition.values}
            return Values(
                _T.priority_rank, "priority_rank", _ALL_RANKS - ranks if negated else frozenset(ranks), _ALL_RANKS
            )
        case "contact_state":
            states: frozenset[str | int] = frozenset(map(str, CONTACT_STATES))
            found = states - condition.values if negated else states & condition.values
            return Values(_T.contact_state, "contact_state", found, states)
        case _:
            raise AssertionError(f"no SQL for the condition {condition}")


def stages_where(stage: ColumnElement[str], condition: OneOf | HasValue, *, negated: bool) -> Values:
    """Returns a condition on the status or the close reason as a condition on `stage`, a column with the stage."""
    if isinstance(condition, HasValue):
        stages: frozenset[str] = CLOSED_STAGES
    elif condition.field == "status":
        stages = frozenset().union(*(stages_of_status(TicketStatus(status)) for status in condition.values))
    else:
        stages = condition.values
    return Values(stage, "stage", _STAGES - stages if negated else _STAGES & stages, _STAGES)


def _present(condition: HasValue, organization: str | None, *, negated: bool) -> Predicate:
    match field := condition.field:
        case "close_reason":
            return stages_where(_T.stage, condition, negated=negated)
        case "labels" if negated:
            return Sql(_T.labels == [])
        case "labels":
            return _label("*", organization) if organization else Sql(_T.labels != [])
        case "stars" | "external_reference":
            return Sql(_M[field].is_(None) if negated else _M[field].is_not(None), needs_terms=True)
        case "location":  # every ticket has one
            return Disjunction() if negated else Conjunction()
        case _:
            found = _NAMES[field].is_(None) if negated else _NAMES[field].is_not(None)
            return Sql(found, needs_terms=field != "assignee")


def _label(label: str, organization: str) -> Predicate:
    return Sql(_M.search.bool_op("@@")(lexeme(f" {organization} {label}")), needs_terms=True)


def _has_reference(reference: str, organization: str | None) -> ColumnElement[bool]:
    found = select(_R.organization, _R.ticket_number).where(
        _R.kind == RecoveryKind.FORM, tables.REFERENCE.in_([reference])
    )
    if organization is None:
        return tuple_(_T.organization, _T.number).in_(found)
    numbers = found.with_only_columns(_R.ticket_number).where(_R.organization == organization)
    return _T.number.in_(numbers)
