"""One attempt at a review site: the service's grant in the hands of the site's adapter."""

from care.v1.worker_service_pb2 import PostingGrant
from care_workflows import failures
from care_workflows.channels.errors import RefusalReason, ReplyRefused
from care_workflows.channels.registry import ReviewSites
from care_workflows.channels.review_site import ReplyTarget
from care_workflows.names import last_segment, parse_recovery


class Visit:
    """Does at the site what the grant is for. Holds the link: it must not outlive the activity, nor be shown.

    All methods raise ``ReplyRefused``, and ``ApplicationError`` where trying again can help.
    """

    def __init__(self, recovery: str, grant: PostingGrant, sites: ReviewSites) -> None:
        self._grant = grant
        self._sites = sites
        # Names the write: the same attempt repeated is one write, the next attempt is another.
        self._key = f"{recovery}/{grant.attempt}"
        self._target = ReplyTarget(
            organization=parse_recovery(recovery).organization,
            location=last_segment(grant.location),
            site=grant.review_site,
            external_id=grant.review_external_id,
            url=grant.review_url,
            link=grant.link,
        )

    async def post(self) -> None:
        """Make the text with the link the public reply."""
        with failures.of_site():
            await self._sites.get(self._target.site).post_reply(self._target, self._grant.text, self._key)

    async def retract(self) -> None:
        """Make the text without the link the public reply."""
        with failures.of_site():
            await self._sites.get(self._target.site).retract_reply(self._target, self._grant.text, self._key)

    async def link_is_public(self) -> bool:
        """Read whether the public reply has the link in it."""
        try:
            with failures.of_site():
                reply = await self._sites.get(self._target.site).read_reply(self._target)
        except ReplyRefused as refused:
            if refused.reason is RefusalReason.REVIEW_NOT_FOUND:
                return False  # the reply went with the review
            raise
        return reply is not None and self._grant.link in reply.text
