"""Converts entities to rows and back.

The fields of an entity are columns of its table, in the same order. Some tables have further columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as Mapped
from enum import StrEnum
from operator import attrgetter
from types import UnionType
from typing import Any, Final, Generic, TypeVar, get_args, get_origin, get_type_hints

from sqlalchemy import Column, Table

from care_rules.entities.activity import Activity, FieldChange
from care_rules.entities.agent import Agent
from care_rules.entities.contact import Contact
from care_rules.entities.delivery import Delivery
from care_rules.entities.inbound import Inbound
from care_rules.entities.message import Message
from care_rules.entities.recovery import Recovery
from care_rules.entities.review import Review
from care_rules.entities.ticket import Ticket
from care_rules.organizations import Location, Organization
from care_rules.settings import Layer, SettingsRevision
from care_rules.timing import Timing
from care_service.storage import settings_json, tables, timing_json
from care_service.storage.compiled import DIALECT

EntityT = TypeVar("EntityT")

Converter = Callable[[Any], object]


def _decoder(hint: object) -> Converter | None:
    """Returns the function that converts a value from the driver to a field's value; None if none is needed."""
    if isinstance(hint, UnionType):
        inner = next((found for part in get_args(hint) if (found := _decoder(part)) is not None), None)
        return _optional(inner) if inner else None
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {member.value: member for member in hint}.__getitem__
    if hint is Layer:
        return settings_json.decode
    if hint is Timing:
        return timing_json.decode
    if get_origin(hint) is tuple:
        return _decode_changes if get_args(hint)[0] is FieldChange else tuple
    return None


def _encoder(hint: object) -> Converter | None:
    """Returns the function that converts a field's value to a value for the driver; None if none is needed."""
    if hint is Layer:
        return settings_json.encode
    if hint is Timing:
        return timing_json.encode
    return _encode_changes if get_origin(hint) is tuple and get_args(hint)[0] is FieldChange else None


def _optional(decode: Converter) -> Converter:
    return lambda value: None if value is None else decode(value)


def _decode_changes(text: str) -> tuple[FieldChange, ...]:
    return tuple(FieldChange(*row) for row in json.loads(text))


def _encode_changes(changes: Iterable[FieldChange]) -> str:
    return json.dumps([(each.field, each.before, each.after) for each in changes], ensure_ascii=False)


class Mapping(Generic[EntityT]):
    """The mapping between one entity class and its table."""

    def __init__(self, entity: type[EntityT], table: Table) -> None:
        hints = get_type_hints(entity)
        self.entity = entity
        self.table = table
        self.fields: tuple[str, ...] = tuple(hints)
        self.columns: tuple[Column[Any], ...] = tuple(table.c[field] for field in self.fields)
        self.types: dict[str, str] = {field: table.c[field].type.compile(dialect=DIALECT) for field in self.fields}
        self._end = len(self.fields)
        self._decoders = _converters(hints, _decoder)
        self._encoders = _converters(hints, _encoder)
        self._values = attrgetter(*self.fields)
        self._key = max(self.fields.index(column.name) for column in table.primary_key.columns)

    def __len__(self) -> int:
        return len(self.fields)

    def select_list(self, alias: str) -> str:
        """Returns the columns for a SELECT, in the order that `read` expects."""
        return ", ".join(f"{alias}.{field}" for field in self.fields)

    def read(self, row: Sequence[Any], start: int = 0) -> EntityT | None:
        """Returns the entity in the values of a row from index `start`; None if an outer join found no row."""
        if row[start + self._key] is None:
            return None
        values = list(row[start : start + self._end])
        for index, decode in self._decoders:
            values[index] = decode(values[index])
        return self.entity(*values)

    def values(self, entity: EntityT) -> list[object]:
        """Returns the values of an entity for the driver, in the order of `fields`."""
        values = list(self._values(entity))
        for index, encode in self._encoders:
            values[index] = encode(values[index])
        return values


def _converters(
    hints: Mapped[str, object], find: Callable[[object], Converter | None]
) -> tuple[tuple[int, Converter], ...]:
    """Returns the index of each field that needs a conversion, with the function for it."""
    return tuple((index, found) for index, hint in enumerate(hints.values()) if (found := find(hint)))


ORGANIZATION: Final = Mapping(Organization, tables.organizations)
LOCATION: Final = Mapping(Location, tables.locations)
AGENT: Final = Mapping(Agent, tables.agents)
REVIEW: Final = Mapping(Review, tables.reviews)
TICKET: Final = Mapping(Ticket, tables.tickets)
RECOVERY: Final = Mapping(Recovery, tables.recoveries)
CONTACT: Final = Mapping(Contact, tables.contacts)
MESSAGE: Final = Mapping(Message, tables.messages)
ACTIVITY: Final = Mapping(Activity, tables.activities)
DELIVERY: Final = Mapping(Delivery, tables.deliveries)
INBOUND: Final = Mapping(Inbound, tables.inbound_messages)
SETTINGS_REVISION: Final = Mapping(SettingsRevision, tables.settings_revisions)
