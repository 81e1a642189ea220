"""Opens sessions with PostgreSQL, directly or through PgBouncer in session pooling mode.

PgBouncer refuses startup parameters that it does not know. So a statement sets the settings after the session starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import asyncpg

from care_service.storage.pool import Connection

SET: Final = """
    -- Sets the settings of a new session.
    -- $1, $2: their names and values
    SELECT set_config(name, value, false) FROM unnest($1::TEXT[], $2::TEXT[]) AS settings (name, value)
"""
_STARTUP: Final = {"application_name": "care", "timezone": "UTC"}
"""Startup parameters that PgBouncer accepts and passes on."""
_CONNECT_TIMEOUT: Final = 5.0


if TYPE_CHECKING:
    _Base = asyncpg.Connection[asyncpg.Record]
else:  # the type takes no arguments at run time
    _Base = asyncpg.Connection


class _Session(_Base):
    """A connection that keeps its settings when it is reset."""

    def get_reset_query(self) -> str:
        """Returns the statements that reset an interrupted connection: those of asyncpg without RESET ALL."""
        return "CLOSE ALL; UNLISTEN *; SELECT pg_advisory_unlock_all()"


async def open_session(url: str, settings: Mapping[str, str]) -> Connection:
    """Opens a session with these settings. Raises an error of asyncpg or OSError if that fails."""
    session = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT, server_settings=_STARTUP, connection_class=_Session)
    try:
        await session.fetch(SET, list(settings), list(settings.values()), timeout=_CONNECT_TIMEOUT)
    except BaseException:
        session.terminate()
        raise
    return session
