"""The fields of filters and the types of their values. Turns a filter's syntax tree into a condition."""

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
from care_rules.filters.errors import invalid_filter
from care_rules.filters.parser import parse
from care_rules.filters.syntax import And, Comparator, Not, Or, Restriction, Text, Tree
from care_rules.names import BadNameError
from care_rules.refusals import Refusal

_EQUALITY: Final = (Comparator.EQUAL, Comparator.NOT_EQUAL, Comparator.HAS)
_ORDER: Final = (Comparator.LESS, Comparator.LESS_OR_EQUAL, Comparator.GREATER, Comparator.GREATER_OR_EQUAL)


class Field(ABC):
    """The type of a field: its comparators, and the values that it accepts."""

    comparators: tuple[Comparator, ...] = _EQUALITY
    optional = False
    """Whether the field can be without a value. `= ""` then matches resources without one, and `:*` those with one."""

    @abstractmethod
    def equality(self, field: str, value: Text) -> Condition:
        """Returns the condition for `field = value`. Refuses with INVALID_FILTER if the field can't have the value."""

    def comparison(self, field: str, comparator: Comparator, value: Text) -> Condition:
        """Returns the condition for <, <=, > and >=. Refuses with INVALID_FILTER if the field can't have the value."""
        raise NotImplementedError

    def condition(self, restriction: Restriction) -> Condition:
        """Returns the condition for a restriction of this field.

        Refuses with INVALID_FILTER if the field does not support the comparator or can't have the value.
        """
        field, value = restriction.field.text, restriction.value
        if restriction.comparator not in self.comparators:
            supported = ", ".join(f"'{comparator}'" for comparator in self.comparators)
            problem = f"{field} supports {supported}, but not '{restriction.comparator}'"
            raise invalid_filter(restriction.comparator_position, problem, field)
        if restriction.comparator is Comparator.HAS and value.text == "*" and not value.quoted:
            return HasValue(field) if self.optional else Always()
        if restriction.comparator in _ORDER:
            return self.comparison(field, restriction.comparator, value)
        equality = self._equality_or_no_value(field, value)
        return Negation(equality) if restriction.comparator is Comparator.NOT_EQUAL else equality

    def _equality_or_no_value(self, field: str, value: Text) -> Condition:
        if self.optional and value.quoted and not value.text:
            return Negation(HasValue(field))
        return self.equality(field, value)


@dataclass(frozen=True)
class EnumField(Field):
    """An enum. The values have no prefix. The values of an ordered enum are sorted, the lowest first."""

    values: Sequence[str]
    is_ordered: bool = False
    optional: bool = False

    def __post_init__(self) -> None:
        """Adds the comparators of an ordered enum."""
        if self.is_ordered:
            object.__setattr__(self, "comparators", (*_EQUALITY, *_ORDER))

    def equality(self, field: str, value: Text) -> Condition:
        """See Field."""
        return OneOf(field, frozenset({self._require_known(field, value)}))

    def comparison(self, field: str, comparator: Comparator, value: Text) -> Condition:
        """See Field."""
        index = self.values.index(self._require_known(field, value))
        match comparator:
            case Comparator.LESS:
                matching = self.values[:index]
            case Comparator.LESS_OR_EQUAL:
                matching = self.values[: index + 1]
            case Comparator.GREATER:
                matching = self.values[index + 1 :]
            case Comparator.GREATER_OR_EQUAL:
                matching = self.values[index:]
            case Comparator.EQUAL | Comparator.NOT_EQUAL | Comparator.HAS:
                raise AssertionError(f"{comparator} does not compare by order; only comparators in _ORDER do")
            case _:
                assert_never(comparator)
        return OneOf(field, frozenset(matching))

    def _require_known(self, field: str, value: Text) -> str:
        if value.text not in self.values:
            hint = ' (or "" for none)' if self.optional else ""
            raise invalid_filter(value.position, f"{field} must be one of {', '.join(self.values)}{hint}", field)
        return value.text


@dataclass(frozen=True)
class NameField(Field):
    """The name of a resource; `""` for none."""

    parse: Callable[[str], tuple[str, str | int | UUID]]
    """Splits a name into organization and id. Raises BadNameError if the text is not such a name."""
    optional: bool = True

    def equality(self, field: str, value: Text) -> Condition:
        """See Field."""
        try:
            organization, resource_id = self.parse(value.text)
        except BadNameError as error:
            raise invalid_filter(value.position, f'{field} {error}, or "" for none', field) from error
        return NameEquals(field, organization, resource_id)


@dataclass(frozen=True)
class TextField(Field):
    """A text of a given form. Values match exactly."""

    pattern: re.Pattern[str]
    form: str
    """A description of the pattern that follows "must be" in an error."""
    normalize: Callable[[str], str] = str
    comparators: tuple[Comparator, ...] = _EQUALITY
    optional: bool = False

    def equality(self, field: str, value: Text) -> Condition:
        """See Field."""
        if not self.pattern.fullmatch(value.text):
            raise invalid_filter(value.position, f"{field} must be {self.form}", field)
        return Equals(field, self.normalize(value.text))


class NumberField(Field):
    """A whole number that may be missing."""

    comparators: tuple[Comparator, ...] = (*_EQUALITY, *_ORDER)
    optional = True
    _form: Final = re.compile(r"[+-]?[0-9]{1,18}")

    def equality(self, field: str, value: Text) -> Condition:
        """See Field."""
        return self.comparison(field, Comparator.EQUAL, value)

    def comparison(self, field: str, comparator: Comparator, value: Text) -> Condition:
        """See Field."""
        if not self._form.fullmatch(value.text):
            raise invalid_filter(value.position, f"{field} must be a whole number", field)
        return Comparison(field, comparator, int(value.text))


class TimeField(Field):
    """A time in RFC 3339 format with an offset."""

    comparators: tuple[Comparator, ...] = (*_EQUALITY, *_ORDER)
    _form: Final = re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
    )

    def equality(self, field: str, value: Text) -> Condition:
        """See Field."""
        return self.comparison(field, Comparator.EQUAL, value)

    def comparison(self, field: str, comparator: Comparator, value: Text) -> Condition:
        """See Field."""
        try:
            if not self._form.fullmatch(value.text):
                raise ValueError(value.text)
            time = datetime.fromisoformat(value.text.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            problem = f'{field} must be a quoted time with an offset, such as "2026-01-31T09:30:00Z" (RFC 3339)'
            raise invalid_filter(value.position, problem, field) from error
        return Comparison(field, comparator, time)


def read_filter(text: str, fields: Mapping[str, Field]) -> Condition:
    """Returns the condition that a filter expresses. Refuses with INVALID_FILTER if `text` is not a valid filter."""
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
        raise invalid_filter(text.position, f"{text.text!r} has no letter or digit to search for: remove it")
    return Phrase(text.text)


def _unknown_field(field: Text, fields: Mapping[str, Field]) -> Refusal:
    problem = f"{field.text!r} is not a field of this filter; the fields are {', '.join(fields)}"
    return invalid_filter(field.position, problem, field.text)
