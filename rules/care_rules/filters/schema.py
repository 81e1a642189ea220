"""Fields and the kinds of their values: from a filter's tree to the condition that it asks for."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, assert_never
from uuid import UUID

from care_rules.filters.conditions import (
    AllOf,
    Always,
    AnyOf,
    Comparison,
    Condition,
    Equals,
    HasValue,
    NameEquals,
    Negation,
    OneOf,
    Phrase,
)
from care_rules.filters.errors import bad_filter
from care_rules.filters.parser import parse
from care_rules.filters.syntax import And, Comparator, Not, Or, Restriction, Text, Tree
from care_rules.names import BadNameError
from care_rules.refusals import Refusal

_EQUALITY: Final = (Comparator.EQUAL, Comparator.NOT_EQUAL, Comparator.HAS)
_ORDER: Final = (Comparator.LESS, Comparator.LESS_OR_EQUAL, Comparator.GREATER, Comparator.GREATER_OR_EQUAL)


class Field(ABC):
    """A kind of field."""

    comparators: tuple[Comparator, ...] = _EQUALITY
    optional = False
    """Whether it can have no value: `""` and `:*` ask for that."""

    @abstractmethod
    def equal(self, field: str, value: Text) -> Condition:
        """Returns the condition for `field = value`; raises Refusal."""

    def ordered(self, field: str, comparator: Comparator, value: Text) -> Condition:
        """Returns the condition for <, <=, > and >=; raises Refusal."""
        raise NotImplementedError

    def condition(self, asked: Restriction) -> Condition:
        """Returns what a restriction of this field asks for; raises Refusal."""
        field, value = asked.field.text, asked.value
        if asked.comparator not in self.comparators:
            known = ", ".join(f"'{comparator}'" for comparator in self.comparators)
            raise bad_filter(asked.comparator_position, f"{field} takes {known} only, not '{asked.comparator}'", field)
        if asked.comparator is Comparator.HAS and value.text == "*" and not value.quoted:
            return HasValue(field) if self.optional else Always()
        if asked.comparator in _ORDER:
            return self.ordered(field, asked.comparator, value)
        found = self._equal_or_none(field, value)
        return Negation(found) if asked.comparator is Comparator.NOT_EQUAL else found

    def _equal_or_none(self, field: str, value: Text) -> Condition:
        if self.optional and value.quoted and not value.text:
            return Negation(HasValue(field))
        return self.equal(field, value)


@dataclass(frozen=True)
class EnumField(Field):
    """An enum by its bare words; an ordered one from the lowest to the highest."""

    values: Sequence[str]
    is_ordered: bool = False
    optional: bool = False

    def __post_init__(self) -> None:
        """Adds the comparators of an order."""
        if self.is_ordered:
            object.__setattr__(self, "comparators", (*_EQUALITY, *_ORDER))

    def equal(self, field: str, value: Text) -> Condition:
        """See Field."""
        return OneOf(field, frozenset({self._known(field, value)}))

    def ordered(self, field: str, comparator: Comparator, value: Text) -> Condition:
        """See Field."""
        at = self.values.index(self._known(field, value))
        match comparator:
            case Comparator.LESS:
                found = self.values[:at]
            case Comparator.LESS_OR_EQUAL:
                found = self.values[: at + 1]
            case Comparator.GREATER:
                found = self.values[at + 1 :]
            case Comparator.GREATER_OR_EQUAL:
                found = self.values[at:]
            case Comparator.EQUAL | Comparator.NOT_EQUAL | Comparator.HAS:
                raise AssertionError(f"{comparator} asks for no order")
            case _:
                assert_never(comparator)
        return OneOf(field, frozenset(found))

    def _known(self, field: str, value: Text) -> str:
        if value.text not in self.values:
            hint = ' (or "" for none)' if self.optional else ""
            raise bad_filter(value.position, f"{field} must be one of {', '.join(self.values)}{hint}", field)
        return value.text


@dataclass(frozen=True)
class NameField(Field):
    """The name of a resource; `""` for none."""

    parse: Callable[[str], tuple[str, str | int | UUID]]
    """Takes a name apart into organization and id; raises BadNameError."""
    optional: bool = True

    def equal(self, field: str, value: Text) -> Condition:
        """See Field."""
        try:
            organization, found = self.parse(value.text)
        except BadNameError as error:
            raise bad_filter(value.position, f'{field} {error}, or "" for none', field) from error
        return NameEquals(field, organization, found)


@dataclass(frozen=True)
class TextField(Field):
    """A text that must be met exactly, of a given form."""

    pattern: re.Pattern[str]
    form: str
    """What the pattern asks for, after "must be"."""
    normalize: Callable[[str], str] = str
    comparators: tuple[Comparator, ...] = _EQUALITY
    optional: bool = False

    def equal(self, field: str, value: Text) -> Condition:
        """See Field."""
        if not self.pattern.fullmatch(value.text):
            raise bad_filter(value.position, f"{field} must be {self.form}", field)
        return Equals(field, self.normalize(value.text))


class NumberField(Field):
    """A whole number that may be missing."""

    comparators: tuple[Comparator, ...] = (*_EQUALITY, *_ORDER)
    optional = True
    _form: Final = re.compile(r"[+-]?[0-9]{1,18}")

    def equal(self, field: str, value: Text) -> Condition:
        """See Field."""
        return self.ordered(field, Comparator.EQUAL, value)

    def ordered(self, field: str, comparator: Comparator, value: Text) -> Condition:
        """See Field."""
        if not self._form.fullmatch(value.text):
            raise bad_filter(value.position, f"{field} must be a whole number", field)
        return Comparison(field, comparator, int(value.text))


class TimeField(Field):
    """A point in time, RFC 3339 with its offset."""

    comparators: tuple[Comparator, ...] = (*_EQUALITY, *_ORDER)
    _form: Final = re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
    )

    def equal(self, field: str, value: Text) -> Condition:
        """See Field."""
        return self.ordered(field, Comparator.EQUAL, value)

    def ordered(self, field: str, comparator: Comparator, value: Text) -> Condition:
        """See Field."""
        try:
            if not self._form.fullmatch(value.text):
                raise ValueError(value.text)
            time = datetime.fromisoformat(value.text.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            words = f'{field} must be a time in quotes with its offset, such as "2026-01-31T09:30:00Z" (RFC 3339)'
            raise bad_filter(value.position, words, field) from error
        return Comparison(field, comparator, time)


def read_filter(text: str, fields: Mapping[str, Field]) -> Condition:
    """Returns the condition that a filter asks for; raises Refusal INVALID_FILTER and nothing else."""
    tree = parse(text)
    return Always() if tree is None else _condition(tree, fields)


def _condition(tree: Tree, fields: Mapping[str, Field]) -> Condition:
    match tree:
        case And():
            return AllOf(tuple(_condition(part, fields) for part in tree.parts))
        case Or():
            return AnyOf(tuple(_condition(part, fields) for part in tree.parts))
        case Not():
            return Negation(_condition(tree.part, fields))
        case Text():
            return _phrase(tree)
        case Restriction():
            field = None if tree.field.quoted else fields.get(tree.field.text)
            if field is None:
                raise _unknown_field(tree.field, fields)
            return field.condition(tree)


def _phrase(text: Text) -> Condition:
    if not any(character.isalnum() for character in text.text):
        raise bad_filter(text.position, f"{text.text!r} has no letter and no digit to search for: take it out")
    return Phrase(text.text)


def _unknown_field(field: Text, fields: Mapping[str, Field]) -> Refusal:
    words = f"{field.text!r} can't be filtered by; the fields are {', '.join(fields)}"
    return bad_filter(field.position, words, field.text)
