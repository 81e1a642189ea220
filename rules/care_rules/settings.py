"""Settings of organizations; a location can override each field.

The contract documents each field (`care.v1.Settings`). This module defines the type, the default and the checks of each
field, and which times of open tickets a change of the field moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Any, Final

from care_rules.business_hours import BusinessHours
from care_rules.completeness import check_complete
from care_rules.entities.activity import FieldChange
from care_rules.entities.message import Channel
from care_rules.entities.review import Review
from care_rules.entities.ticket import Priority
from care_rules.replies import CHAT_LINK, FORM_LINK
from care_rules.stored_fields import fields_by_stored_name

_DAYS: Final = range(366)
_MAX_REMINDERS: Final = 5
_MAX_TEMPLATES: Final = 50
_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
_YEAR: Final = timedelta(days=365)
_LONG: Final = 10_000
_SHORT: Final = 1_000
_STARS: Final = range(1, 6)


class AutoAssign(StrEnum):
    """How new tickets are assigned automatically."""

    OFF = "OFF"
    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_LOADED = "LEAST_LOADED"


@dataclass(frozen=True, slots=True)
class TicketCreation:
    """Which reviews get a ticket automatically: by their stars, and by their site unless `sites` is empty."""

    stars: tuple[int, ...] = ()
    sites: tuple[str, ...] = ()

    def applies_to(self, review: Review) -> bool:
        """Tells whether a review qualifies for a ticket. A deleted one does not."""
        exists = review.delete_time is None
        return exists and review.stars in self.stars and (not self.sites or review.site in self.sites)


@dataclass(frozen=True, slots=True)
class StarPriority:
    """The priority of new tickets for reviews with this number of stars."""

    stars: int
    priority: Priority


@dataclass(frozen=True, slots=True)
class ReplyTemplate:
    """A text for the public reply, and its language (BCP 47)."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class PriorityDeadlines:
    """The time limits for first response and resolution of tickets of a priority. Only business hours count."""

    priority: Priority
    first_response: timedelta | None
    resolution: timedelta | None


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The deadlines of all priorities, and whether they pause while the team waits for the customer."""

    priorities: tuple[PriorityDeadlines, ...] = ()
    paused_while_waiting: bool = False

    def of(self, priority: Priority) -> PriorityDeadlines:
        """Returns the deadlines of `priority`. A priority that is not listed has none."""
        named = (each for each in self.priorities if each.priority is priority)
        return next(named, PriorityDeadlines(priority, None, None))


class Moves(Enum):
    """The times that a change of a setting moves for open tickets. The workflows of the tickets must then be woken."""

    DEADLINES = auto()
    """When a ticket is due, when its close is announced, and when it closes."""
    REMINDERS = auto()
    """When the assignee is reminded of a live form."""


_MOVES: Final = "moves"


def moves(*moved: Moves) -> dict[str, Any]:
    """Returns the metadata of a setting: the times that a change of the setting moves."""
    return {_MOVES: frozenset(moved)}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that apply to a ticket. Every field has a value, and the same name as in the contract.

    The names are stored. If you rename a field, add `formerly` with the old name to the field's metadata.
    """

    ticket_creation: TicketCreation = field(default=TicketCreation(), metadata=moves())
    star_priorities: tuple[StarPriority, ...] = field(default=(), metadata=moves())
    auto_assign: AutoAssign = field(default=AutoAssign.OFF, metadata=moves())
    inactivity_days: int = field(default=30, metadata=moves(Moves.DEADLINES))
    inactivity_warning_days: int = field(default=3, metadata=moves(Moves.DEADLINES))
    warn_customer: bool = field(default=False, metadata=moves())
    grace_days: int = field(default=7, metadata=moves(Moves.DEADLINES))
    reply_templates: tuple[ReplyTemplate, ...] = field(default=(), metadata=moves())
    form_lifetime: timedelta = field(default=timedelta(days=30), metadata=moves())
    """Live forms keep the lifetime that they were created with."""
    form_reminders: tuple[timedelta, ...] = field(
        default=(timedelta(days=3), timedelta(days=7)), metadata=moves(Moves.REMINDERS)
    )
    deadlines: Deadlines = field(default=Deadlines(), metadata=moves(Moves.DEADLINES))
    business_hours: BusinessHours | None = field(default=None, metadata=moves(Moves.DEADLINES))
    """None: every hour of every day."""
    preferred_channel: Channel = field(default=Channel.EMAIL, metadata=moves())
    consent_text: str = field(
        default="I agree that you use these details to contact me about my review, and for nothing else.",
        metadata=moves(),
    )
    closing_notice: str = field(
        default="We have not heard from you for a while. Write to us if there is anything left to do; otherwise we will"
        " soon close this conversation.",
        metadata=moves(),
    )
    chat_greeting: str = field(
        default=f"Thank you for getting in touch. You can write to us privately here: {CHAT_LINK}", metadata=moves()
    )

    def priority(self, stars: int) -> Priority:
        """Returns the priority of a new ticket for a review with this number of stars."""
        return next((each.priority for each in self.star_priorities if each.stars == stars), Priority.NORMAL)

    def template(self, language: str) -> ReplyTemplate | None:
        """Returns the template for a language; None if there are no templates.

        If the language has none, returns the template for the language without its region. If that has none, returns
        the first template.
        """
        for tag in (language.lower(), language.lower().partition("-")[0]):
            for each in self.reply_templates:
                if each.language.lower() == tag:
                    return each
        return next(iter(self.reply_templates), None)


