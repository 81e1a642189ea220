"""Builds the email (RFC 5322) of a message to a customer.

Names cannot break the headers. The body has a plain text part and an HTML part. The message's text is escaped in HTML.
"""

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

from care_workflows.channels.messenger import OutgoingMessage

_CRLF: Final = "\r\n"

_CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters that an email must not contain (RFC 5322, section 3.5), except tab and line ends."""

_LINE_ENDS: Final = re.compile(r"\r\n?|[\u2028\u2029]")

_BIDI_CONTROLS: Final = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Bidi controls (Unicode, UAX 9). In a name, they would reverse the text that a mail program shows next to the name."""

_PLAIN_WORDS: Final = re.compile(r"[A-Za-z0-9' -]*")
"""Matches a text that needs neither quotation marks nor encoding in a header."""


def parse_email_address(address: str) -> Address:
    """Parses an email address; raises ValueError if it is not one.

    The domain is converted to ASCII (RFC 5891), which every mail server accepts.
    """
    try:
        # Any domain is accepted, because the business's own network may have some that are not public.
        valid = validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        raise ValueError("must be an email address, such as care@example.com") from None
    return Address(username=valid.local_part, domain=valid.ascii_domain)


def message_id(key: str, sender: Address) -> str:
    """Returns the Message-ID without angle brackets. It is the same for every attempt with this key."""
    return f"{key}@{sender.domain}"


def build_email(message: OutgoingMessage, sender: Address, recipient: Address) -> bytes:
    """Returns the email as bytes for SMTP.

    The email has no Auto-Submitted header (RFC 3834), because most messages are written by a person. Care sends nothing
    in response to an automatic email, so no mail loop can arise.
    """
    business = _on_one_line(message.business_name)
    text = _CONTROL_CHARACTERS.sub("", _LINE_ENDS.sub("\n", message.text))
    if message.chat_link not in text:
        text = f"{text}\n\n{message.chat_link}"
    # Not `EmailMessage`: when it folds a long name, it drops the quotation marks. A comma in the name would then start
    # another address.
    email = MIMEMultipart("alternative")
    email["Message-ID"] = f"<{message_id(message.key, sender)}>"
    # All emails of a chat refer to one id that stands for the chat, so mail programs show them as one conversation.
    email["In-Reply-To"] = email["References"] = f"<chat-{message.thread_key}@{sender.domain}>"
    email["Date"] = formatdate(usegmt=True)
    email["From"] = _mailbox(business, sender)
    email["To"] = _mailbox(_on_one_line(message.display_name), recipient)
    email["Subject"] = _encode_words(f"Your message to {business}" if business else "Your message")
    # Encoded as base64, because not every mail server keeps 8-bit text or long lines unchanged.
    email.attach(MIMEText(text, "plain", "utf-8"))
    email.attach(MIMEText(_html(text, message.chat_link), "html", "utf-8"))
    return email.as_bytes(policy=compat32.clone(linesep=_CRLF))


def _mailbox(name: str, address: Address) -> str:
    """Returns a name and an address as the value of a header."""
    value = f"{_encode_words(name)} <{address.addr_spec}>".lstrip()
    # An address that is not ASCII stays UTF-8 (RFC 6532). The package `email` takes such bytes as surrogate escapes.
    return value if value.isascii() else value.encode().decode("ascii", "surrogateescape")


def _encode_words(text: str) -> str:
    """Returns text as the value of a header, encoded (RFC 2047) unless it is plain."""
    return Header(text, "us-ascii" if _PLAIN_WORDS.fullmatch(text) else "utf-8").encode(linesep=_CRLF)


def _on_one_line(name: str) -> str:
    """Returns the name on one line, without control and bidi characters."""
    return " ".join(_BIDI_CONTROLS.sub("", _CONTROL_CHARACTERS.sub("", _LINE_ENDS.sub("\n", name))).split())


def _html(text: str, link: str) -> str:
    """Returns the text as HTML. The only markup is paragraphs, line breaks and the link.

    Each paragraph has the direction of its script.
    """
    body = escape(text)
    if link:
        anchor = f'<a href="{escape(link)}">{escape(link)}</a>'
        body = body.replace(escape(link), anchor)
    paragraphs = "".join(
        f'<p dir="auto">{part.strip(chr(10)).replace(chr(10), "<br>")}</p>' for part in re.split(r"\n{2,}", body)
    )
    return f'<!doctype html><html><head><meta charset="utf-8"></head><body>{paragraphs}</body></html>'
