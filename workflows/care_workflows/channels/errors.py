"""What a channel's adapter raises: a refusal is final, an unavailable site or provider is worth another try.

    ReviewSiteError
    ├── ReplyRefused      trying the same request again cannot help
    └── SiteUnavailable   trying again later can help
    MessengerError
    ├── MessageRefused        trying the same message again cannot help
    └── MessengerUnavailable  trying again later can help

These exceptions end up in workflow histories, which must hold nothing of a customer. So ``str()``, ``repr()`` and
``args`` hold our reason code alone: never a text, a link, a name, a URL or the site's own words.
"""

from enum import StrEnum

PROVIDER_MESSAGE_LIMIT = 500
"""Longest message of a site that is kept, in characters."""


class RefusalReason(StrEnum):
    """Why a review site will not do what was asked, however often it is asked."""

    TOO_LONG = "TOO_LONG"
    """The text is longer than the site allows."""
    LINKS_NOT_ALLOWED = "LINKS_NOT_ALLOWED"
    """The site takes no replies that contain a link."""
    REVIEW_NOT_FOUND = "REVIEW_NOT_FOUND"
    """The site knows no such review (any more)."""
    NOT_PERMITTED = "NOT_PERMITTED"
    """We may not act there: bad credentials, not our location, or no adapter for this site."""
    OTHER = "OTHER"
    """Any other refusal; ``ReplyRefused.provider_message`` has the site's words."""


class UnavailableReason(StrEnum):
    """Why a review site or a provider gave no usable answer this time."""

    TIMEOUT = "TIMEOUT"
    """No whole answer within the adapter's deadline. The site may have done what was asked, or may do it yet."""
    CONNECTION = "CONNECTION"
    """The site could not be reached, or the connection broke."""
    SERVER_ERROR = "SERVER_ERROR"
    """The site answered with a 5xx status."""
    RATE_LIMITED = "RATE_LIMITED"
    """The site asks us to slow down (429)."""
    NOT_SECURE = "NOT_SECURE"
    """The provider offered no encryption, or none that we may trust, and it was asked for. Nothing was sent."""
    LOGIN_REFUSED = "LOGIN_REFUSED"
    """The provider does not take our credentials, or wants some. An operator mends that, and every message waits."""
    IN_MODERATION = "IN_MODERATION"
    """The site has the reply, and has not decided yet whether the public may see it."""
    DEFERRED = "DEFERRED"
    """The provider puts the message off for now (SMTP 4yz)."""
    UNEXPECTED_ANSWER = "UNEXPECTED_ANSWER"
    """The answer is not one that this site gives: a redirect, or a body that cannot be read."""


class ReviewSiteError(Exception):
    """Whatever an adapter raises; catch this to catch both kinds."""


class ReplyRefused(ReviewSiteError):
    """The site refuses; the same request will be refused again."""

    def __init__(self, reason: RefusalReason, provider_message: str = "") -> None:
        """Keep ``provider_message`` beside ``args``: it may quote the reply, so only the service may store it."""
        super().__init__(str(reason))
        self.reason = RefusalReason(reason)
        self.provider_message = provider_message[:PROVIDER_MESSAGE_LIMIT]


class SiteUnavailable(ReviewSiteError):
    """The site could not be asked or gave no usable answer; the same request may succeed later."""

    def __init__(self, reason: UnavailableReason) -> None:
        """Take our own code only; what the network or the site said stays out."""
        super().__init__(str(reason))
        self.reason = UnavailableReason(reason)


class DeliveryFailure(StrEnum):
    """Why a provider will not deliver a message, however often it is asked."""

    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    """The provider does not take this address, or there is no such mailbox or number."""
    UNSUBSCRIBED = "UNSUBSCRIBED"
    """The recipient has asked not to be written to by this channel."""
    CONTENT_REFUSED = "CONTENT_REFUSED"
    """The provider does not take the message for what it says or how long it is."""
    NOT_PERMITTED = "NOT_PERMITTED"
    """We may not send it: permissions, the sender, or money."""
    NO_CHANNEL = "NO_CHANNEL"
    """This worker has no adapter for the channel."""
    BOUNCED = "BOUNCED"
    """The provider took it, and says that it did not arrive."""
    OTHER = "OTHER"
    """Any other refusal; ``MessageRefused.provider_message`` has the provider's words."""


class MessengerError(Exception):
    """Whatever a messenger's adapter raises; catch this to catch both kinds."""


class MessageRefused(MessengerError):
    """The provider refuses; the same message will be refused again."""

    def __init__(self, reason: DeliveryFailure, provider_message: str = "") -> None:
        """Keep ``provider_message`` beside ``args``: it may quote the message, so only the service may store it."""
        super().__init__(str(reason))
        self.reason = DeliveryFailure(reason)
        self.provider_message = provider_message[:PROVIDER_MESSAGE_LIMIT]


class MessengerUnavailable(MessengerError):
    """The provider could not be asked or gave no usable answer; the same message may be taken later."""

    def __init__(self, reason: UnavailableReason) -> None:
        """Take our own code only; what the network or the provider said stays out."""
        super().__init__(str(reason))
        self.reason = UnavailableReason(reason)
