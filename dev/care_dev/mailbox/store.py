"""The emails in a maildir: one file each, written at once, which survives a kill of the process at any moment."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses
from mailbox import Maildir
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

LISTED_EMAILS: Final = 200
"""The most emails that one page shows."""

_RECIPIENT: Final = "Delivered-To"
"""The header in which a maildir keeps whom the email was for, whatever its To says."""

_ARRIVAL: Final = re.compile(r"(\d+)\.M(\d+)P\d+Q(\d+)")
"""Seconds, microseconds and a counter, which begin the name of a file (https://cr.yp.to/proto/maildir.html)."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A person with an address, as a header names them."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Email:
    """An email as a mail program reads it."""

    id: str
    """Names it within the store."""
    receive_time: datetime
    recipients: list[str]
    """Addresses that it was for, by the envelope."""
    sender: list[Mailbox]
    to: list[Mailbox]
    subject: str
    message_id: str
    in_reply_to: str
    text: str
    """The part in plain text; empty if it has none."""
    html: str
    """The part in HTML; empty if it has none. Whoever wrote it may be up to anything."""


@dataclass(frozen=True, slots=True)
class EmailList:
    """The latest of the chosen emails, and how many there are in all."""

    emails: list[Email]
    total: int


class Store:
    """Emails in the order in which they came. For one thread: reading or writing one takes well under a millisecond."""

    def __init__(self, folder: Path) -> None:
        """Open or create the maildir ``folder``, in a folder that exists. Raises OSError where it can't be written."""
        self._maildir = Maildir(folder, create=True)
        for part in ("cur", "new", "tmp"):
            (folder / part).mkdir(mode=0o700, exist_ok=True)
            with TemporaryFile(dir=folder / part):
                pass

    def add(self, content: bytes, recipients: list[str]) -> None:
        """Keep an email that came for ``recipients``."""
        envelope = "".join(f"{_RECIPIENT}: {address}\r\n" for address in recipients)
        self._maildir.add(envelope.encode() + content)

    def list_emails(self, recipient: str | None = None) -> EmailList:
        """Return the emails, or those for one address, the latest first."""
        found: list[Email] = []
        total = 0
        for key in sorted(self._maildir.iterkeys(), key=_arrival, reverse=True):
            if recipient is None and total >= LISTED_EMAILS:
                total += 1
                continue
            email = self.get_email(key)
            if email and (recipient is None or recipient in email.recipients):
                total += 1
                if len(found) < LISTED_EMAILS:
                    found.append(email)
        return EmailList(found, total)

    def get_email(self, key: str) -> Email | None:
        """Return one email; None if there is no such."""
        content = self.get_content(key)
        return None if content is None else _parse(key, content)

    def get_content(self, key: str) -> bytes | None:
        """Return one email as it came, after whom it was for; None if there is no such."""
        with suppress(KeyError):
            return self._maildir.get_bytes(key)
        return None

    def clear(self) -> None:
        """Delete all emails."""
        self._maildir.clear()


def _arrival(key: str) -> tuple[int, int, int]:
    match = _ARRIVAL.match(key)
    return (int(match[1]), int(match[2]), int(match[3])) if match else (0, 0, 0)


def _parse(key: str, content: bytes) -> Email:
    message = message_from_bytes(content, _class=EmailMessage, policy=default)
    seconds, microseconds, _ = _arrival(key)
    return Email(
        id=key,
        receive_time=datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds),
        recipients=[_decoded(address) for address in _headers(message, _RECIPIENT)],
        sender=_mailboxes(message, "From"),
        to=_mailboxes(message, "To"),
        subject=_header(message, "Subject"),
        message_id=_header(message, "Message-ID"),
        in_reply_to=_header(message, "In-Reply-To"),
        text=_part(message, "plain"),
        html=_part(message, "html"),
    )


def _headers(message: EmailMessage, name: str) -> list[str]:
    """Return the values of a header as they came, on one line each.

    The parser's own reading leaves spaces within words that were encoded in two pieces.
    """
    return [" ".join(str(value).splitlines()) for key, value in message.raw_items() if key.lower() == name.lower()]


def _header(message: EmailMessage, name: str) -> str:
    return _decoded(next(iter(_headers(message, name)), ""))


def _mailboxes(message: EmailMessage, name: str) -> list[Mailbox]:
    found = getaddresses(_headers(message, name))
    return [Mailbox(_decoded(shown), _decoded(address)) for shown, address in found if shown or address]


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except LookupError:  # a charset that nobody knows
        payload = part.get_payload(decode=True)
        return payload.decode(errors="replace") if isinstance(payload, bytes) else ""


def _decoded(value: str) -> str:
    """Return a header's text without its encoding (RFC 2047); what is wrongly encoded stands as it is."""
    with suppress(LookupError, ValueError, HeaderParseError):
        value = str(make_header(decode_header(value)))
    # Bytes beyond ASCII, which the parser keeps as surrogates, are UTF-8 (RFC 6532).
    return " ".join(value.encode("utf-8", "surrogateescape").decode("utf-8", "replace").split())
