"""The adapter for email, by SMTP (RFC 5321)."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from typing import Final, Literal

import aiosmtplib

from care_workflows.channels.email_message import build_email, message_id, parse_email_address
from care_workflows.channels.errors import (
    DeliveryFailure,
    MessageRefused,
    MessengerError,
    MessengerUnavailable,
    UnavailableReason,
)
from care_workflows.channels.messenger import OutgoingMessage, Progress, Receipt

DEFAULT_DEADLINE: Final = 20.0
"""Seconds that one message may take, from connecting to the server's acceptance."""

_QUIT_TIMEOUT: Final = 1.0
"""Seconds to wait for the response to QUIT, which does not affect the accepted message."""

_TEMPORARY: Final = range(400, 500)
_PERMANENT: Final = range(500, 600)
_AUTHENTICATION_REQUIRED: Final = 530
"""RFC 4954, section 6. Some servers require a login only at RCPT."""
_TOO_LARGE: Final = 552
"""A server also responds with this code to a MAIL command that announces too large a message (RFC 1870)."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """The server that sends our emails, and the sender of the emails."""

    host: str
    port: int
    sender: str
    """The address that emails come from and that replies go to."""
    security: Literal["tls", "starttls", "none"] = "starttls"
    """TLS from the start (RFC 8314), TLS after STARTTLS (RFC 3207), or none. There is no fallback to a weaker one."""
    ca: bytes | None = field(default=None, repr=False)
    """Certificates (PEM) of the authorities to trust; None for the machine's own."""
    username: str = ""
    """Empty for no login."""
    password: str = field(default="", repr=False)


class SmtpEmail:
    """Sends each message over its own connection; an implementation of ``Messenger``.

    SMTP has no idempotency keys. If the connection or the worker fails between the end of DATA and the record of the
    outcome, the next attempt sends the message again. Both copies have the same Message-ID (RFC 5322, section 3.6.4),
    by which mail servers and programs recognize a copy.
    """

    def __init__(self, server: SmtpServer, deadline: float = DEFAULT_DEADLINE) -> None:
        """``deadline`` is in seconds, per message. Raises ValueError for an invalid deadline, sender or certificate."""
        if not deadline > 0:
            raise ValueError(f"deadline must be a positive number of seconds, got {deadline!r}")
        self._server = server
        self._deadline = deadline
        self._sender = parse_email_address(server.sender)
        self._tls = ssl.create_default_context(cadata=server.ca.decode("ascii") if server.ca else None)

    async def send(self, message: OutgoingMessage) -> Receipt:
        """Hands the message to the server; see ``Messenger.send``."""
        client = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            use_tls=self._server.security == "tls",
            start_tls=False,  # `_open` starts TLS, to tell a server without STARTTLS from an unreachable server
            tls_context=self._tls,
            timeout=self._deadline,
        )
        failure: MessengerError
        try:
            async with asyncio.timeout(self._deadline):
                await self._open(client)
                await self._transmit(client, message)
        except TimeoutError:  # includes aiosmtplib's own timeouts
            failure = MessengerUnavailable(UnavailableReason.TIMEOUT)
        except (aiosmtplib.SMTPException, OSError, EOFError) as error:
            failure = _failure(error)
        else:
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_QUIT_TIMEOUT)
            return Receipt(Progress.SENT, message_id(message.key, self._sender))
        finally:
            client.close()
        # Raised outside the handler. Inside it, an exception that may hold the message would become the context.
        raise failure

    async def check(self, provider_id: str) -> Receipt:
        """Returns SENT again: after accepting an email, an SMTP server does not report what became of it."""
        return Receipt(Progress.SENT, provider_id)

    async def _open(self, client: aiosmtplib.SMTP) -> None:
        """Connects, and encrypts and logs in if configured."""
        server = self._server
        await client.connect()
        await client.ehlo()
        if server.security == "starttls":
            if not client.supports_extension("starttls"):
                raise MessengerUnavailable(UnavailableReason.NOT_SECURE)
            await client.starttls()
            await client.ehlo()
        if server.username:
            if not client.supported_auth_methods:
                raise MessengerUnavailable(UnavailableReason.LOGIN_REFUSED)
            await client.login(server.username, server.password)

    async def _transmit(self, client: aiosmtplib.SMTP, message: OutgoingMessage) -> None:
        recipient = _recipient(message.address)
        is_international = not (self._sender.addr_spec + recipient.addr_spec).isascii()
        if is_international and not client.supports_extension("smtputf8"):
            explanation = "The mail server does not support addresses that are not ASCII before the @ (SMTPUTF8)."
            raise MessageRefused(DeliveryFailure.ADDRESS_REFUSED, explanation)
        email = build_email(message, self._sender, recipient)
        encoding = "utf-8" if is_international else "ascii"
        options = ["SMTPUTF8"] if is_international else []
        await client.mail(self._sender.addr_spec, options=options, encoding=encoding)
        await client.rcpt(recipient.addr_spec, encoding=encoding)
        await client.data(email)


def _recipient(address: str) -> Address:
    try:
        return parse_email_address(address)
    except ValueError:
        pass
    raise MessageRefused(DeliveryFailure.ADDRESS_REFUSED, "The address is not a valid email address.")


def _failure(error: Exception) -> MessengerError:
    """Returns our exception for an exception of aiosmtplib or of the network."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _response_failure(error, error.code, " ".join(error.message.encode(errors="replace").decode().split()))
    if _is_about_tls(error):
        return MessengerUnavailable(UnavailableReason.NOT_SECURE)
    return MessengerUnavailable(UnavailableReason.CONNECTION)


def _response_failure(error: aiosmtplib.SMTPResponseException, code: int, text: str) -> MessengerError:
    """Returns our exception for the server's response (RFC 5321, section 4.2.1; RFC 3463 for enhanced codes)."""
    if code in _TEMPORARY:
        return MessengerUnavailable(UnavailableReason.DEFERRED)
    if code not in _PERMANENT:
        return MessengerUnavailable(UnavailableReason.UNEXPECTED_RESPONSE)
    if isinstance(error, aiosmtplib.SMTPAuthenticationError) or code == _AUTHENTICATION_REQUIRED:
        return MessengerUnavailable(UnavailableReason.LOGIN_REFUSED)
    match error:
        case aiosmtplib.SMTPSenderRefused() if code == _TOO_LARGE or text.startswith("5.3.4"):
            reason = DeliveryFailure.CONTENT_REFUSED
        case aiosmtplib.SMTPRecipientRefused() | aiosmtplib.SMTPDataError() if text.startswith("5.7."):
            reason = DeliveryFailure.NOT_PERMITTED
        case aiosmtplib.SMTPRecipientRefused():
            reason = DeliveryFailure.ADDRESS_REFUSED
        case aiosmtplib.SMTPDataError() if text.startswith(("5.1.", "5.2.1")):
            reason = DeliveryFailure.ADDRESS_REFUSED
        case aiosmtplib.SMTPDataError():
            reason = DeliveryFailure.CONTENT_REFUSED
        case _:
            reason = DeliveryFailure.NOT_PERMITTED  # about the connection or the sender, not about the message
    return MessageRefused(reason, text)


def _is_about_tls(error: BaseException | None) -> bool:
    """Tells whether TLS failed, for example because of an untrusted certificate."""
    while error is not None:
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return True
        error = error.__cause__ or error.__context__
    return False
