"""Runs the local review site as a process."""

import logging
import signal
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import uvicorn

from care_dev.listening import CannotStart, bound_address, listen
from care_dev.review_site.app import create_app
from care_dev.review_site.store import ReviewStore
from care_roles.http_server import HttpServer

_log = logging.getLogger(__name__)

_SHUTDOWN_SECONDS: Final = 5
"""How long running requests may take to end when the process stops. A slow write that needs longer is lost."""


def run(address: str, database: Path) -> None:
    """Serves the site on `address` (`host:port`) with the data in the file `database`, until SIGTERM or SIGINT.

    Must be called in the main thread. Creates the file and its folder if they are missing. Raises
    CannotStart if the address or the file cannot be used.
    """
    with closing(listen(address)) as listener, closing(_open(database)) as store:
        config = uvicorn.Config(
            create_app(store),
            access_log=False,
            log_config=None,  # the program has configured logging
            lifespan="off",
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        # After its graceful shutdown, uvicorn raises the signal again. This handler turns it into a KeyboardInterrupt,
        # which is caught below. Then the socket and the store are closed.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        _log.info("The local review site listens on http://%s/", bound_address(listener))
        with suppress(KeyboardInterrupt):
            HttpServer(config).run(sockets=[listener])


def _open(database: Path) -> ReviewStore:
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        return ReviewStore(database)
    except (OSError, sqlite3.Error) as error:
        raise CannotStart(f"Cannot open {database} as a SQLite file: {error}. Choose another file.") from error
