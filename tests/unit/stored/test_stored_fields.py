"""A renamed field is also read under its former names, at every depth of the stored JSON."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from care_rules.stored_fields import AmbiguousNameError, fields_by_stored_name, formerly, to_current_names


@dataclass(frozen=True)
class Hours:
    """Appears in a list and in an optional field."""

    start: int = field(default=0, metadata=formerly("begin"))
    end: int = 0


@dataclass(frozen=True)
class Shop:
    """Has a field that was renamed twice."""

    hours: tuple[Hours, ...] = field(default=(), metadata=formerly("open_hours", "times"))
    holidays: Hours | None = None
    name: str = ""


@dataclass(frozen=True)
class Reused:
    """Has a field whose former name is in use again."""

    title: str = field(default="", metadata=formerly("name"))
    name: str = ""


def test_each_name_belongs_to_one_field() -> None:
    names = {"hours": "hours", "holidays": "holidays", "name": "name", "open_hours": "hours", "times": "hours"}
    assert fields_by_stored_name(Shop) == names
    with pytest.raises(AmbiguousNameError, match="Reused"):
        fields_by_stored_name(Reused)


def test_former_names_are_read_at_every_depth() -> None:
    stored = {"times": [{"begin": 1, "end": 2}, {"start": 3, "note": "x"}], "holidays": {"begin": 4}, "color": "red"}
    assert to_current_names(Shop, stored) == {
        "hours": [{"start": 1, "end": 2}, {"start": 3, "note": "x"}],
        "holidays": {"start": 4},
        "color": "red",
    }


def test_the_present_name_takes_precedence_over_former_ones() -> None:
    assert to_current_names(Shop, {"times": [1], "open_hours": [2], "hours": [3]}) == {"hours": [3]}
    assert to_current_names(Shop, {"times": [1], "open_hours": [2]}) == {"hours": [2]}


def test_a_value_that_is_not_an_object_is_unchanged() -> None:
    assert to_current_names(Shop, {"times": "always", "holidays": None}) == {"hours": "always", "holidays": None}
