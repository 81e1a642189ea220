"""The time limits, retries and pauses of the workflows' steps."""

from datetime import timedelta
from typing import Final, NamedTuple

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig

from care_workflows import activity_names

ATTEMPT_DEADLINE: Final = timedelta(seconds=25)
"""How long one attempt at a review site or a provider may take, including its report to the service.

It is shorter than ``_EXTERNAL_TIMEOUT``, after which Temporal starts the next attempt. So an attempt has ended when the
next one starts. An attempt that still ran could overwrite a newer reply, or send the message a second time.
"""

SERVICE_ATTEMPT_DEADLINE: Final = timedelta(seconds=12)
"""How long one attempt at a step that calls only the service may take.

It is shorter than ``SERVICE_TIMEOUT``, so an attempt has ended when the next one starts. An attempt that still ran
could cancel the wake of a workflow that no longer waits for the attempt's result (see
``CheckRecoveryRequest.report_time``).
"""

SHUTDOWN_GRACE: Final = timedelta(seconds=30)
"""How long a stopping worker waits for the attempts that are running."""

FIRST_OPERATOR_WAIT: Final = timedelta(minutes=1)
LONGEST_OPERATOR_WAIT: Final = timedelta(hours=1)
"""A workflow that needs an operator asks the service again after pauses that double from the first to the longest."""

SERVICE_TIMEOUT: Final = timedelta(seconds=15)
"""How long Temporal waits for the end of an attempt at a step that calls only the service."""
_EXTERNAL_TIMEOUT: Final = timedelta(seconds=30)

_EARLY_ATTEMPTS: Final = 5
"""Attempts before the workflow shows the failure to operators."""

_BACKOFF: Final = 2


class Retries(NamedTuple):
    """How a step is retried: first every few seconds, then at long intervals.

    The workflow runs the activity with ``early`` first. When these attempts are used up, the workflow shows the failure
    to operators, and asks the service again. If the step is still the next step, the workflow then runs the activity
    with ``late``, again and again. The attempts of ``late`` take about an hour, so the failure that operators see is
    about an hour old at most.
    """

    first_interval: timedelta
    """The pause after the first failed attempt. Each further pause is twice as long."""
    longest_interval: timedelta
    """The pauses do not get longer than this."""
    early: ActivityConfig
    late: ActivityConfig


def _retries(
    timeout: timedelta, first_interval: timedelta, longest_interval: timedelta, *, waits_for_attempt: bool
) -> Retries:
    """Returns the options for steps whose attempts take up to ``timeout``.

    With ``waits_for_attempt``, cancelling the activity waits for the attempt that is running.
    """

    def options(initial_interval: timedelta, attempts: int) -> ActivityConfig:
        config = ActivityConfig(
            start_to_close_timeout=timeout,
            retry_policy=RetryPolicy(
                initial_interval=min(initial_interval, longest_interval),
                backoff_coefficient=_BACKOFF,
                maximum_interval=longest_interval,
                maximum_attempts=attempts,
            ),
        )
        if waits_for_attempt:
            config["cancellation_type"] = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
        return config

    attempts_per_hour = timedelta(hours=1) // longest_interval
    return Retries(
        first_interval,
        longest_interval,
        early=options(first_interval, _EARLY_ATTEMPTS),
        late=options(first_interval * _BACKOFF**_EARLY_ATTEMPTS, _EARLY_ATTEMPTS + attempts_per_hour),
    )


SERVICE_RETRIES: Final = _retries(SERVICE_TIMEOUT, timedelta(seconds=1), timedelta(seconds=30), waits_for_attempt=False)
"""For steps that call only the service. Nothing can be decided without the service, so these steps wait for it."""

LOCAL_STEPS: Final = frozenset(
    {
        activity_names.CHECK_RECOVERY,
        activity_names.UNLOCK_CHAT,
        activity_names.ASK_DELIVERY,
        activity_names.GET_NEXT_DEADLINE,
        activity_names.FIRE_DEADLINE,
    }
)
"""Steps whose first attempt is a local activity.

If Temporal no longer hears from a worker, it may start a local activity again while the worker still runs it. For the
steps here, this is harmless. It is not harmless for the steps that end a form: the older run could cancel the wake of a
workflow that no longer waits for its result. It is not harmless at a review site or a provider, where both runs could
write.
"""

SITE_RETRIES: Final = _retries(_EXTERNAL_TIMEOUT, timedelta(seconds=1), timedelta(minutes=5), waits_for_attempt=True)
"""For the steps at a review site: posting, reading and retracting a reply.

A site may be down for days. A poke ends the pause between two attempts: see ``PlanDrivenWorkflow``.
"""

MESSENGER_RETRIES: Final = _retries(
    _EXTERNAL_TIMEOUT, timedelta(seconds=2), timedelta(minutes=15), waits_for_attempt=True
)
"""For the steps at a provider: sending a message, and asking whether it arrived.

A provider may be down for days. The retries end when the service gives up the message.
"""
