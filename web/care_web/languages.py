"""The languages of the pages, and how each of them writes texts, times, numbers and durations."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, cast

from babel import Locale, dates, numbers, units
from markupsafe import Markup, escape

from care_web.texts.arabic import ARABIC
from care_web.texts.english import ENGLISH
from care_web.texts.french import FRENCH
from care_web.texts.german import GERMAN
from care_web.texts.spanish import SPANISH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from care_web.texts.catalog import Catalog

_BDI: Final = Markup("<bdi>{}</bdi>")
_EXAMPLE: Final = Markup('<bdi dir="ltr">{}</bdi>')
_TIME: Final = Markup('<time datetime="{}">{}</time>')
_ISOLATED: Final = "\u2068{}\u2069"
"""FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE: the equivalent of ``bdi`` in plain text (UAX #9)."""

_MIN_WAIT_SECONDS: Final = 20
_SECONDS_PER_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Language:
    """A language that the pages are available in."""

    tag: str
    """BCP 47 tag, as in the attribute ``lang``."""
    name: str
    """The language's name for itself."""
    catalog: Catalog
    locale: Locale
    """How to write times and numbers. If regions differ, this is the way that most of them understand."""

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """The writing direction, as in the attribute ``dir``."""
        return "rtl" if self.locale.text_direction == "rtl" else "ltr"

    def translate(self, key: str, **values: str) -> Markup:
        """Returns a text as HTML, with each value isolated from the direction of the text around it.

        A value that is markup already is inserted unchanged. If ``business`` is empty, the text with the suffix
        ``.unnamed`` is used.
        """
        filled = {name: value if isinstance(value, Markup) else _BDI.format(value) for name, value in values.items()}
        examples = {name: _EXAMPLE.format(self._text(f"example.{name}")) for name in ("address", "code")}
        return escape(self._template(key, values)).format(**examples, **filled)

    def translate_plain(self, key: str, **values: str) -> str:
        """Returns a text without markup, for titles and attributes."""
        return self._template(key, values).format(**{name: self._isolate(value) for name, value in values.items()})

    def format_time(self, time: datetime) -> Markup:
        """Returns a time as HTML, in UTC, because the reader's time zone is not known. ``time`` must be aware."""
        utc = time.astimezone(UTC)
        day = dates.format_date(utc, "long", self.locale)
        hour = dates.format_time(utc, "short", tzinfo=UTC, locale=self.locale)
        text = str(dates.get_datetime_format("long", self.locale)).format(_unbreakable(hour), _unbreakable(day))
        return _TIME.format(utc.isoformat(), self._text("utc").format(time=text))

    def format_number(self, value: int) -> str:
        """Returns a number with the separators of the language."""
        return numbers.format_decimal(value, locale=self.locale)

    def format_wait(self, seconds: int) -> str:
        """Returns a duration in words. Rounds ``seconds`` up to 20 seconds or to whole minutes."""
        if seconds <= _MIN_WAIT_SECONDS:
            return _unbreakable(units.format_unit(_MIN_WAIT_SECONDS, "duration-second", locale=self.locale))
        minutes = math.ceil(seconds / _SECONDS_PER_MINUTE)
        return _unbreakable(units.format_unit(minutes, "duration-minute", locale=self.locale))

    def _template(self, key: str, values: Mapping[str, str]) -> str:
        return self._text(f"{key}.unnamed" if values.get("business") == "" else key)

    def _text(self, key: str) -> str:
        return cast("Mapping[str, str]", self.catalog)[key]

    def _isolate(self, value: str) -> str:
        """Returns ``value`` between isolating characters if the value or the language is written from right to left."""
        has_rtl = any(unicodedata.bidirectional(character) in {"R", "AL"} for character in value)
        return _ISOLATED.format(value) if has_rtl or self.direction == "rtl" else value


def _unbreakable(text: str) -> str:
    """Returns ``text`` with no-break spaces, so that a number stays with its unit and a day with its month."""
    return text.replace(" ", "\u00a0")


DEFAULT_LANGUAGE: Final = Language("en", "English", ENGLISH, Locale("en", "GB"))
"""The language for browsers that accept no other language of the pages."""

LANGUAGES: Final[Mapping[str, Language]] = {
    language.tag: language
    for language in (
        DEFAULT_LANGUAGE,
        Language("es", "Español", SPANISH, Locale("es")),
        Language("fr", "Français", FRENCH, Locale("fr")),
        Language("de", "Deutsch", GERMAN, Locale("de")),
        Language("ar", "العربية", ARABIC, Locale("ar")),
    )
}
"""The languages by tag, in the order of the language menu."""
