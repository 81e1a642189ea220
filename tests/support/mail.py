"""An SMTP server in the test's event loop, on a free port. It keeps received emails and can simulate failures."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "care", "correct horse"


@dataclass
class Inbox:
    """The received emails, and how the server replies. A handler for aiosmtpd."""

    replies: dict[str, str] = field(default_factory=dict)
    """By command, the reply instead of "250 OK"."""
    hangs_at: str = ""
    """A command that gets no reply."""
    drops_at: str = ""
    """A command after which the connection is dropped without a reply. If it is DATA, the email is kept."""
    envelopes: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    """For each email, whether its connection was encrypted."""

    @property
    def emails(self) -> list[EmailMessage]:
        """The received emails, parsed."""
        return [_parse(envelope) for envelope in self.envelopes]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return await self._reply("MAIL", server)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return await self._reply("RCPT", server)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        self.encrypted.append(_transport(server).get_extra_info("sslcontext") is not None)
        return await self._reply("DATA", server)

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return await self._reply("QUIT", server)

    async def _reply(self, command: str, server: SMTP) -> str:
        if command == self.hangs_at:
            await asyncio.Event().wait()
        if command == self.drops_at:
            _transport(server).abort()
        return self.replies.get(command, "221 Bye" if command == "QUIT" else "250 OK")


@asynccontextmanager
async def serve_mail(
    inbox: Inbox,
    *,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    wants_login: bool = False,
    takes_utf8: bool = False,
) -> AsyncIterator[int]:
    """Serves `inbox` on a free port of 127.0.0.1, and yields the port.

    `tls` encrypts from the start, `starttls` from STARTTLS on; without both there is no encryption.
    """
    sessions: list[SMTP] = []

    def login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object) -> AuthResult:
        right = LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=given == right, handled=False)

    def session() -> SMTP:
        sessions.append(
            SMTP(
                inbox,
                hostname="mail.example.com",
                enable_SMTPUTF8=takes_utf8,
                tls_context=starttls,
                require_starttls=starttls is not None,
                authenticator=login if wants_login else None,
                auth_required=wants_login,
                auth_require_tls=tls is None,  # aiosmtpd does not count TLS from the start
            )
        )
        return sessions[-1]

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in sessions:
            if each.transport is not None:
                _transport(each).abort()
        await server.wait_closed()


Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serve_bytes(speak: Speak) -> AsyncIterator[int]:
    """Serves connections with `speak`, for byte sequences that no correct server sends. Yields the port."""
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            await speak(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client disconnected
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


def _transport(server: SMTP) -> asyncio.Transport:
    assert isinstance(server.transport, asyncio.Transport)
    return server.transport


def _parse(envelope: Envelope) -> EmailMessage:
    assert isinstance(envelope.content, bytes)
    email = message_from_bytes(envelope.content, policy=default)
    assert isinstance(email, EmailMessage)
    return email
