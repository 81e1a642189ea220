"""Runs PgBouncer, the connection pooler that many teams run in front of PostgreSQL."""

from __future__ import annotations

import os
import shutil
from asyncio.subprocess import DEVNULL, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg

from tests.support.system import eventually

PROGRAM: Final = shutil.which("pgbouncer", path=os.defpath + ":/usr/sbin:/usr/local/sbin")
"""The installed program; None if there is none."""
_CONFIGURATION: Final = """
[databases]
{name} = host={host} port={port} dbname={name} user={user}
[pgbouncer]
listen_port = 6432
unix_socket_dir = {folder}
auth_type = any
pool_mode = session
"""


@asynccontextmanager
async def pgbouncer(url: str) -> AsyncIterator[str]:
    """Runs PgBouncer in front of a database on a socket. Yields the URL of the same database through PgBouncer."""
    assert PROGRAM is not None
    parts = urlsplit(url)
    query, name = parse_qs(parts.query), parts.path.removeprefix("/")
    # The path is short, because the length of a Unix socket's path is limited.
    with TemporaryDirectory(prefix="pgb") as folder:
        configuration = Path(folder) / "pgbouncer.ini"
        values = {"name": name, "host": query["host"][0], "port": query["port"][0], "user": parts.username}
        configuration.write_text(_CONFIGURATION.format(folder=folder, **values), encoding="utf-8")
        # PgBouncer refuses to run as root.
        as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
        if as_nobody:
            shutil.chown(folder, "nobody")
        process = await create_subprocess_exec(PROGRAM, *as_nobody, str(configuration), stdout=DEVNULL, stderr=DEVNULL)
        pooled = f"postgresql://{parts.username}@/{name}?host={quote(folder)}&port=6432"
        try:
            await eventually("PgBouncer accepts connections", lambda: _answers(pooled))
            yield pooled
        finally:
            process.terminate()
            await process.wait()


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=2)
    except (OSError, TimeoutError):
        return False
    await connection.close()
    return True
