"""The types of the ``ApplicationError`` that a failed attempt at a review site or a provider raises."""

from typing import Final

SITE_UNAVAILABLE: Final = "SiteUnavailable"
"""A review site gave no usable response. Temporal retries."""

MESSENGER_UNAVAILABLE: Final = "MessengerUnavailable"
"""A provider of email or SMS gave no usable response. Temporal retries."""

ADAPTER_ERROR: Final = "AdapterError"
"""An adapter raised an exception that its protocol does not allow. Temporal retries."""
