"""Keeps httpx from logging the requests of our adapters; requests of anybody else in the process are left alone."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_quiet: ContextVar[bool] = ContextVar("care_quiet_http", default=False)


def _is_not_ours(record: logging.LogRecord) -> bool:
    del record  # what it says does not matter, only who is asking
    return not _quiet.get()


@contextmanager
def quiet_http() -> Iterator[None]:
    """Drop httpx's log records of this task while the context is open.

    httpx logs the URL of each request at INFO and has no switch for one client; raising the logger's level would
    silence the requests of the program that embeds us, too.
    """
    logging.getLogger("httpx").addFilter(_is_not_ours)  # adding the same filter again changes nothing
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)
