"""Keeps httpx from logging our adapters' requests; requests of other code in the process are still logged."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_suppressed: ContextVar[bool] = ContextVar("care_suppress_httpx_logs", default=False)


def _is_logged(record: logging.LogRecord) -> bool:
    del record  # only the task matters
    return not _is_suppressed.get()


@contextmanager
def suppress_httpx_logs() -> Iterator[None]:
    """Drops httpx's log records of the current task.

    httpx logs the URL of each request at INFO, and has no setting for a single client. Raising the logger's level would
    also suppress the log records of the program that embeds Care.
    """
    logging.getLogger("httpx").addFilter(_is_logged)  # adding the same filter again changes nothing
    token = _is_suppressed.set(True)
    try:
        yield
    finally:
        _is_suppressed.reset(token)
