"""Converts settings from and to messages of the contract, field by field."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict

from care.v1 import message_pb2, settings_pb2, ticket_pb2
from care_rules.business_hours import BusinessHours, Interval
from care_rules.completeness import check_complete
from care_rules.entities.message import Channel
from care_rules.entities.ticket import Priority
from care_rules.settings import (
    FIELDS,
    AutoAssign,
    Deadlines,
    Layer,
    PriorityDeadlines,
    ReplyTemplate,
    Settings,
    StarPriority,
    TicketCreation,
)
from care_service.rpc import enums

_HOUR: Final = 60
_MAX_SECONDS: Final = 10 * 365 * 86_400
_DAYS: Final = range(1, 8)
_WEEKDAYS: Final = settings_pb2.Weekday.values()


class UnreadableError(Exception):
    """The value of a field is not valid. The message says what to do."""


def read_settings(given: settings_pb2.Settings, wrong: Callable[[str, str], None]) -> Layer:
    """Returns the fields that are set. Calls `wrong` with the name of each invalid field, and what is wrong with it."""
    values, names = Settings(), set()
    for name in FIELDS:
        if not given.HasField(name):  # type: ignore[arg-type]  # FIELDS are the names in the message, see the tests
            continue
        try:
            values = replace(values, **{name: _READERS[name](getattr(given, name))})
        except UnreadableError as error:
            wrong(name, str(error))
        names.add(name)
    return Layer(values, frozenset(names))


def settings_message(layer: Layer, name: str, revision: int) -> settings_pb2.Settings:
    """Returns a message with the fields that are set."""
    made = settings_pb2.Settings(name=name, etag=str(revision))
    for field in FIELDS:
        if field in layer.names:
            _WRITERS[field](made, getattr(layer.values, field))
    return made


def effective_message(settings: Settings, name: str) -> settings_pb2.Settings:
    """Returns a message with the settings that apply. Every field is set."""
    made = settings_message(Layer(settings, frozenset(FIELDS)), name, 0)
    made.ClearField("etag")
    return made


def json_values(layer: Layer) -> dict[str, str]:
    """Returns the JSON of each field that is set, by the field's name."""
    made = MessageToDict(settings_message(layer, "", 0), preserving_proto_field_name=True)
    return {name: json.dumps(made[name], ensure_ascii=False) for name in FIELDS if name in made}


# --- reading ----------------------------------------------------------------------------------------------------------


def _duration(value: Duration) -> timedelta:
    if not 0 <= value.seconds <= _MAX_SECONDS or not 0 <= value.nanos < 1_000_000_000:  # noqa: PLR2004 - one second
        raise UnreadableError("must be a duration from 0 seconds to 10 years")
    return timedelta(seconds=value.seconds)


def _priority(value: ticket_pb2.TicketPriority.ValueType) -> Priority:
    if (priority := enums.PRIORITY.from_contract(value)) is None:
        raise UnreadableError(f"must name priorities: {enums.PRIORITY.choices}")
    return priority


def _auto_assign(value: settings_pb2.AutoAssign.ValueType) -> AutoAssign:
    if (found := enums.AUTO_ASSIGN.from_contract(value)) is None:
        raise UnreadableError(f"must be {enums.AUTO_ASSIGN.choices}")
    return found


def _channel(value: message_pb2.Channel.ValueType) -> Channel:
    if (channel := enums.CHANNEL.from_contract(value)) is None:
        raise UnreadableError(f"must be {enums.CHANNEL.choices}")
    return channel


def _creation(value: settings_pb2.TicketCreation) -> TicketCreation:
    if any("\0" in site for site in value.sites):
        raise UnreadableError("must not name a site with a NUL character")
    return TicketCreation(tuple(sorted(set(value.stars))), tuple(sorted(set(value.sites))))


def _star_priorities(value: settings_pb2.StarPriorities) -> tuple[StarPriority, ...]:
    return tuple(StarPriority(each.stars, _priority(each.priority)) for each in value.priorities)


def _templates(value: settings_pb2.ReplyTemplates) -> tuple[ReplyTemplate, ...]:
    if any("\0" in each.text for each in value.templates):
        raise UnreadableError("must not contain a NUL character")
    return tuple(ReplyTemplate(each.language, each.text) for each in value.templates)


def _reminders(value: settings_pb2.FormReminders) -> tuple[timedelta, ...]:
    return tuple(_duration(each) for each in value.after)


def _deadlines(value: settings_pb2.Deadlines) -> Deadlines:
    def optional(each: settings_pb2.PriorityDeadlines, name: str) -> timedelta | None:
        return _duration(getattr(each, name)) if each.HasField(name) else None  # type: ignore[arg-type]  # a field name

    named = tuple(
        PriorityDeadlines(_priority(each.priority), optional(each, "first_response"), optional(each, "resolution"))
        for each in value.priorities
    )
    return Deadlines(named, value.paused_while_waiting)


def _minutes(text: str) -> int:
    hours, colon, minutes = text.partition(":")
    is_time = colon and hours.isdecimal() and minutes.isdecimal() and len(hours) == len(minutes) == 2  # noqa: PLR2004
    if not is_time or int(minutes) >= _HOUR or int(hours) * _HOUR + int(minutes) > 24 * _HOUR:
        raise UnreadableError("must have times like 09:00, from 00:00 to 24:00")
    return int(hours) * _HOUR + int(minutes)


