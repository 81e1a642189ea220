"""What workflow and activities agree on: the activities' names, deadlines and retries."""

from datetime import timedelta
from typing import Final

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

ATTEMPT_DEADLINE: Final = timedelta(seconds=25)
"""How long one attempt at a review site or a provider may take in all, reports included.

Shorter than the time after which Temporal starts the next one, so that no attempt outlives its retry and writes to the
site, or sends a message, after it.
"""

GRACE: Final = timedelta(seconds=30)
"""How long a worker that stops waits for the attempts under way."""

SERVICE_STEP: Final = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=15),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30)),
)
"""A step that asks the service alone. It is repeated until the service answers, as nothing can be known before."""

SITE_STEP: Final = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=30),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5)),
    cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
)
"""A step at the review site, which may be down for days. See ``ContactRecovery`` for how a poke ends its retries."""

MESSENGER_STEP: Final = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=30),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=15)),
    cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
)
"""A step at a provider, which may be down for days. The service ends it: it hands nothing out once the time is over."""
