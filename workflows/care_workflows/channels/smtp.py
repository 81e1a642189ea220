"""The adapter for email, by SMTP (RFC 5321) to the server that sends for us."""

import asyncio
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, localtime
from html import escape
from typing import Final, Literal

import aiosmtplib

from care_workflows.channels.errors import DeliveryFailure, MessageRefused, MessengerUnavailable, UnavailableReason
from care_workflows.channels.messenger import Outgoing, Progress, Receipt

DEFAULT_DEADLINE: Final = 20.0
"""Seconds that one message may take from the connection on to the server's word that it has it."""

_PERMANENT: Final = range(500, 600)
_NOT_PERMITTED: Final = frozenset({530, 534, 535, 538})
"""Replies about who we are (RFC 4954, section 6), rather than about the message."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where email goes to, and whom it is from."""

    host: str
    port: int
    sender: str
    """The address that emails are from, and that answers come to."""
    security: Literal["tls", "starttls", "none"] = "starttls"
    """TLS from the start (RFC 8314), from STARTTLS on (RFC 3207), or none; never less than is asked for."""
    username: str = ""
    """Empty where the server wants none."""
    password: str = field(default="", repr=False)


class SmtpEmail:
    """Sends by one connection per message; an implementation of ``Messenger``.

    SMTP knows no idempotency: a server that was cut off after the message and before its answer may have it, and the
    next attempt sends it again. Both have the same Message-ID (RFC 5322, section 3.6.4), by which mail servers and
    programs tell a copy. The window is the time from the end of DATA to the recorded outcome.
    """

    def __init__(self, server: SmtpServer, deadline: float = DEFAULT_DEADLINE) -> None:
        """Point at ``server``; opens no connection yet. ``deadline`` is in seconds, per message."""
        self._server = server
        self._deadline = deadline
        self._domain = Address(addr_spec=server.sender).domain

    async def send(self, message: Outgoing) -> Receipt:
        """Hand the message to the server; see ``Messenger.send``."""
        try:
            async with asyncio.timeout(self._deadline):
                await self._send(self._email(message))
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            unavailable = UnavailableReason.TIMEOUT
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _answered(error.recipients[0].code, error.recipients[0].message, at_address=True) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _answered(error.code, error.message) from None
        except aiosmtplib.SMTPException:
            unavailable = UnavailableReason.CONNECTION
        except (OSError, EOFError):
            unavailable = UnavailableReason.CONNECTION
        else:
            return Receipt(Progress.SENT, self._id(message.key))
        # Raised out here, so that an exception that may hold the message is not kept as the context of ours.
        raise MessengerUnavailable(unavailable)

    async def check(self, provider_id: str) -> Receipt:
        """Say no more than before: a server that has taken an email does not tell what becomes of it."""
        return Receipt(Progress.SENT, provider_id)

    async def _send(self, email: EmailMessage) -> None:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            username=server.username or None,
            password=server.password or None,
            timeout=self._deadline,
        )
        async with client:
            await client.send_message(email)

    def _email(self, message: Outgoing) -> EmailMessage:
        email = EmailMessage()
        email["Message-ID"] = f"<{self._id(message.key)}>"
        # Of a chat there is no first email that all others answer: they refer to one that stands for the chat.
        email["References"] = email["In-Reply-To"] = f"<chat-{message.thread_key}@{self._domain}>"
        email["Date"] = formatdate(localtime().timestamp(), localtime=True)
        email["From"] = Address(message.business_name, addr_spec=self._server.sender)
        email["To"] = Address(message.display_name, addr_spec=message.address)
        email["Subject"] = f"Your message to {message.business_name}"
        text = message.text if message.chat_link in message.text else f"{message.text}\n\n{message.chat_link}"
        email.set_content(text)
        email.add_alternative(_html(text, message.chat_link), subtype="html")
        return email

    def _id(self, key: str) -> str:
        return f"{key}@{self._domain}"


def _html(text: str, link: str) -> str:
    """The same in HTML: nothing in it but paragraphs, and the one link."""
    shown = escape(text).replace(escape(link), f'<a href="{escape(link)}">{escape(link)}</a>')
    paragraphs = "".join(f"<p>{part.replace(chr(10), '<br>')}</p>" for part in shown.split("\n\n"))
    return f"<!doctype html><html><body>{paragraphs}</body></html>"


def _answered(code: int, words: str, *, at_address: bool = False) -> MessageRefused | MessengerUnavailable:
    """Return what the server's answer stands for (RFC 5321, section 4.2.1; RFC 3463 for its enhanced code)."""
    if code not in _PERMANENT:
        return MessengerUnavailable(UnavailableReason.DEFERRED)
    if code in _NOT_PERMITTED or words.startswith("5.7."):
        return MessageRefused(DeliveryFailure.NOT_PERMITTED, words)
    if at_address or words.startswith("5.1."):
        return MessageRefused(DeliveryFailure.ADDRESS_REFUSED, words)
    return MessageRefused(DeliveryFailure.CONTENT_REFUSED, words)
