"""The protocol of a review site's adapter: one public reply per review."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ReplyTarget:
    """The review that a reply belongs to."""

    organization: str
    """Id of the organization, as in ``organizations/{organization}``."""
    location: str
    """Id of the location within the organization."""
    site: str
    """Name of the review site, as in ``ReviewSites``."""
    external_id: str
    """The site's id of the review; may contain any characters."""
    url: str = ""
    """The review's public URL; empty if it is unknown."""
    link: str = field(default="", repr=False)
    """The link to the form. A posted reply contains the link; a retraction removes it."""


@dataclass(frozen=True, slots=True)
class PublicReply:
    """The reply that the public sees now."""

    text: str = field(repr=False)  # contains the link to the form, which no log and no history may contain
    """The whole text, as the site returns it."""


class ReviewSite(Protocol):
    """A review site, reduced to what a recovery needs.

    All methods raise ``ReplyRefused`` if retrying cannot help, and ``SiteUnavailable`` if it can. Each call ends
    within the adapter's own deadline, which must be shorter than ``activity_options.ATTEMPT_DEADLINE``.

    ``key`` is the idempotency key of a write. Several calls with the same key must have the effect of one call. A site
    that supports such keys ignores a repeated call, even if the reply has been replaced or removed meanwhile. At any
    other site, the write must replace the whole reply. A key is used with one text only.
    """

    async def post_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """Makes ``text`` the review's public reply, replacing any earlier one."""

    async def read_reply(self, target: ReplyTarget) -> PublicReply | None:
        """Returns the reply that is public now; None if there is none or the site removed it."""

    async def retract_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """Removes the link from the public reply by replacing the reply with ``text``, which contains no link.

        Also succeeds if the reply contains no link to a form.
        """
