"""What a filter asks for, in terms of fields and typed values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from care_rules.filters.syntax import Comparator


@dataclass(frozen=True, slots=True)
class AllOf:
    """Each of two or more holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of two or more holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """It does not hold. Whatever has no value is not equal to any, so that this is true of it."""

    part: Condition


@dataclass(frozen=True, slots=True)
class OneOf:
    """An enum's field has one of these values."""

    field: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class NameEquals:
    """A field names a resource of an organization."""

    field: str
    organization: str
    id: object
    """Text, UUID or number."""


@dataclass(frozen=True, slots=True)
class HasValue:
    """A field has a value."""

    field: str


@dataclass(frozen=True, slots=True)
class Equals:
    """A field is this text; of several, such as labels, one is."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field has a value, and it compares so; the comparator is one of =, <, <=, >, >=."""

    field: str
    comparator: Comparator
    value: int | datetime


@dataclass(frozen=True, slots=True)
class Phrase:
    """The text contains these words, one directly after the other."""

    text: str


@dataclass(frozen=True, slots=True)
class Always:
    """Everything is meant."""


Condition: TypeAlias = AllOf | AnyOf | Negation | OneOf | NameEquals | HasValue | Equals | Comparison | Phrase | Always
