"""What a review site's adapter raises: a refusal is final, an unavailable site is worth another try.

    ReviewSiteError
    ├── ReplyRefused      trying the same request again cannot help
    └── SiteUnavailable   trying again later can help

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
    """Why a review site gave no usable answer this time."""

    TIMEOUT = "TIMEOUT"
    """No whole answer within the adapter's deadline. The site may have done what was asked, or may do it yet."""
    CONNECTION = "CONNECTION"
    """The site could not be reached, or the connection broke."""
    SERVER_ERROR = "SERVER_ERROR"
    """The site answered with a 5xx status."""
    RATE_LIMITED = "RATE_LIMITED"
    """The site asks us to slow down (429)."""
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
