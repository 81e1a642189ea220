"""The protocol between the workflows and a review site: one public reply per review."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ReplyTarget:
    """The review that a reply belongs to, in the terms that any adapter may need."""

    organization: str
    """Id of the organization, as in ``organizations/{organization}``."""
    location: str
    """Id of the location within the organization."""
    site: str
    """Name of the review site, as registered in ``ReviewSites``."""
    external_id: str
    """The site's own id of the review; any characters."""
    url: str = ""
    """Where people read the review; empty where the site gives none."""
    link: str = field(default="", repr=False)
    """The link to the form that the reply is about: in its text, or to be taken out of it."""


@dataclass(frozen=True, slots=True)
class PublicReply:
    """The reply that the public sees at this moment."""

    text: str = field(repr=False)  # it holds the form's link, which must reach no log and no history
    """The whole text, as the site gives it back."""


class ReviewSite(Protocol):
    """A review site, reduced to what a recovery needs.

    All methods raise ``ReplyRefused`` where trying again cannot help and ``SiteUnavailable`` where it can. Each ends
    within the adapter's own deadline, which has to be shorter than the timeout of the activity that calls it.

    ``key`` names one write. A call repeated with its key has the effect of one call: a site that knows such keys
    ignores the repetition even if the reply has been replaced or removed since; at any other site the adapter relies
    on a write that replaces the whole reply. Use a key for one text only.
    """

    async def post_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """Make ``text`` the review's public reply, in place of any earlier one."""

    async def read_reply(self, target: ReplyTarget) -> PublicReply | None:
        """Return the reply that is public now; None if there is none or the site has taken it down."""

    async def retract_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """Take the link out of the public reply: ``text``, which has no link, replaces it.

        A success as well where there is none of our links to take out.
        """