FIELDS: Final = tuple(each.name for each in fields(Settings))
_MOVED: Final[Mapping[str, frozenset[Moves]]] = check_complete(
    FIELDS, {each.name: each.metadata[_MOVES] for each in fields(Settings) if _MOVES in each.metadata}
)


def settings_that_move(moved: Moves) -> frozenset[str]:
    """Returns the settings whose change moves `moved` for open tickets."""
    return frozenset(name for name in FIELDS if moved in _MOVED[name])


@dataclass(frozen=True, slots=True)
class Layer:
    """The settings that one organization or location sets: the fields of `values` that are named in `names`.

    The other fields of `values` have no meaning.
    """

    values: Settings = Settings()
    names: frozenset[str] = frozenset()
    stored: tuple[tuple[str, str], ...] = ()
    """The stored JSON by stored name, including settings that this release does not know or can't read.

    A change of other settings leaves these entries as they are.
    """

    def apply_to(self, settings: Settings) -> Settings:
        """Returns `settings` with the fields that this layer sets."""
        changes = {name: getattr(self.values, name) for name in self.names}
        return replace(settings, **changes) if changes else settings

    def with_changes(self, new: Layer, paths: frozenset[str]) -> Layer:
        """Returns this layer with each field of `paths` as in `new`: set to the same value, or unset."""
        if not paths:
            return self
        new = Layer(new.values, new.names & paths)
        known = fields_by_stored_name(Settings)
        untouched = tuple((name, value) for name, value in self.stored if known.get(name) not in paths)
        return Layer(new.apply_to(self.values), (self.names - paths) | new.names, untouched)


@dataclass(frozen=True, slots=True)
class SettingsRevision:
    """A change of the settings of an organization or a location."""

    organization: str
    location: str
    """The location's id. Empty for the settings of the organization."""
    number: int
    author: str
    """An agent's full name, or a service's `sub`."""
    changes: tuple[FieldChange, ...]
    create_time: datetime


_DEFAULTS: Final = Settings()


def merge_layers(organization: Layer, location: Layer | None) -> Settings:
    """Returns the settings that apply. A location's value overrides the organization's, which overrides the default."""
    whole = organization.apply_to(_DEFAULTS)
    return location.apply_to(whole) if location else whole


