"""Runs the local review site as a process of its own."""

import logging
import signal
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import uvicorn

from care_dev.listening import CannotStart, bound_address, listen
from care_dev.review_site.app import create_app
from care_dev.review_site.store import Store

_log = logging.getLogger(__name__)

_SHUTDOWN_SECONDS: Final = 5
"""How long requests under way may take to end; a slow write that needs longer is lost, as in a crash."""


def run(address: str, database: Path) -> None:
    """Serve the site on ``address`` (``host:port``) from the file ``database`` until SIGTERM or SIGINT, then return.

    To be called in the main thread. Makes the file and its folder if they are missing. Raises ``CannotStart``.
    """
    with closing(listen(address)) as listener, closing(_open(database)) as store:
        config = uvicorn.Config(
            create_app(store),
            access_log=False,
            log_config=None,  # logs go where the program's own go
            lifespan="off",
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        # After its graceful shutdown uvicorn raises the signal again: as KeyboardInterrupt it ends here, and what was
        # opened above is closed.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        _log.info("The local review site listens on http://%s/", bound_address(listener))
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _open(database: Path) -> Store:
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        return Store(database)
    except (OSError, sqlite3.Error) as error:
        raise CannotStart(f"Cannot open {database} as a SQLite file: {error}. Choose another file.") from error
