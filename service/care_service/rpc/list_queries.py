"""The order and the page tokens of ticket and review lists."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Final, assert_never
from uuid import UUID

from care_rules.entities.review import Review
from care_rules.entities.ticket import Priority, Ticket
from care_rules.queries import (
    KeyValue,
    OrderField,
    OrderKey,
    ReviewPlace,
    TicketPlace,
    complete_order,
)
from care_service.rpc import page_tokens
from care_service.rpc.fields import Fields

_DIRECTIONS: Final = {"": False, "asc": False, "desc": True}


def read_order(fields: Fields, text: str) -> tuple[OrderKey, ...]:
    """Reads `order_by` (AIP-132), and completes it to an order without ties. Adds violations to `fields`."""
    keys: list[OrderKey] = []
    for part in text.split(",") if text.strip() else ():
        name, _, direction = " ".join(part.split()).partition(" ")
        if name not in set(OrderField):
            fields.reject("order_by", f"can't order by {name!r}; use {', '.join(OrderField)}")
        elif direction not in _DIRECTIONS:
            fields.reject("order_by", f"has {direction!r} after {name}; use desc or nothing")
        elif any(key.field == name for key in keys):
            fields.reject("order_by", f"names {name} twice; name it once")
        else:
            keys.append(OrderKey(OrderField(name), _DIRECTIONS[direction]))
    return complete_order(tuple(keys))


def scope(what: str, parent: str, *asked: str) -> str:
    """Returns the scope of a page token: the list `what`, its parent, and the filter and order in `asked`."""
    bound = f" {sha256(repr(asked).encode()).hexdigest()[:16]}" if any(asked) else ""
    return f"{what} {parent}{bound}"


def ticket_token(scoped: str, order: tuple[OrderKey, ...], last: Ticket) -> str:
    """Returns the token of the page after a ticket."""
    values = [_value(key.field, last) for key in order]
    parts = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return page_tokens.make_token(scoped, last.organization, *parts)


def _value(field: OrderField, ticket: Ticket) -> KeyValue:
    match field:
        case OrderField.NUMBER:
            return ticket.number
        case OrderField.CREATE_TIME:
            return ticket.create_time
        case OrderField.UPDATE_TIME:
            return ticket.update_time
        case OrderField.PRIORITY:
            return ticket.priority.value
        case _:
            assert_never(field)


def read_ticket_token(token: str, scoped: str, order: tuple[OrderKey, ...]) -> TicketPlace | None:
    """Returns the place after which a page of tickets starts; None for the first page.

    Refuses with INVALID_PAGE_TOKEN if the token is invalid or belongs to another list.
    """

    def place(key: list[str | int]) -> TicketPlace:
        values = [_read_value(each.field, part) for each, part in zip(order, key[1:], strict=True)]
        return TicketPlace(page_tokens.text(key[0]), tuple(values))

    return page_tokens.read_token(token, scoped, place)


def _read_value(field: OrderField, part: str | int) -> KeyValue:
    match field:
        case OrderField.NUMBER:
            return page_tokens.number(part)
        case OrderField.PRIORITY:
            return Priority(str(part)).value
        case OrderField.CREATE_TIME | OrderField.UPDATE_TIME:
            return page_tokens.time(part)
        case _:
            assert_never(field)


def review_token(scoped: str, last: Review) -> str:
    """Returns the token of the page after a review."""
    return page_tokens.make_token(scoped, last.organization, last.create_time.isoformat(), str(last.id))


def read_review_token(token: str, scoped: str) -> ReviewPlace | None:
    """Returns the place after which a page of reviews starts; None for the first page.

    Refuses with INVALID_PAGE_TOKEN if the token is invalid or belongs to another list.
    """
    return page_tokens.read_token(
        token,
        scoped,
        lambda key: ReviewPlace(page_tokens.text(key[0]), page_tokens.time(key[1]), UUID(page_tokens.text(key[2]))),
    )
