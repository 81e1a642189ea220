"""Converts errors of activities into errors that Temporal may store, because they contain no customer data.

An exception's message can contain a request, and with it a text or a link. Temporal stores the messages of failures and
of their causes, and logs show both. So each error is replaced by an error without a cause. The new message has only
Care's own codes or, for an unexpected exception of an adapter, the exception's type and the line that raised it.
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
from care_workflows.failure_types import ADAPTER_ERROR, MESSENGER_UNAVAILABLE, SITE_UNAVAILABLE

_NON_RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""Codes after which the same call fails again until somebody changes something."""


@contextmanager
def convert_service_errors() -> Iterator[None]:
    """Converts the error of a failed call to ``ApplicationError``.

    The type is the error reason, or the gRPC code if the error has no reason.
    """
    try:
        yield
    except CareError as error:
        kind = error.reason or error.code.name
        raise ApplicationError(str(error), type=kind, non_retryable=error.code in _NON_RETRYABLE) from None


@contextmanager
def convert_site_errors() -> Iterator[None]:
    """Converts a review site's errors to retryable ``ApplicationError``; lets ``ReplyRefused`` through."""
    try:
        yield
    except ReplyRefused:
        raise
    except SiteUnavailable as error:
        raise site_unavailable(str(error.reason)) from None
    except Exception as error:  # noqa: BLE001  (any exception's message may contain customer data)
        raise _adapter_error(error) from None


@contextmanager
def convert_messenger_errors() -> Iterator[None]:
    """Converts a messenger's errors to retryable ``ApplicationError``; lets ``MessageRefused`` through."""
    try:
        yield
    except MessageRefused:
        raise
    except MessengerUnavailable as error:
        raise messenger_unavailable(str(error.reason)) from None
    except Exception as error:  # noqa: BLE001  (any exception's message may contain customer data)
        raise _adapter_error(error) from None


def site_unavailable(reason: str) -> ApplicationError:
    """Returns the error for an attempt without a usable response from a review site. ``reason`` is one of our codes."""
    return _unavailable(reason, SITE_UNAVAILABLE)


def messenger_unavailable(reason: str) -> ApplicationError:
    """Returns the error for an attempt without a usable response from a provider. ``reason`` is one of our codes."""
    return _unavailable(reason, MESSENGER_UNAVAILABLE)


def service_unavailable(reason: str) -> ApplicationError:
    """Returns the error for an attempt without a timely response from the service. ``reason`` is one of our codes."""
    return ApplicationError(reason, type=grpc.StatusCode.DEADLINE_EXCEEDED.name)


def _unavailable(reason: str, kind: str) -> ApplicationError:
    # Outages are expected, and the pending activity shows them. With BENIGN, the SDK does not log a warning with a
    # traceback for each attempt.
    return ApplicationError(reason, type=kind, category=ApplicationErrorCategory.BENIGN)


def _adapter_error(error: Exception) -> ApplicationError:
    where = traceback.extract_tb(error.__traceback__)[-1]
    message = f"{type(error).__name__} in {Path(where.filename).name}, line {where.lineno}"
    return ApplicationError(message, type=ADAPTER_ERROR)
