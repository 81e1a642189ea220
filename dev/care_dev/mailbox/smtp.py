"""The SMTP server of the mailbox. It accepts every email for every recipient."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, Envelope, Session

from care_dev.mailbox.store import EmailStore


class Handler:
    """Stores incoming emails. aiosmtpd calls the method and defines its name."""

    def __init__(self, store: EmailStore) -> None:
        self._store = store

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Stores an email and returns the SMTP reply, which promises that the email is on the disk."""
        del server, session
        content = envelope.content
        self._store.add(content.encode() if isinstance(content, str) else content or b"", envelope.rcpt_tos)
        return "250 2.0.0 Stored, not delivered"


@asynccontextmanager
async def serve(store: EmailStore, listener: socket.socket) -> AsyncIterator[None]:
    """Accepts emails on `listener` until the block exits."""
    sessions: WeakSet[SMTP] = WeakSet()  # weak, so that an ended session is freed with its email

    def new_session() -> SMTP:
        session = SMTP(Handler(store), hostname="mailbox.localhost", enable_SMTPUTF8=True)
        sessions.add(session)
        return session

    server = await asyncio.get_running_loop().create_server(new_session, sock=listener)
    try:
        yield
    finally:
        server.close()
        for each in list(sessions):
            if each.transport is not None:
                each.transport.close()
        await server.wait_closed()
