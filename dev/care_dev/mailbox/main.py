"""Runs the local mailbox as a process."""

import logging
import signal
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import uvicorn

from care_dev.listening import CannotStart, bound_address, listen
from care_dev.mailbox.app import create_app
from care_dev.mailbox.store import EmailStore
from care_roles.http_server import HttpServer

_log = logging.getLogger(__name__)

_SHUTDOWN_SECONDS: Final = 5
"""How long running requests may take to end when the process stops."""


def run(address: str, smtp_address: str, folder: Path) -> None:
    """Shows the emails in `folder` on `address`, and accepts new ones on `smtp_address`, until SIGTERM or SIGINT.

    Must be called in the main thread. Creates the folder if it is missing. Raises CannotStart if
    an address or the folder cannot be used.
    """
    with closing(listen(address)) as listener, closing(listen(smtp_address)) as smtp_listener:
        config = uvicorn.Config(
            create_app(_open(folder), smtp_listener),
            access_log=False,
            log_config=None,  # the program has configured logging
            lifespan="on",
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        # After its graceful shutdown, uvicorn raises the signal again. This handler turns it into a KeyboardInterrupt,
        # which is caught below. Then the sockets are closed.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd logs every address
        _log.info(
            "The local mailbox accepts emails on %s and shows them on http://%s/",
            bound_address(smtp_listener),
            bound_address(listener),
        )
        with suppress(KeyboardInterrupt):
            HttpServer(config).run(sockets=[listener])


def _open(folder: Path) -> EmailStore:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return EmailStore(folder)
    except OSError as error:
        raise CannotStart(f"Cannot store emails in {folder}: {error.strerror}. Choose another folder.") from error
