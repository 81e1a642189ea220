"""The syntax tree of a filter, and its conversion back to text. The tree does not depend on which fields exist."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias


class Comparator(StrEnum):
    """How a field is compared with a value (AIP-160, "Comparison operators" and "Has operator")."""

    LESS_OR_EQUAL = "<="
    LESS = "<"
    GREATER_OR_EQUAL = ">="
    GREATER = ">"
    NOT_EQUAL = "!="
    EQUAL = "="
    HAS = ":"


@dataclass(frozen=True, slots=True)
class Text:
    """A bare word or a quoted string, without its quotes and escapes."""

    text: str
    quoted: bool
    position: int = dataclasses.field(default=0, compare=False)
    """The number of code points before this text in the filter."""


@dataclass(frozen=True, slots=True)
class Restriction:
    """A field compared with a value."""

    field: Text
    comparator: Comparator
    value: Text
    comparator_position: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class And:
    """Two or more parts that must all match. They are joined by AND or by nothing."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more parts. At least one must match."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part must not match."""

    part: Tree


Tree: TypeAlias = And | Or | Not | Restriction | Text
"""A filter as a syntax tree. A text without a field is a full-text search."""

KEYWORDS: Final = frozenset({"AND", "OR", "NOT"})
_ESCAPED: Final = re.compile(r'["\\]')


def format_tree(tree: Tree) -> str:
    """Returns the filter text of a tree. Parsing it gives the same tree."""
    match tree:
        case Text():
            return _format_text(tree)
        case Restriction():
            return f"{_format_text(tree.field)} {tree.comparator} {_format_text(tree.value)}"
        case Not():
            return f"NOT {_format_part(tree.part)}"
        case And():
            return " AND ".join(map(_format_part, tree.parts))
        case Or():
            return " OR ".join(map(_format_part, tree.parts))


def _format_part(tree: Tree) -> str:
    return f"({format_tree(tree)})" if isinstance(tree, And | Or | Not) else format_tree(tree)


def _format_text(text: Text) -> str:
    return '"' + _ESCAPED.sub(r"\\\g<0>", text.text) + '"' if text.quoted else text.text
