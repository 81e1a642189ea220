"""Limits the time of an activity's attempt, so that the attempt has ended when Temporal starts the next one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.exceptions import ApplicationError

from care_workflows import activity_options, failures


@asynccontextmanager
async def limit_attempt(deadline: timedelta, failure: Callable[[str], ApplicationError]) -> AsyncIterator[None]:
    """Runs the body of the ``async with`` block for at most ``deadline``.

    If the body takes longer, cancels it and raises ``failure("ATTEMPT_DEADLINE")``.
    """
    limit = asyncio.timeout(deadline.total_seconds())
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise failure("ATTEMPT_DEADLINE") from None


@asynccontextmanager
async def service_step() -> AsyncIterator[None]:
    """Runs the body of a step that calls the service only. Limits its time and converts the service's errors."""
    async with limit_attempt(activity_options.SERVICE_ATTEMPT_DEADLINE, failures.service_unavailable):
        with failures.convert_service_errors():
            yield
