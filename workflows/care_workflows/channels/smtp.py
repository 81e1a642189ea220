"""The adapter for email, by SMTP (RFC 5321) to the server that sends for us."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from typing import Final, Literal

import aiosmtplib

from care_workflows.channels.email_composing import compose, message_id, parse_mailbox
from care_workflows.channels.errors import (
    DeliveryFailure,
    MessageRefused,
    MessengerError,
    MessengerUnavailable,
    UnavailableReason,
)
from care_workflows.channels.messenger import Outgoing, Progress, Receipt

DEFAULT_DEADLINE: Final = 20.0
"""Seconds that one message may take from the connection on to the server's word that it has it."""

_GOODBYE: Final = 1.0
"""Seconds that a server which has the message may take to answer QUIT; whether it does makes no difference."""

_TEMPORARY: Final = range(400, 500)
_PERMANENT: Final = range(500, 600)
_AUTHENTICATION_REQUIRED: Final = 530
"""RFC 4954, section 6; some servers ask for a login as late as at RCPT."""
_TOO_LARGE: Final = 552
"""Also the answer to a MAIL that announces more than the server takes (RFC 1870)."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where email goes to, and whom it is from."""

    host: str
    port: int
    sender: str
    """The address that emails are from, and that answers come to."""
    security: Literal["tls", "starttls", "none"] = "starttls"
    """TLS from the start (RFC 8314), from STARTTLS on (RFC 3207), or none; never less than is asked for."""
    ca: bytes | None = field(default=None, repr=False)
    """Certificates (PEM) of the authorities that are trusted; None for those that the machine trusts."""
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
        """Point at ``server``; opens no connection yet. ``deadline`` is in seconds, per message.

        Raises ValueError for a sender or authorities that are none.
        """
        if not deadline > 0:
            raise ValueError(f"deadline must be a positive number of seconds, got {deadline!r}")
        self._server = server
        self._deadline = deadline
        self._sender = parse_mailbox(server.sender)
        self._tls = ssl.create_default_context(cadata=server.ca.decode("ascii") if server.ca else None)

    async def send(self, message: Outgoing) -> Receipt:
        """Hand the message to the server; see ``Messenger.send``."""
        client = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            use_tls=self._server.security == "tls",
            start_tls=False,  # asked for in `_open`, so that a server that lacks it is told from one that is away
            tls_context=self._tls,
            timeout=self._deadline,
        )
        failure: MessengerError
        try:
            async with asyncio.timeout(self._deadline):
                await self._open(client)
                await self._hand_over(client, message)
        except TimeoutError:  # aiosmtplib's own are of this class
            failure = MessengerUnavailable(UnavailableReason.TIMEOUT)
        except (aiosmtplib.SMTPException, OSError, EOFError) as error:
            failure = _failure(error)
        else:
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_GOODBYE)
            return Receipt(Progress.SENT, message_id(message.key, self._sender))
        finally:
            client.close()
        # Raised out here, so that an exception that may hold the message is not kept as the context of ours.
        raise failure

    async def check(self, provider_id: str) -> Receipt:
        """Say no more than before: a server that has taken an email does not tell what becomes of it."""
        return Receipt(Progress.SENT, provider_id)

    async def _open(self, client: aiosmtplib.SMTP) -> None:
        """Connect, encrypt and log in, as far as each is asked for."""
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

    async def _hand_over(self, client: aiosmtplib.SMTP, message: Outgoing) -> None:
        recipient = _recipient(message.address)
        is_international = not (self._sender.addr_spec + recipient.addr_spec).isascii()
        if is_international and not client.supports_extension("smtputf8"):
            words = "The mail server takes no addresses with other letters than ASCII before the @ (SMTPUTF8)."
            raise MessageRefused(DeliveryFailure.ADDRESS_REFUSED, words)
        email = compose(message, self._sender, recipient)
        encoding = "utf-8" if is_international else "ascii"
        options = ["SMTPUTF8"] if is_international else []
        await client.mail(self._sender.addr_spec, options=options, encoding=encoding)
        await client.rcpt(recipient.addr_spec, encoding=encoding)
        await client.data(email)


def _recipient(address: str) -> Address:
    try:
        return parse_mailbox(address)
    except ValueError:
        pass
    raise MessageRefused(DeliveryFailure.ADDRESS_REFUSED, "It is no address that email can go to.")


def _failure(error: Exception) -> MessengerError:
    """Return what went wrong, in our words."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _answered(error, error.code, " ".join(error.message.encode(errors="replace").decode().split()))
    if _is_about_tls(error):
        return MessengerUnavailable(UnavailableReason.NOT_SECURE)
    return MessengerUnavailable(UnavailableReason.CONNECTION)


def _answered(error: aiosmtplib.SMTPResponseException, code: int, words: str) -> MessengerError:
    """Return what the server's answer stands for (RFC 5321, section 4.2.1; RFC 3463 for its enhanced code)."""
    if code in _TEMPORARY:
        return MessengerUnavailable(UnavailableReason.DEFERRED)
    if code not in _PERMANENT:
        return MessengerUnavailable(UnavailableReason.UNEXPECTED_ANSWER)
    if isinstance(error, aiosmtplib.SMTPAuthenticationError) or code == _AUTHENTICATION_REQUIRED:
        return MessengerUnavailable(UnavailableReason.LOGIN_REFUSED)
    match error:
        case aiosmtplib.SMTPSenderRefused() if code == _TOO_LARGE or words.startswith("5.3.4"):
            reason = DeliveryFailure.CONTENT_REFUSED
        case aiosmtplib.SMTPRecipientRefused() | aiosmtplib.SMTPDataError() if words.startswith("5.7."):
            reason = DeliveryFailure.NOT_PERMITTED
        case aiosmtplib.SMTPRecipientRefused():
            reason = DeliveryFailure.ADDRESS_REFUSED
        case aiosmtplib.SMTPDataError() if words.startswith(("5.1.", "5.2.1")):
            reason = DeliveryFailure.ADDRESS_REFUSED
        case aiosmtplib.SMTPDataError():
            reason = DeliveryFailure.CONTENT_REFUSED
        case _:
            reason = DeliveryFailure.NOT_PERMITTED  # not the message: the connection or the sender
    return MessageRefused(reason, words)


def _is_about_tls(error: BaseException | None) -> bool:
    """Tell whether there was no encryption to be had, such as for a certificate that nobody vouches for."""
    while error is not None:
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return True
        error = error.__cause__ or error.__context__
    return False