def check_settings(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yields the problems of settings as a whole: the field's path, and a text that says what to do."""
    yield from _check_days(settings)
    yield from _check_texts(settings)
    yield from _check_form(settings)
    yield from _check_stars(settings)
    yield from _check_deadlines(settings.deadlines)
    if settings.business_hours is not None:
        yield from (("business_hours", problem) for problem in settings.business_hours.check())


def _check_days(settings: Settings) -> Iterator[tuple[str, str]]:
    for name in ("inactivity_days", "inactivity_warning_days", "grace_days"):
        if getattr(settings, name) not in _DAYS:
            yield name, "must be 0 to 365 days"
    inactivity, warning = settings.inactivity_days, settings.inactivity_warning_days
    if inactivity > 0 and warning >= inactivity:
        yield "inactivity_warning_days", f"must be less than inactivity_days, which are {inactivity}"


def _check_texts(settings: Settings) -> Iterator[tuple[str, str]]:
    if not settings.consent_text.strip() or len(settings.consent_text) > _SHORT:
        yield "consent_text", f"must have 1 to {_SHORT} characters"
    if not settings.closing_notice.strip() or len(settings.closing_notice) > _SHORT:
        yield "closing_notice", f"must have 1 to {_SHORT} characters"
    if settings.chat_greeting.count(CHAT_LINK) != 1 or len(settings.chat_greeting) > _SHORT:
        yield (
            "chat_greeting",
            f"must contain {CHAT_LINK} exactly once, for the link; up to {_SHORT} characters",
        )
    languages = [template.language.lower() for template in settings.reply_templates]
    if len(languages) > _MAX_TEMPLATES or len(set(languages)) < len(languages):
        yield "reply_templates", f"must be at most {_MAX_TEMPLATES}, one for each language"
    for template in settings.reply_templates:
        if not template.language.replace("-", "").isalnum() or not template.language.isascii():
            yield "reply_templates", f"have {template.language[:20]!r}, which is not a language tag such as en or pt-BR"
        if template.text.count(FORM_LINK) != 1 or len(template.text) > _LONG:
            problem = f"must have {FORM_LINK} exactly once in the one for {template.language}; up to {_LONG} characters"
            yield "reply_templates", problem


def _check_form(settings: Settings) -> Iterator[tuple[str, str]]:
    if not _HOUR <= settings.form_lifetime <= _YEAR:
        yield "form_lifetime", "must be 1 hour to 365 days"
    reminders = settings.form_reminders
    if len(reminders) > _MAX_REMINDERS or list(reminders) != sorted(set(reminders)):
        yield "form_reminders", f"must be at most {_MAX_REMINDERS}, in rising order"
    elif reminders and not _HOUR <= reminders[0] <= reminders[-1] < _YEAR:
        yield "form_reminders", "must be 1 hour to 364 days"


def _check_stars(settings: Settings) -> Iterator[tuple[str, str]]:
    if not set(settings.ticket_creation.stars) <= set(_STARS):
        yield "ticket_creation", "must name stars from 1 to 5"
    stars = [each.stars for each in settings.star_priorities]
    if not set(stars) <= set(_STARS) or len(set(stars)) < len(stars):
        yield "star_priorities", "must name stars from 1 to 5, each once"


def _check_deadlines(deadlines: Deadlines) -> Iterator[tuple[str, str]]:
    priorities = [each.priority for each in deadlines.priorities]
    if len(set(priorities)) < len(priorities):
        yield "deadlines", "must name each priority once"
    for each in deadlines.priorities:
        for duration in (each.first_response, each.resolution):
            if duration is not None and not _MINUTE <= duration <= _YEAR:
                yield "deadlines", f"must be a minute to 365 days for {each.priority}"
        if each.first_response and each.resolution and each.first_response > each.resolution:
            yield "deadlines", f"must have the first response before the resolution for {each.priority}"
