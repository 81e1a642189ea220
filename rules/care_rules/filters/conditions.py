"""Conditions: the meaning of a filter, in terms of fields and typed values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from care_rules.filters.syntax import Comparator


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """The part is not true. A comparison with a missing value is false, so its negation is true."""

    part: Condition


@dataclass(frozen=True, slots=True)
class OneOf:
    """An enum field has one of these values."""

    field: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class NameEquals:
    """A field is the name of a resource. The resource is given by its organization and id."""

    field: str
    organization: str
    id: object
    """A text, a UUID or a number."""


@dataclass(frozen=True, slots=True)
class HasValue:
    """A field has a value."""

    field: str


@dataclass(frozen=True, slots=True)
class Equals:
    """A field has this text. For a repeated field, such as labels, one element has it."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field has a value, and it compares with `value` as `comparator` says: =, <, <=, > or >=."""

    field: str
    comparator: Comparator
    value: int | datetime


@dataclass(frozen=True, slots=True)
class Phrase:
    """The searched text contains these words in this order, without others between them."""

    text: str


@dataclass(frozen=True, slots=True)
class Always:
    """Always true."""


Condition: TypeAlias = AllOf | AnyOf | Negation | OneOf | NameEquals | HasValue | Equals | Comparison | Phrase | Always
