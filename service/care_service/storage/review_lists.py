"""The statement that lists reviews."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, or_, select, tuple_

from care_rules.filters.conditions import Comparison, Condition, Equals, HasValue, NameEquals, Phrase
from care_rules.queries import ReviewPlace, ReviewQuery
from care_service.storage import tables
from care_service.storage.filter_conditions import comparison, name_equals, negate_if, phrase, text_matches
from care_service.storage.predicates import Conjunction, Disjunction, Predicate, Sql, to_normal_form, to_sql
from care_service.storage.rows import REVIEW

_V = tables.reviews.c
_NAMES: Final[dict[str, ColumnElement[Any]]] = {"location": _V.location, "ticket": _V.ticket_number}
_VALUES: Final[dict[str, ColumnElement[Any]]] = {"stars": _V.stars, "create_time": _V.create_time}
_TEXTS: Final[dict[str, ColumnElement[Any]]] = {"site": _V.site, "external_id": _V.external_id}


def list_statement(query: ReviewQuery) -> Select[Any]:
    """Returns the statement for a page of reviews. It selects the columns of REVIEW."""
    organization = query.organization
    predicate = to_normal_form(query.condition, lambda leaf, negated: _leaf(leaf, organization, negated=negated))
    statement = select(*REVIEW.columns).where(to_sql(predicate)).limit(query.limit)
    if query.after is not None:
        statement = statement.where(_after(query.after, organization))
    latest = (_V.create_time.desc(), _V.id.desc())
    if organization is None:
        return statement.order_by(_V.organization, *latest)
    return statement.where(_V.organization == organization).order_by(*latest)


def _after(place: ReviewPlace, organization: str | None) -> ColumnElement[bool]:
    older = tuple_(_V.create_time, _V.id) < tuple_(place.create_time, place.id)
    if organization is not None:
        return older
    return and_(
        _V.organization >= place.organization,
        or_(_V.organization > place.organization, and_(_V.organization == place.organization, older)),
    )


def _leaf(condition: Condition, organization: str | None, *, negated: bool) -> Predicate:
    match condition:
        case HasValue(field="ticket"):
            return Sql(_V.ticket_number.is_(None) if negated else _V.ticket_number.is_not(None))
        case HasValue(field="location" | "stars"):  # every review has them
            return Disjunction() if negated else Conjunction()
        case NameEquals():
            return Sql(name_equals(organization, _V.organization, _NAMES[condition.field], condition, negated))
        case Comparison():
            return Sql(comparison(_VALUES[condition.field], condition, negated, nullable=False))
        case Equals():
            return Sql(negate_if(_TEXTS[condition.field] == condition.text, negated))
        case Phrase():
            return Sql(text_matches(_V.search, organization, phrase(condition.text), negated))
        case _:
            raise AssertionError(f"no SQL for the condition {condition}")
