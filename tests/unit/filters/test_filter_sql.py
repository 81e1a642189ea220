"""The storage supports each field of the filters with each of its comparisons, and each order.

The cases are made from the fields. So a new field that the storage does not support fails here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select
from sqlalchemy.engine import make_url

from care_rules.entities.ticket import Priority
from care_rules.filters.reviews import REVIEW_FIELDS
from care_rules.filters.schema import EnumField, Field, NameField, NumberField, TextField, TimeField, read_filter
from care_rules.filters.syntax import Comparator
from care_rules.filters.tickets import TICKET_FIELDS
from care_rules.names import BadNameError
from care_rules.queries import OrderField, OrderKey, ReviewQuery, TicketQuery, complete_order
from care_service.rpc.fields import Fields
from care_service.rpc.list_queries import read_order, read_ticket_token, ticket_token
from care_service.storage import count_statements, review_lists, tables, ticket_lists
from tests.support.sample_tickets import TICKET

PROTOS = Path(__file__).parents[3] / "protos" / "care" / "v1"
DIALECT = make_url("postgresql+asyncpg://").get_dialect()()
ORGANIZATIONS = ("acme", None)
"""The organization of `NAMES`, and None for all organizations."""
NAMES = (
    "organizations/acme/agents/alice",
    "organizations/acme/locations/soho",
    "organizations/acme/reviews/0190a0a0-0000-7000-8000-000000000000",
    "organizations/acme/tickets/7",
)
TEXTS = ("vip", "3F9A-12C7")


def value(field: Field) -> str:
    """Returns a value of a field in the syntax of filters."""
    match field:
        case EnumField():
            return field.values[0]
        case NumberField():
            return "3"
        case TimeField():
            return '"2026-01-31T09:30:00Z"'
        case TextField():
            return next(text for text in TEXTS if field.pattern.fullmatch(text))
        case NameField():
            return next(name for name in NAMES if _is_name(field, name))
        case _:
            raise AssertionError(f"a new kind of field: say here what a value of {field} looks like")


def _is_name(field: NameField, name: str) -> bool:
    try:
        field.parse(name)
    except BadNameError:
        return False
    return True


def comparisons(name: str, field: Field) -> Iterator[str]:
    """Yields filters by one field: each comparison with a value, and whether the field has no value or any value."""
    yield from (f"{name} {comparator} {value(field)}" for comparator in field.comparators)
    if field.optional and Comparator.EQUAL in field.comparators:
        yield f'{name} = ""'
    yield f"{name}:*"


def sql(statement: Select[Any]) -> str:
    compiled = statement.compile(dialect=DIALECT)
    return f"{compiled} {sorted(map(repr, compiled.params.values()))}"


def statement_for(text: str, organization: str | None = "acme") -> str:
    query = TicketQuery(organization, 50, read_filter(text, TICKET_FIELDS))
    return sql(ticket_lists.list_statement(query, gather=True))


@pytest.mark.parametrize("name", TICKET_FIELDS)
def test_tickets_are_listed_counted_and_watched_by(name: str) -> None:
    for text in comparisons(name, TICKET_FIELDS[name]):
        for organization in ORGANIZATIONS:
            assert statement_for(text, organization) != statement_for(f"NOT {text}", organization)
            condition = read_filter(f"NOT (soup {text})", TICKET_FIELDS)
            query = TicketQuery(organization, 50, condition)
            sql(ticket_lists.list_statement(query, gather=False))
            sql(count_statements.count_statement(organization, condition, gather=True))
            ticket_lists.ticket_condition(condition, organization)


@pytest.mark.parametrize("name", REVIEW_FIELDS)
def test_reviews_are_listed_by(name: str) -> None:
    for text in comparisons(name, REVIEW_FIELDS[name]):
        for organization in ORGANIZATIONS:
            found, others = (
                sql(review_lists.list_statement(ReviewQuery(organization, 50, read_filter(each, REVIEW_FIELDS))))
                for each in (text, f"NOT {text}")
            )
            assert found != others


def test_no_two_fields_of_tickets_have_the_same_condition() -> None:
    found: dict[str, str] = {}
    for name, field in TICKET_FIELDS.items():
        statement = statement_for(f"{name}:{value(field)}")
        assert statement not in found, f"{name} asks for what {found[statement]} asks for"
        found[statement] = name


def orders() -> list[str]:
    return [f"{field}{direction}" for field in OrderField for direction in ("", " desc")]


@pytest.mark.parametrize("text", orders())
def test_tickets_are_ordered_by_and_a_page_continues_after_the_last_one(text: str) -> None:
    fields = Fields()
    order = read_order(fields, text)
    fields.check()
    place = read_ticket_token(ticket_token("tickets", order, TICKET), "tickets", order)
    keys = [(key.field.value, "DESC" if key.descending else "ASC") for key in order]
    condition = read_filter("stars > 2 OR soup", TICKET_FIELDS)
    for organization in ORGANIZATIONS:
        by_organization = [] if organization else [("organization", keys[0][1])]
        for gather in (False, True):
            query = TicketQuery(organization, 50, condition, order, place)
            assert _order(ticket_lists.list_statement(query, gather=gather)) == by_organization + keys


def _order(statement: Select[Any]) -> list[tuple[str, str]]:
    """Returns the columns by which a page is ordered, with their directions."""
    clauses = str(statement.compile(dialect=DIALECT)).rpartition("ORDER BY ")[2].partition("LIMIT")[0].split(",")
    return [(column.removeprefix("page."), direction) for column, direction in map(str.split, clauses)]


def test_an_order_ends_with_the_number() -> None:
    for field in OrderField:
        assert complete_order((OrderKey(field, descending=True),))[-1].field is OrderField.NUMBER


def test_the_order_of_priorities_includes_each_priority() -> None:
    computed = tables.tickets.c.priority_rank.computed
    assert computed is not None
    listed = ", ".join(f"'{priority}'" for priority in Priority)
    assert f"ARRAY[{listed}]" in str(computed.sqltext)


@pytest.mark.parametrize(("file", "fields"), [("ticket_service", TICKET_FIELDS), ("review_service", REVIEW_FIELDS)])
def test_the_contract_names_each_field(file: str, fields: Mapping[str, Field]) -> None:
    comment = PROTOS.joinpath(f"{file}.proto").read_text(encoding="utf-8")
    comment = comment.partition(" to list (AIP-160)")[2].partition("string filter")[0]
    assert [name for name in fields if f"`{name}" not in comment] == []


def test_the_contract_names_each_order() -> None:
    comment = PROTOS.joinpath("ticket_service.proto").read_text(encoding="utf-8")
    comment = comment.partition("// The order (AIP-132)")[2].partition("string order_by")[0]
    assert [field for field in OrderField if f"`{field}`" not in comment] == []
