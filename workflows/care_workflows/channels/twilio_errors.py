"""Maps Twilio's error codes to our failures; https://www.twilio.com/docs/api/errors describes each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from care_workflows.channels.errors import DeliveryFailure

_CODES: Final = {
    DeliveryFailure.ADDRESS_REFUSED: (
        *(21211, 21214, 21217),  # not a phone number, or an unreachable one
        *(21265, 21266),  # a short code; our own number
        *(21612, 21614, 21635),  # unreachable from this sender; not a mobile number; a landline
    ),
    DeliveryFailure.UNSUBSCRIBED: (21610,),
    DeliveryFailure.CONTENT_REFUSED: (
        *(21602, 21605, 21617, 21618, 21619),  # no text, too long, text that cannot be sent
        *(30007, 30019, 30038),  # filtered by a carrier or by the provider; too large for the carrier
    ),
    DeliveryFailure.NOT_PERMITTED: (
        *(20005, 20006, 20008, 20404),  # the credentials do not allow it
        *(21212, 21601, 21603, 21606, 21607, 21659, 21660, 21661),  # the sender is not ours or cannot send this
        *(21219, 21608, 30044),  # a trial account
        *(21408, 21609),  # a disabled region; the callback URL
        *(21701, 21702, 21703, 21704, 21705),  # the messaging service
        *(30002, 30010, 30023, 30027, 30037),  # suspended; too expensive; daily limit; sending is disabled
        *(30018, 30024, 30032, 30033, 30034, 30035),  # the sender is not registered, or no longer
    ),
    DeliveryFailure.BOUNCED: (
        *(30003, 30004, 30005, 30006),  # the phone is off, unknown or blocks the message; a landline
        *(30001, 30008, 30017, 30036),  # lost on the way: full queue, congestion, expired, unknown
    ),
}

FAILURES: Final[Mapping[int, DeliveryFailure]] = MappingProxyType(
    {code: failure for failure, codes in _CODES.items() for code in codes}
)
"""Why the provider refused a message, or why the message did not arrive, by code."""

LOGIN_REFUSED: Final = 20003
"""Wrong credentials."""

TEMPORARY: Final = frozenset({20429, 21611})
"""Too many requests, or too many messages in the sender's queue."""
