"""Stores each email as a file in a maildir. Writes are atomic: a kill of the process leaves no partial email."""

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
"""The most emails that one list contains."""

_RECIPIENT: Final = "Delivered-To"
"""The header in which the store keeps the recipients of the SMTP envelope, which may differ from `To`."""

_ARRIVAL: Final = re.compile(r"(\d+)\.M(\d+)P\d+Q(\d+)")
"""The start of a file's name: seconds, microseconds and a counter (https://cr.yp.to/proto/maildir.html)."""


@dataclass(frozen=True, slots=True)
class NamedAddress:
    """An address and the name in front of it, as in a header (a "mailbox" in RFC 5322)."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Email:
    """A parsed email."""

    id: str
    """The name of the email's file in the store."""
    receive_time: datetime
    recipients: list[str]
    """The addresses in the SMTP envelope."""
    sender: list[NamedAddress]
    to: list[NamedAddress]
    subject: str
    message_id: str
    in_reply_to: str
    text: str
    """The plain text part; empty if there is none."""
    html: str
    """The HTML part; empty if there is none. Not sanitized."""


@dataclass(frozen=True, slots=True)
class EmailList:
    """The newest of the requested emails, and how many there are in total."""

    emails: list[Email]
    total: int


class EmailStore:
    """Emails in the order of their arrival.

    Not thread-safe. Reading or writing one email takes less than a millisecond, so callers on the event loop may block.
    """

    def __init__(self, folder: Path) -> None:
        """Opens or creates the maildir `folder` in an existing folder. Raises OSError if it cannot be written."""
        self._maildir = Maildir(folder, create=True)
        for part in ("cur", "new", "tmp"):
            (folder / part).mkdir(mode=0o700, exist_ok=True)
            with TemporaryFile(dir=folder / part):
                pass

    def add(self, content: bytes, recipients: list[str]) -> None:
        """Stores an email that was sent to `recipients`."""
        envelope = "".join(f"{_RECIPIENT}: {address}\r\n" for address in recipients)
        self._maildir.add(envelope.encode() + content)

    def list_emails(self, recipient: str | None = None) -> EmailList:
        """Returns all emails, or those for one address, newest first; at most `LISTED_EMAILS`."""
        found: list[Email] = []
        total = 0
        for key in sorted(self._maildir.iterkeys(), key=_arrival_key, reverse=True):
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
        """Returns one email, or None if it does not exist."""
        content = self.get_content(key)
        return None if content is None else _parse(key, content)

    def get_content(self, key: str) -> bytes | None:
        """Returns the source of one email, with its recipients as first headers, or None if it does not exist."""
        with suppress(KeyError):
            return self._maildir.get_bytes(key)
        return None

    def clear(self) -> None:
        """Deletes all emails."""
        self._maildir.clear()


def _arrival_key(key: str) -> tuple[int, int, int]:
    match = _ARRIVAL.match(key)
    return (int(match[1]), int(match[2]), int(match[3])) if match else (0, 0, 0)


def _parse(key: str, content: bytes) -> Email:
    message = message_from_bytes(content, _class=EmailMessage, policy=default)
    seconds, microseconds, _ = _arrival_key(key)
    return Email(
        id=key,
        receive_time=datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds),
        recipients=[_decoded(address) for address in _headers(message, _RECIPIENT)],
        sender=_addresses(message, "From"),
        to=_addresses(message, "To"),
        subject=_header(message, "Subject"),
        message_id=_header(message, "Message-ID"),
        in_reply_to=_header(message, "In-Reply-To"),
        text=_part(message, "plain"),
        html=_part(message, "html"),
    )


def _headers(message: EmailMessage, name: str) -> list[str]:
    """Returns the values of a header, not decoded, each on one line.

    `_decoded` decodes them. Python's parser would leave spaces in a word that is encoded in two pieces.
    """
    return [" ".join(str(value).splitlines()) for key, value in message.raw_items() if key.lower() == name.lower()]


def _header(message: EmailMessage, name: str) -> str:
    return _decoded(next(iter(_headers(message, name)), ""))


def _addresses(message: EmailMessage, name: str) -> list[NamedAddress]:
    found = getaddresses(_headers(message, name))
    return [NamedAddress(_decoded(shown), _decoded(address)) for shown, address in found if shown or address]


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except LookupError:  # an unknown charset
        payload = part.get_payload(decode=True)
        return payload.decode(errors="replace") if isinstance(payload, bytes) else ""


def _decoded(value: str) -> str:
    """Returns a header value, decoded (RFC 2047) and on one line. A value with an invalid encoding is not decoded."""
    with suppress(LookupError, ValueError, HeaderParseError):
        value = str(make_header(decode_header(value)))
    # The parser represents bytes above 127 as surrogates. These bytes are UTF-8 (RFC 6532).
    return " ".join(value.encode("utf-8", "surrogateescape").decode("utf-8", "replace").split())
