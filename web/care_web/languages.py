"""The languages of the pages, and how each writes a text, a time and a wait."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, cast

from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format
from babel.numbers import format_decimal
from babel.units import format_unit
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
"""FIRST STRONG ISOLATE and its end: what `bdi` is to HTML, for plain text (UAX #9)."""

_SECONDS_SAID_AS_FEW: Final = 20
_SECONDS_OF_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Language:
    """A language that the pages speak."""

    tag: str
    """As in the attribute ``lang`` (BCP 47)."""
    name: str
    """As its speakers write it."""
    catalog: Catalog
    locale: Locale
    """How it writes times and numbers; where regions differ, as it is understood in the most of them."""

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """As in the attribute ``dir``."""
        return "rtl" if self.locale.text_direction == "rtl" else "ltr"

    def say(self, key: str, **values: str) -> Markup:
        """Return a text as HTML, what is filled in isolated from the direction of the words around it.

        A value that is markup already is filled in as it is. An empty ``business`` takes the text for that.
        """
        filled = {name: value if isinstance(value, Markup) else _BDI.format(value) for name, value in values.items()}
        examples = {name: _EXAMPLE.format(self._text(f"example.{name}")) for name in ("address", "code")}
        return escape(self._template(key, values)).format(**examples, **filled)

    def tell(self, key: str, **values: str) -> str:
        """Return a text without markup, for titles and attributes."""
        return self._template(key, values).format(**{name: self._isolated(value) for name, value in values.items()})

    def time(self, moment: datetime) -> Markup:
        """Return an aware time as HTML, told in UTC: where the reader is, nobody knows."""
        utc = moment.astimezone(UTC)
        day = format_date(utc, "long", self.locale)
        hour = format_time(utc, "short", tzinfo=UTC, locale=self.locale)
        words = str(get_datetime_format("long", self.locale)).format(_on_one_line(hour), _on_one_line(day))
        return _TIME.format(utc.isoformat(), self._text("utc").format(time=words))

    def number(self, value: int) -> str:
        """Return a number with the separators of the language."""
        return format_decimal(value, locale=self.locale)

    def wait(self, seconds: int) -> str:
        """Return a time to wait in words, never shorter than ``seconds``."""
        if seconds <= _SECONDS_SAID_AS_FEW:
            return _on_one_line(format_unit(_SECONDS_SAID_AS_FEW, "duration-second", locale=self.locale))
        minutes = math.ceil(seconds / _SECONDS_OF_MINUTE)
        return _on_one_line(format_unit(minutes, "duration-minute", locale=self.locale))

    def _template(self, key: str, values: Mapping[str, str]) -> str:
        return self._text(f"{key}.unnamed" if values.get("business") == "" else key)

    def _text(self, key: str) -> str:
        return cast("Mapping[str, str]", self.catalog)[key]

    def _isolated(self, value: str) -> str:
        """Return ``value`` such that it keeps its own order where it or its surroundings run leftwards."""
        leftwards = any(unicodedata.bidirectional(character) in {"R", "AL"} for character in value)
        return _ISOLATED.format(value) if leftwards or self.direction == "rtl" else value


def _on_one_line(words: str) -> str:
    """Return ``words`` with spaces that don't break: a number stays with its unit, a day with its month."""
    return words.replace(" ", "\u00a0")


DEFAULT: Final = Language("en", "English", ENGLISH, Locale("en", "GB"))
"""For whoever asks for none of ours."""

LANGUAGES: Final[Mapping[str, Language]] = {
    language.tag: language
    for language in (
        DEFAULT,
        Language("es", "Español", SPANISH, Locale("es")),
        Language("fr", "Français", FRENCH, Locale("fr")),
        Language("de", "Deutsch", GERMAN, Locale("de")),
        Language("ar", "العربية", ARABIC, Locale("ar")),
    )
}
"""By tag, in the order of the switch."""
