"""What workflow and activities agree on: the activities' names, deadlines and retries."""

from datetime import timedelta
from typing import Final, NamedTuple

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig

CHECK_RECOVERY: Final = "check_recovery"
POST_REPLY: Final = "post_reply"
READ_REPLY: Final = "read_reply"
RETRACT_REPLY: Final = "retract_reply"
UNLOCK_CHAT: Final = "unlock_chat"
EXPIRE_FORM: Final = "expire_form"
EXPIRE_FORM_NOW: Final = "expire_form_now"
ASK_DELIVERY: Final = "ask_delivery"
SEND_MESSAGE: Final = "send_message"
CHECK_MESSAGE: Final = "check_message"
GET_NEXT_DEADLINE: Final = "get_next_deadline"
FIRE_DEADLINE: Final = "fire_deadline"

SITE_UNAVAILABLE: Final = "SiteUnavailable"
"""Type of the failure of an attempt that a review site gave no usable answer to; retried."""

MESSENGER_UNAVAILABLE: Final = "MessengerUnavailable"
"""Type of the failure of an attempt that a provider gave no usable answer to; retried."""

ADAPTER_ERROR: Final = "AdapterError"
"""Type of the failure of an attempt in which a channel's adapter raised what its protocol does not allow."""

ATTEMPT_DEADLINE: Final = timedelta(seconds=25)
"""How long one attempt at a review site or a provider may take in all, reports included.

Shorter than the time after which Temporal starts the next one, so that no attempt outlives its retry and writes to the
site, or sends a message, after it.
"""

GRACE: Final = timedelta(seconds=30)
"""How long a worker that stops waits for the attempts under way."""


class Tries(NamedTuple):
    """How a step is repeated: soon at first, so that operators are then shown what is wrong; patiently from then on.

    Each bout ends within about an hour: the service is asked anew, and what is shown is of then.
    """

    soon: ActivityConfig
    patiently: ActivityConfig


_SOON: Final = 5
"""Attempts before the workflow shows what is wrong."""


def _tries(timeout: timedelta, first_pause: timedelta, longest_pause: timedelta, *, is_let_end: bool) -> Tries:
    def options(pause: timedelta, attempts: int) -> ActivityConfig:
        made = ActivityConfig(
            start_to_close_timeout=timeout,
            retry_policy=RetryPolicy(
                initial_interval=min(pause, longest_pause), maximum_interval=longest_pause, maximum_attempts=attempts
            ),
        )
        if is_let_end:
            made["cancellation_type"] = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
        return made

    patience = timedelta(hours=1) // longest_pause
    return Tries(options(first_pause, _SOON), options(first_pause * 2**_SOON, _SOON + patience))


SERVICE_STEP: Final = _tries(timedelta(seconds=15), timedelta(seconds=1), timedelta(seconds=30), is_let_end=False)
"""A step that asks the service alone. It is repeated until the service answers, as nothing can be known before."""

SITE_STEP: Final = _tries(timedelta(seconds=30), timedelta(seconds=1), timedelta(minutes=5), is_let_end=True)
"""A step at the review site, which may be down for days. See ``Following`` for how a poke ends its retries."""

MESSENGER_STEP: Final = _tries(timedelta(seconds=30), timedelta(seconds=2), timedelta(minutes=15), is_let_end=True)
"""A step at a provider, which may be down for days. The service ends it: it hands nothing out once the time is over."""