def _hours(value: settings_pb2.BusinessHours) -> BusinessHours:
    week: dict[int, list[Interval]] = {day: [] for day in _DAYS}
    for each in value.hours:
        if each.day not in _DAYS:
            raise UnreadableError("must name days of the week: MONDAY to SUNDAY")
        begin, end = _minutes(each.start), _minutes(each.end)
        if begin >= end:
            raise UnreadableError("must have intervals that end after they start; split one that crosses midnight")
        week[each.day].append(Interval(begin, end))
    try:
        holidays = frozenset(date.fromisoformat(text) for text in value.holidays)
    except ValueError:
        raise UnreadableError("must have holidays that are dates like 2026-12-25") from None
    days = tuple(tuple(sorted(week[day], key=lambda interval: interval.start)) for day in _DAYS)
    return BusinessHours(value.time_zone, days, holidays)


def _text(value: str) -> str:
    if "\0" in value:
        raise UnreadableError("must not contain a NUL character")
    return value


def _unchanged(value: Any) -> Any:  # noqa: ANN401 - an int or a bool
    return value


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = check_complete(
    FIELDS,
    {
        "ticket_creation": _creation,
        "star_priorities": _star_priorities,
        "auto_assign": _auto_assign,
        "inactivity_days": _unchanged,
        "inactivity_warning_days": _unchanged,
        "warn_customer": _unchanged,
        "grace_days": _unchanged,
        "reply_templates": _templates,
        "form_lifetime": _duration,
        "form_reminders": _reminders,
        "deadlines": _deadlines,
        "business_hours": _hours,
        "preferred_channel": _channel,
        "closing_notice": _text,
        "consent_text": _text,
        "chat_greeting": _text,
    },
)


# --- writing ----------------------------------------------------------------------------------------------------------


def _write_creation(made: settings_pb2.Settings, value: TicketCreation) -> None:
    made.ticket_creation.SetInParent()
    made.ticket_creation.stars.extend(value.stars)
    made.ticket_creation.sites.extend(value.sites)


def _write_star_priorities(made: settings_pb2.Settings, value: tuple[StarPriority, ...]) -> None:
    made.star_priorities.SetInParent()
    for each in value:
        made.star_priorities.priorities.add(stars=each.stars, priority=enums.PRIORITY.to_contract(each.priority))


def _write_templates(made: settings_pb2.Settings, value: tuple[ReplyTemplate, ...]) -> None:
    made.reply_templates.SetInParent()
    for each in value:
        made.reply_templates.templates.add(language=each.language, text=each.text)


def _write_reminders(made: settings_pb2.Settings, value: tuple[timedelta, ...]) -> None:
    made.form_reminders.SetInParent()
    for each in value:
        made.form_reminders.after.add().FromTimedelta(each)


def _write_deadlines(made: settings_pb2.Settings, value: Deadlines) -> None:
    made.deadlines.SetInParent()
    made.deadlines.paused_while_waiting = value.paused_while_waiting
    for each in value.priorities:
        one = made.deadlines.priorities.add(priority=enums.PRIORITY.to_contract(each.priority))
        if each.first_response is not None:
            one.first_response.FromTimedelta(each.first_response)
        if each.resolution is not None:
            one.resolution.FromTimedelta(each.resolution)


def _write_hours(made: settings_pb2.Settings, value: BusinessHours | None) -> None:
    made.business_hours.SetInParent()
    if value is None:
        return
    made.business_hours.time_zone = value.zone
    made.business_hours.holidays.extend(sorted(day.isoformat() for day in value.holidays))
    for day, intervals in zip(_DAYS, value.week, strict=True):
        for each in intervals:
            made.business_hours.hours.add(day=_WEEKDAYS[day], start=_clock(each.start), end=_clock(each.end))


def _clock(minutes: int) -> str:
    return f"{minutes // _HOUR:02}:{minutes % _HOUR:02}"


def _write_auto_assign(made: settings_pb2.Settings, value: AutoAssign) -> None:
    made.auto_assign = enums.AUTO_ASSIGN.to_contract(value)


def _write_lifetime(made: settings_pb2.Settings, value: timedelta) -> None:
    made.form_lifetime.FromTimedelta(value)


def _write_channel(made: settings_pb2.Settings, value: Channel) -> None:
    made.preferred_channel = enums.CHANNEL.to_contract(value)


def _plain(name: str) -> Callable[[settings_pb2.Settings, Any], None]:
    def write(made: settings_pb2.Settings, value: object) -> None:
        setattr(made, name, value)

    return write


_WRITERS: Final[Mapping[str, Callable[[settings_pb2.Settings, Any], None]]] = check_complete(
    FIELDS,
    {
        "ticket_creation": _write_creation,
        "star_priorities": _write_star_priorities,
        "auto_assign": _write_auto_assign,
        "inactivity_days": _plain("inactivity_days"),
        "inactivity_warning_days": _plain("inactivity_warning_days"),
        "warn_customer": _plain("warn_customer"),
        "grace_days": _plain("grace_days"),
        "reply_templates": _write_templates,
        "form_lifetime": _write_lifetime,
        "form_reminders": _write_reminders,
        "deadlines": _write_deadlines,
        "business_hours": _write_hours,
        "preferred_channel": _write_channel,
        "closing_notice": _plain("closing_notice"),
        "consent_text": _plain("consent_text"),
        "chat_greeting": _plain("chat_greeting"),
    },
)
