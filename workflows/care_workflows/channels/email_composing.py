"""Makes an email (RFC 5322) of a message to a customer: headers that nobody's name can break, and two inert parts."""

import re
from email.header import Header
from email.headerregistry import Address
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import formatdate
from html import escape
from typing import Final

from email_validator import EmailNotValidError, validate_email

from care_workflows.channels.messenger import Outgoing

_CRLF: Final = "\r\n"

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters that an email must not hold (RFC 5322, section 3.5), tab and line ends apart."""

_LINE_ENDS: Final = re.compile(r"\r\n?|[\u2028\u2029]")

_DIRECTIONS: Final = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Bidi controls (Unicode, UAX 9): in a name they would turn around what a mail program shows beside it."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9' -]*")
"""What a name may be made of without quotation marks or encoding."""


def parse_mailbox(address: str) -> Address:
    """Take an address apart, its domain in the form that every mail server takes (RFC 5891); raises ValueError."""
    try:
        # Which domains are worth writing to is not for us to say: the business's own network may have some.
        valid = validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        raise ValueError("must be an email address, such as care@example.com") from None
    return Address(username=valid.local_part, domain=valid.ascii_domain)


def message_id(key: str, sender: Address) -> str:
    """Return the id, without its angle brackets, of the email that `key` names: at every attempt the same."""
    return f"{key}@{sender.domain}"


def compose(message: Outgoing, sender: Address, recipient: Address) -> bytes:
    """Make the email, as it goes over the wire.

    It says nothing of Auto-Submitted (RFC 3834), which is for what no person wrote; no answer to it is ever answered
    by a program of ours, so there is no loop to prevent.
    """
    business = _on_one_line(message.business_name)
    text = _CONTROLS.sub("", _LINE_ENDS.sub("\n", message.text))
    if message.chat_link not in text:
        text = f"{text}\n\n{message.chat_link}"
    # Not `EmailMessage`: where it folds a long name it loses the quotation marks, and a comma becomes another address.
    email = MIMEMultipart("alternative")
    email["Message-ID"] = f"<{message_id(message.key, sender)}>"
    # Of a chat there is no first email that all others answer: they refer to one that stands for the chat.
    email["In-Reply-To"] = email["References"] = f"<chat-{message.thread_key}@{sender.domain}>"
    email["Date"] = formatdate(usegmt=True)
    email["From"] = _mailbox(business, sender)
    email["To"] = _mailbox(_on_one_line(message.display_name), recipient)
    email["Subject"] = _words(f"Your message to {business}" if business else "Your message")
    # In base64, as not every mail server passes eight bits or long lines on as they are.
    email.attach(MIMEText(text, "plain", "utf-8"))
    email.attach(MIMEText(_html(text, message.chat_link), "html", "utf-8"))
    return email.as_bytes(policy=compat32.clone(linesep=_CRLF))


def _mailbox(name: str, address: Address) -> str:
    """Return a name and an address as a header holds them."""
    value = f"{_words(name)} <{address.addr_spec}>".lstrip()
    # RFC 6532 for an address beyond ASCII: as it is, in UTF-8. Header values hold such bytes in this form.
    return value if value.isascii() else value.encode().decode("ascii", "surrogateescape")


def _words(text: str) -> str:
    """Return a text as a header holds it: encoded (RFC 2047) unless it is of the simplest."""
    return Header(text, "us-ascii" if _PLAIN.fullmatch(text) else "utf-8").encode(linesep=_CRLF)


def _on_one_line(name: str) -> str:
    """Return the name as a header may hold it and a person may see it."""
    return " ".join(_DIRECTIONS.sub("", _CONTROLS.sub("", _LINE_ENDS.sub("\n", name))).split())


def _html(text: str, link: str) -> str:
    """The same in HTML: nothing in it but paragraphs, each with the direction of its script, and the one link."""
    shown = escape(text)
    if link:
        anchor = f'<a href="{escape(link)}">{escape(link)}</a>'
        shown = shown.replace(escape(link), anchor)
    paragraphs = "".join(
        f'<p dir="auto">{part.strip(chr(10)).replace(chr(10), "<br>")}</p>' for part in re.split(r"\n{2,}", shown)
    )
    return f'<!doctype html><html><head><meta charset="utf-8"></head><body>{paragraphs}</body></html>'
