"""Runs the local mailbox as a process of its own."""

import logging
import signal
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import uvicorn

from care_dev.listening import CannotStart, bound_address, listen
from care_dev.mailbox.app import create_app
from care_dev.mailbox.store import Store

_log = logging.getLogger(__name__)

_SHUTDOWN_SECONDS: Final = 5
"""How long requests under way may take to end."""


def run(address: str, smtp_address: str, folder: Path) -> None:
    """Show the emails of ``folder`` on ``address``, and take new ones on ``smtp_address``, until SIGTERM or SIGINT.

    To be called in the main thread. Makes the folder if it is missing. Raises ``CannotStart``.
    """
    with closing(listen(address)) as listener, closing(listen(smtp_address)) as smtp_listener:
        config = uvicorn.Config(
            create_app(_open(folder), smtp_listener),
            access_log=False,
            log_config=None,  # logs go where the program's own go
            lifespan="on",
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        # After its graceful shutdown uvicorn raises the signal again: as KeyboardInterrupt it ends here, and what was
        # opened above is closed.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd writes every address into it
        _log.info(
            "The local mailbox takes emails on %s and shows them on http://%s/",
            bound_address(smtp_listener),
            bound_address(listener),
        )
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _open(folder: Path) -> Store:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Store(folder)
    except OSError as error:
        raise CannotStart(f"Cannot keep emails in {folder}: {error.strerror}. Choose another folder.") from error
