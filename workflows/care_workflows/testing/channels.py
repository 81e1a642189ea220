"""Fake channels: a review site and a messenger that record their calls, and fail on demand."""

from collections import deque

from care_workflows.channels.errors import MessageRefused, MessengerUnavailable, ReplyRefused, SiteUnavailable
from care_workflows.channels.messenger import OutgoingMessage, Progress, Receipt
from care_workflows.channels.review_site import PublicReply, ReplyTarget


class FakeReviewSite:
    """A ``ReviewSite`` with one public reply per review. A write replaces it."""

    def __init__(self) -> None:
        """Begins without any reply."""
        self.replies: dict[str, str] = {}
        """The public replies by the review's external id. Change them to act as a moderator."""
        self.writes: list[tuple[str, str]] = []
        """Every reply that became public: the review's external id and the text, in order."""
        self.fails_with: deque[ReplyRefused | SiteUnavailable] = deque()
        """The exceptions that the next writes raise, in order, before they do anything. Reads always succeed."""
        self._keys: set[str] = set()

    async def post_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """See ``ReviewSite``."""
        self._write(target, text, f"post:{key}")

    async def read_reply(self, target: ReplyTarget) -> PublicReply | None:
        """See ``ReviewSite``."""
        text = self.replies.get(target.external_id)
        return None if text is None else PublicReply(text)

    async def retract_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """See ``ReviewSite``."""
        self._write(target, text, f"retract:{key}")

    def _write(self, target: ReplyTarget, text: str, key: str) -> None:
        if self.fails_with:
            raise self.fails_with.popleft()
        if key not in self._keys:
            self._keys.add(key)
            self.writes.append((target.external_id, text))
            self.replies[target.external_id] = text


class FakeMessenger:
    """A ``Messenger`` that accepts every message and reports it as delivered, or as ``progress`` says."""

    def __init__(self) -> None:
        """Begins without messages."""
        self.sent: list[OutgoingMessage] = []
        """Every accepted message, in order. A message that was sent again with the same key occurs once."""
        self.progress = Progress.DELIVERED
        """The progress that is reported from now on. If it is SENT, the workflow checks the message later."""
        self.fails_with: deque[MessageRefused | MessengerUnavailable] = deque()
        """The exceptions that the next calls of ``send`` raise, in order, before they do anything."""

    async def send(self, message: OutgoingMessage) -> Receipt:
        """See ``Messenger``."""
        if self.fails_with:
            raise self.fails_with.popleft()
        if message.key not in {earlier.key for earlier in self.sent}:
            self.sent.append(message)
        return self._receipt(message.key)

    async def check(self, provider_id: str) -> Receipt:
        """See ``Messenger``."""
        return self._receipt(provider_id)

    def _receipt(self, provider_id: str) -> Receipt:
        return Receipt(self.progress, provider_id, can_be_checked=self.progress is Progress.SENT)
