"""One attempt to post, read or retract a reply: passes the service's grant to the review site's adapter."""

from care.v1.worker_service_pb2 import PostingGrant
from care_workflows import failures
from care_workflows.channels.errors import RefusalReason, ReplyRefused
from care_workflows.channels.registry import ReviewSites
from care_workflows.channels.review_site import ReplyTarget
from care_workflows.resource_names import last_segment, parse_recovery


class ReplyAttempt:
    """Carries out at the review site what one grant allows.

    An attempt holds the link to the form, so it must not outlive its activity, and must not appear in a log. All
    methods raise ``ReplyRefused`` if retrying cannot help, and ``ApplicationError`` if it can.
    """

    def __init__(self, recovery: str, grant: PostingGrant, sites: ReviewSites) -> None:
        """``recovery`` is the resource name of the recovery."""
        self._grant = grant
        self._sites = sites
        # A write that is repeated within an attempt has the same key. The write of another attempt has another key.
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
        """Makes the text with the link the public reply."""
        with failures.convert_site_errors():
            await self._sites.get(self._target.site).post_reply(self._target, self._grant.text, self._key)

    async def retract(self) -> None:
        """Makes the text without the link the public reply."""
        with failures.convert_site_errors():
            await self._sites.get(self._target.site).retract_reply(self._target, self._grant.text, self._key)

    async def is_link_public(self) -> bool:
        """Tells whether the public reply contains the link; False if the review does not exist."""
        try:
            with failures.convert_site_errors():
                reply = await self._sites.get(self._target.site).read_reply(self._target)
        except ReplyRefused as refusal:
            if refusal.reason is RefusalReason.REVIEW_NOT_FOUND:
                return False  # the reply disappeared with the review
            raise
        return reply is not None and self._grant.link in reply.text
