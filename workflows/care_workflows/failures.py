"""Turns what goes wrong in an activity into failures that Temporal may keep: our codes only, never anybody's words.

The message of an exception can hold a request, and with it a text or a link. Temporal stores the messages of failures
and of their causes, and logs show both, so each is replaced by one that is made of codes alone.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import grpc
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from care_client.errors import CareError
from care_workflows.channels.errors import MessageRefused, MessengerUnavailable, ReplyRefused, SiteUnavailable
from care_workflows.steps import ADAPTER_ERROR, MESSENGER_UNAVAILABLE, SITE_UNAVAILABLE

_HOPELESS: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""The same call will fail the same way until somebody changes something."""


@contextmanager
def of_service() -> Iterator[None]:
    """Raise failed calls of the service as ``ApplicationError``, whose type is the contract's reason or gRPC's code."""
    try:
        yield
    except CareError as error:
        kind = error.reason or error.code.name
        raise ApplicationError(str(error), type=kind, non_retryable=error.code in _HOPELESS) from None


@contextmanager
def of_site() -> Iterator[None]:
    """Raise failures of a review site as ``ApplicationError`` that are retried; let ``ReplyRefused`` pass."""
    try:
        yield
    except ReplyRefused:
        raise
    except SiteUnavailable as error:
        raise site_unavailable(str(error.reason)) from None
    except Exception as error:  # noqa: BLE001  (whatever it is, its words must not get out)
        raise _of_adapter(error) from None


@contextmanager
def of_messenger() -> Iterator[None]:
    """Raise failures of a messenger as ``ApplicationError`` that are retried; let ``MessageRefused`` pass."""
    try:
        yield
    except MessageRefused:
        raise
    except MessengerUnavailable as error:
        raise messenger_unavailable(str(error.reason)) from None
    except Exception as error:  # noqa: BLE001  (whatever it is, its words must not get out)
        raise _of_adapter(error) from None


def site_unavailable(reason: str) -> ApplicationError:
    """Return the failure of an attempt that got no usable answer, for ``reason``, one of our codes."""
    return _unavailable(reason, SITE_UNAVAILABLE)


def messenger_unavailable(reason: str) -> ApplicationError:
    """Return the failure of an attempt that got no usable answer of a provider, for ``reason``, one of our codes."""
    return _unavailable(reason, MESSENGER_UNAVAILABLE)


def _unavailable(reason: str, kind: str) -> ApplicationError:
    # Expected, and shown at the pending activity: no warning with a traceback for each attempt.
    return ApplicationError(reason, type=kind, category=ApplicationErrorCategory.BENIGN)


def _of_adapter(error: Exception) -> ApplicationError:
    where = traceback.extract_tb(error.__traceback__)[-1]
    message = f"{type(error).__name__} in {Path(where.filename).name}, line {where.lineno}"
    return ApplicationError(message, type=ADAPTER_ERROR)
