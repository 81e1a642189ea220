"""Reads and checks the fields of requests. Collects the violations, so that one refusal lists all of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from care.v1.ticket_pb2 import TICKET_VIEW_FULL, TicketView
from care_rules import addresses
from care_rules.names import BadNameError
from care_rules.refusals import Refusal, Violations

T = TypeVar("T")

LABEL: Final = re.compile(r"[a-z0-9_.-]{1,40}")
MAX_LABELS: Final = 20
SUBJECT: Final = 200
DISPLAY_NAME: Final = 200
LONG_TEXT: Final = 10_000
EXTERNAL_REFERENCE: Final = 128
DEFAULT_PAGE: Final = 50
MAX_PAGE: Final = 1_000
_MOST_PATHS: Final = 100
"""The maximum number of paths in a mask. No message has more fields, and checking millions of paths would take long."""
_FAST_CLOCK: Final = timedelta(days=1)
"""How far a time may lie in the future. A day allows for a time in the wrong time zone."""
_QUOTED: Final = 60
"""The maximum length of client input that an error message repeats, in characters."""
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
"""Unicode categories: control characters, format characters such as U+200B, and separators."""
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
"""The text form of RFC 9562, section 4. `UUID` also accepts others: with braces, with `urn:`, without hyphens."""
_REGION: Final = re.compile(r"[A-Z]{2}")
_SAFE_SECONDS: Final = range(-62_135_596_799, 253_402_300_799)
"""Unix times: the years 1 to 9999, as in protobuf's Timestamp, except the first and the last second. asyncpg stores the
first and the last moment as PostgreSQL's infinities. It reads them back as times without a time zone, which can't be
compared with other times."""


class Fields(Violations):
    """Reads the fields of a request, and collects their violations."""

    def name(self, field: str, text: str, parse: Callable[[str], T], fallback: T) -> T:
        """Parses a resource name. Returns `fallback` if the name is invalid; `check` later refuses the request."""
        try:
            return parse(text)
        except BadNameError as error:
            self.reject(field, str(error) if text else f"is required; it {error}")
            return fallback

    def text(self, field: str, text: str, longest: int, *, required: bool = False, line: bool = False) -> str:
        """Returns a text. Checks that it has at most `longest` characters and no NUL, which PostgreSQL can't store.

        A `required` text must contain a visible character. A `line` must not contain line breaks, and is returned
        without the spaces around it.
        """
        if required and all(unicodedata.category(character) in _INVISIBLE for character in text):
            self.reject(field, "is required: it must contain a visible character")
        elif len(text) > longest:
            self.reject(field, f"is {len(text)} characters long; the limit is {longest}")
        elif "\0" in text:
            self.reject(field, "must not contain a NUL character")
        elif line and any(character in text for character in "\n\r\v\f\x85\u2028\u2029"):
            self.reject(field, "must be one line, without line breaks")
        return text.strip() if line else text

    def email(self, field: str, text: str) -> str:
        """Returns an email address in its normal form."""
        return self._normalized(lambda: addresses.normalize_email(text, field))

    def phone(self, field: str, text: str) -> str:
        """Returns a phone number, in E.164 format if it has a country code.

        Other numbers are normalized later, when their region is known.
        """
        if "\0" in text or len(text) > addresses.MAX_PHONE:
            self.reject(
                field, f"must be a phone number like +1 415 555 0123, of at most {addresses.MAX_PHONE} characters"
            )
            return ""
        if text.strip().startswith("+"):
            return self._normalized(lambda: addresses.normalize_phone(text, "", field))
        return text.strip()

    def _normalized(self, normalize: Callable[[], str]) -> str:
        try:
            return normalize()
        except Refusal as refusal:
            self.extend(refusal.violations)
            return ""

    def require_one(self, email: str, phone: str, prefix: str = "") -> None:
        """Requires an email address or a phone number."""
        if not email.strip() and not phone.strip():
            for field in ("email", "phone"):
                self.reject(prefix + field, "give an email address, a phone number or both")

    def claim(self, text: str, instead: Iterable[str]) -> UUID | None:
        """Reads the optional id of a claim. If the id is set, the fields `instead` must be empty."""
        if text and any(instead):
            self.reject("claim", "has its own addresses and name: leave email, phone and display_name empty")
        return self._uuid("claim", text, "must be the id of a contact of this ticket: see ListContacts")

    def request_id(self, text: str) -> UUID | None:
        """Reads the optional request id: a UUID other than the nil UUID, in any letter case (AIP-155)."""
        return self._uuid("request_id", text, "must be a UUID like 1b4e28ba-2fa1-41d2-883f-0016d3cca427")

    def _uuid(self, field: str, text: str, hint: str) -> UUID | None:
        if not text:
            return None
        found = UUID(text) if _UUID.fullmatch(text) else UUID(int=0)
        if not found.int:
            self.reject(field, hint)
            return None
        return found

    def labels(self, field: str, labels: Iterable[str]) -> tuple[str, ...]:
        """Reads labels. Returns them sorted and without duplicates."""
        found = tuple(sorted(set(labels)))
        if len(found) > MAX_LABELS:
            self.reject(field, f"must have at most {MAX_LABELS} labels; it has {len(found)}")
        for label in found:
            if not LABEL.fullmatch(label):
                self.reject(field, "must each have 1 to 40 lower-case letters, digits, '-', '_' and '.'")
                break
        return found

    def region(self, field: str, text: str) -> str:
        """Checks a region code, which may be empty."""
        if text and not (_REGION.fullmatch(text) and text in _regions()):
            self.reject(field, "must be an ISO 3166-1 alpha-2 code such as US, or empty")
        return text

    def past(self, field: str, value: Timestamp, now: datetime) -> None:
        """Checks that a timestamp is valid (see `_SAFE_SECONDS`) and at most a day after `now`."""
        if value.seconds not in _SAFE_SECONDS or not 0 <= value.nanos < 1_000_000_000:  # noqa: PLR2004 - nanoseconds
            self.reject(field, "is not a valid time")
        elif value.seconds > (now + _FAST_CLOCK).timestamp():
            self.reject(field, f"is more than {_FAST_CLOCK.days} day ahead of the service's clock")

    def duration(self, field: str, value: Duration, shortest: int, longest: int) -> None:
        """Checks that a duration has between `shortest` and `longest` seconds."""
        if not shortest <= value.seconds <= longest or not 0 <= value.nanos < 1_000_000_000:  # noqa: PLR2004 - as above
            self.reject(field, f"must be between {shortest} and {longest} seconds")

    def page_size(self, size: int) -> int:
        """Returns the page size, with default and maximum applied (AIP-158)."""
        if size < 0:
            self.reject("page_size", "must not be negative")
        return min(size, MAX_PAGE) or DEFAULT_PAGE

    def is_full(self, view: TicketView.ValueType) -> bool:
        """Tells whether the request wants tickets in the FULL view (AIP-157)."""
        if view not in TicketView.values():
            self.reject("view", "must be BASIC or FULL")
        return view == TICKET_VIEW_FULL

    def mask(
        self, paths: Iterable[str], writable: Iterable[str], verbs: dict[str, str], default: Iterable[str]
    ) -> set[str]:
        """Returns the fields of an update mask (AIP-134): all for `*`, and `default` for an empty mask.

        `writable` has the allowed paths. `verbs` has the methods that change the other fields, for the error text.
        """
        allowed, given = tuple(writable), list(paths)
        if not given:
            return set(default)
        if given == ["*"]:
            return set(allowed)
        if len(given) > _MOST_PATHS:
            self.reject("update_mask", f"has {len(given)} paths; use {', '.join(allowed)}")
            return set()
        for path in given:
            if path not in allowed:
                verb = verbs.get(path.partition(".")[0])
                hint = f"can't be updated; use {verb}" if verb else "is not a field that can be updated"
                self.reject("update_mask", f"{ascii(path)[:_QUOTED]} {hint}. Possible paths: {', '.join(allowed)}")
        return set(given)


def _regions() -> set[str]:
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - a large import, which few calls need

    return set(SUPPORTED_REGIONS)
