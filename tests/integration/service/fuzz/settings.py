"""Makes random settings valid: corrects values that depend on each other, and fields whose names occur elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any, Final

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY


def settle(rng: Random, message: Any) -> None:
    """Makes `message` valid if it is a part of settings."""
    if change := _CHANGES.get(message.DESCRIPTOR.name):
        change(rng, message)


def _settings(rng: Random, message: Any) -> None:
    for field, days in {
        # A warning needs fewer days than the close, which another layer may set.
        "inactivity_days": [0, 10, 30, 365],
        "inactivity_warning_days": [0, 1, 2, 3],
        "grace_days": [0, 1, 7, 365],
    }.items():
        if message.HasField(field):
            setattr(message, field, rng.choice(days))


def _star_priorities(rng: Random, message: Any) -> None:
    _keep(message.priorities, _first_of_each(message.priorities, lambda each: each.stars))


def _star_priority(rng: Random, message: Any) -> None:
    message.stars, message.priority = message.stars or rng.randint(1, 5), message.priority or rng.randint(1, 4)


def _templates(rng: Random, message: Any) -> None:
    _keep(message.templates, _first_of_each(message.templates, lambda each: each.language.lower()))


def _template(rng: Random, message: Any) -> None:
    message.text = "Please tell us more: {form_link}"
    message.language = message.language or "en"


def _reminders(rng: Random, message: Any) -> None:
    for after in message.after:
        after.seconds = rng.randrange(_HOUR, _YEAR - _DAY)
    _keep(message.after, sorted(message.after, key=lambda each: each.seconds))


def _deadlines(rng: Random, message: Any) -> None:
    _keep(message.priorities, _first_of_each(message.priorities, lambda each: each.priority))


def _deadlines_of_priority(rng: Random, message: Any) -> None:
    message.priority = message.priority or rng.randint(1, 4)
    first, second = sorted(rng.randrange(_MINUTE, _YEAR) for _ in range(2))
    if message.HasField("first_response"):
        message.first_response.seconds = first
    if message.HasField("resolution"):
        message.resolution.seconds = second


def _business_hours(rng: Random, message: Any) -> None:
    message.time_zone = message.time_zone or "Europe/Berlin"
    if not message.hours:
        message.hours.add(day=rng.randint(1, 7), start="09:00", end="17:30")
    # Periods with different starts do not overlap: `_hours` chooses among three that follow each other.
    _keep(message.hours, _first_of_each(message.hours, lambda each: (each.day, each.start)))


def _hours(rng: Random, message: Any) -> None:
    message.day = message.day or rng.randint(1, 7)
    message.start, message.end = rng.choice([("00:00", "09:00"), ("09:00", "17:30"), ("17:30", "24:00")])


def _first_of_each(messages: Iterable[Any], key: Callable[[Any], object]) -> list[Any]:
    found: dict[object, Any] = {}
    for each in messages:
        found.setdefault(key(each), each)
    return list(found.values())


def _keep(repeated: Any, kept: list[Any]) -> None:
    copies = [type(each).FromString(each.SerializeToString()) for each in kept]
    del repeated[:]
    repeated.extend(copies)


_CHANGES: Final[dict[str, Callable[[Random, Any], None]]] = {
    "Settings": _settings,
    "StarPriorities": _star_priorities,
    "StarPriority": _star_priority,
    "ReplyTemplates": _templates,
    "ReplyTemplate": _template,
    "FormReminders": _reminders,
    "Deadlines": _deadlines,
    "PriorityDeadlines": _deadlines_of_priority,
    "BusinessHours": _business_hours,
    "OpenHours": _hours,
}
