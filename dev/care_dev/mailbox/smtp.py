"""The SMTP server of the mailbox: takes every email for anybody."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, Envelope, Session

from care_dev.mailbox.store import Store


class Handler:
    """Keeps what comes in; called by aiosmtpd, which chooses the method's name."""

    def __init__(self, store: Store) -> None:
        """Keep it in ``store``."""
        self._store = store

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep an email; the answer means that it is on the disk."""
        del server, session
        content = envelope.content
        self._store.add(content.encode() if isinstance(content, str) else content or b"", envelope.rcpt_tos)
        return "250 2.0.0 Kept, and delivered to nobody"


@asynccontextmanager
async def serve(store: Store, listener: socket.socket) -> AsyncIterator[None]:
    """Take emails on ``listener`` while the block lasts."""
    sessions: WeakSet[SMTP] = WeakSet()  # one that is over may go, with its email

    def session() -> SMTP:
        made = SMTP(Handler(store), hostname="mailbox.localhost", enable_SMTPUTF8=True)
        sessions.add(made)
        return made

    server = await asyncio.get_running_loop().create_server(session, sock=listener)
    try:
        yield
    finally:
        server.close()
        for each in list(sessions):
            if each.transport is not None:
                each.transport.close()
        await server.wait_closed()
