"""The exceptions that a channel's adapter raises.

    ReviewSiteError
    ├── ReplyRefused          retrying the same request cannot help
    └── SiteUnavailable       retrying later can help
    MessengerError
    ├── MessageRefused        retrying the same message cannot help
    └── MessengerUnavailable  retrying later can help

Logs and workflow histories must not contain customer data. So ``str()``, ``repr()`` and ``args`` of these exceptions
contain only our reason code, and never a text, a link, a name, a URL or the provider's message.
"""

from enum import StrEnum

PROVIDER_MESSAGE_LIMIT = 500
"""The maximum length in characters of a message from a site or provider. Longer ones are cut off."""


class RefusalReason(StrEnum):
    """Why a review site refuses a request for good."""

    TOO_LONG = "TOO_LONG"
    """The text is longer than the site allows."""
    LINKS_NOT_ALLOWED = "LINKS_NOT_ALLOWED"
    """The site does not allow links in replies."""
    REVIEW_NOT_FOUND = "REVIEW_NOT_FOUND"
    """The site does not have the review, or no longer has it."""
    NOT_PERMITTED = "NOT_PERMITTED"
    """We may not act at the site: wrong credentials, another business's location, or no adapter for the site."""
    OTHER = "OTHER"
    """Any other refusal; ``ReplyRefused.provider_message`` contains the site's explanation."""


class UnavailableReason(StrEnum):
    """Why a review site or a provider gave no usable response this time."""

    TIMEOUT = "TIMEOUT"
    """No complete response within the adapter's deadline. The request may have taken effect, or may yet."""
    CONNECTION = "CONNECTION"
    """The site could not be reached, or the connection broke."""
    SERVER_ERROR = "SERVER_ERROR"
    """The site responded with HTTP 5xx."""
    RATE_LIMITED = "RATE_LIMITED"
    """The site limits our requests (HTTP 429)."""
    NOT_SECURE = "NOT_SECURE"
    """Encryption is required, and the provider offered none that we trust. Nothing was sent."""
    LOGIN_REFUSED = "LOGIN_REFUSED"
    """The provider rejects our credentials, or requires a login that is not configured. An operator must fix this."""
    IN_MODERATION = "IN_MODERATION"
    """The site has the reply and is still deciding whether to publish it."""
    DEFERRED = "DEFERRED"
    """The provider deferred the message (SMTP 4yz)."""
    UNEXPECTED_RESPONSE = "UNEXPECTED_RESPONSE"
    """The response is not one that this site or provider sends: a redirect, or a body that cannot be parsed."""


class ReviewSiteError(Exception):
    """The base class of the exceptions that a review site's adapter raises."""


class ReplyRefused(ReviewSiteError):
    """The site refuses the request, and would refuse it again."""

    def __init__(self, reason: RefusalReason, provider_message: str = "") -> None:
        """``provider_message`` is not in ``args``: it may quote the reply, so only the service may store it."""
        super().__init__(str(reason))
        self.reason = RefusalReason(reason)
        self.provider_message = provider_message[:PROVIDER_MESSAGE_LIMIT]


class SiteUnavailable(ReviewSiteError):
    """The site was not reached or gave no usable response; the same request may succeed later."""

    def __init__(self, reason: UnavailableReason) -> None:
        """Takes only our own code, and no message of the network or the site."""
        super().__init__(str(reason))
        self.reason = UnavailableReason(reason)


class DeliveryFailure(StrEnum):
    """Why a provider refuses a message for good."""

    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    """The provider rejects the address, or the mailbox or number does not exist."""
    UNSUBSCRIBED = "UNSUBSCRIBED"
    """The recipient unsubscribed from this channel."""
    CONTENT_REFUSED = "CONTENT_REFUSED"
    """The provider rejects the message because of its content or length."""
    NOT_PERMITTED = "NOT_PERMITTED"
    """We may not send the message: missing permissions, a wrong sender, or no credit."""
    NO_CHANNEL = "NO_CHANNEL"
    """This worker has no adapter for the channel."""
    BOUNCED = "BOUNCED"
    """The provider accepted the message and reports that it did not arrive."""
    OTHER = "OTHER"
    """Any other refusal; ``MessageRefused.provider_message`` contains the provider's explanation."""


class MessengerError(Exception):
    """The base class of the exceptions that a messenger's adapter raises."""


class MessageRefused(MessengerError):
    """The provider refuses the message, and would refuse it again."""

    def __init__(self, reason: DeliveryFailure, provider_message: str = "") -> None:
        """``provider_message`` is not in ``args``: it may quote the message, so only the service may store it."""
        super().__init__(str(reason))
        self.reason = DeliveryFailure(reason)
        self.provider_message = provider_message[:PROVIDER_MESSAGE_LIMIT]


class MessengerUnavailable(MessengerError):
    """The provider was not reached or gave no usable response; the same message may succeed later."""

    def __init__(self, reason: UnavailableReason) -> None:
        """Takes only our own code, and no message of the network or the provider."""
        super().__init__(str(reason))
        self.reason = UnavailableReason(reason)
