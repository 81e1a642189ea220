"""The adapter for a channel of one's own: a signed webhook as Standard Webhooks has it (docs/channels.md).

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import httpx
from standardwebhooks import Webhook

from care_workflows.channels.errors import DeliveryFailure, MessageRefused, MessengerUnavailable, UnavailableReason
from care_workflows.channels.exchange import DEFAULT_DEADLINE, Answer, ProviderHttp
from care_workflows.channels.messenger import Outgoing, Progress, Receipt

EVENT: Final = "care.message.created"
"""The payload's ``type``."""

_LONGEST_ID: Final = 200


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Who takes the messages."""

    url: str = field(repr=False)
    """May have a query, in which some receivers want a secret."""
    secrets: Sequence[str] = field(repr=False)
    """One or more of the form ``whsec_…``: every one of them signs, so that a receiver can change from one to another.
    """


class SignedWebhook:
    """Posts each message to the endpoint; an implementation of ``Messenger``.

    ``webhook-id`` is the message's idempotency key: whoever takes an id once only has each message once, although an
    attempt whose outcome was lost is repeated.
    """

    def __init__(self, endpoint: WebhookEndpoint, channel: str, deadline: float = DEFAULT_DEADLINE) -> None:
        """Serve ``channel``, EMAIL or SMS; opens no connection yet. ``deadline`` is in seconds, per message."""
        self._url = endpoint.url
        self._signers = [Webhook(secret) for secret in endpoint.secrets]
        self._channel = channel
        self._http = ProviderHttp(deadline)

    async def __aenter__(self) -> Self:
        """Return the adapter itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, message: Outgoing) -> Receipt:
        """Post the message; see ``Messenger.send``."""
        body = json.dumps(self._payload(message), ensure_ascii=False, separators=(",", ":"))
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": message.key,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signer.sign(message.key, now, body) for signer in self._signers),
        }
        answer = await self._http.exchange("POST", self._url, content=body.encode(), headers=headers)
        if not answer.is_success:
            raise _refusal(answer)
        progress = Progress.DELIVERED if answer.text("status") == "delivered" else Progress.SENT
        provider_id = answer.text("id")
        fits = len(provider_id) <= _LONGEST_ID and provider_id.isprintable()
        return Receipt(progress, provider_id if fits else "")

    async def check(self, provider_id: str) -> Receipt:
        """Say no more than before: an endpoint says what it knows when it takes a message."""
        return Receipt(Progress.SENT, provider_id)

    def _payload(self, message: Outgoing) -> dict[str, object]:
        """Return what is posted, the same in every attempt."""
        return {
            "type": EVENT,
            "timestamp": message.create_time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "data": {
                "message": message.message,
                "location": f"organizations/{message.organization}/locations/{message.location}",
                "channel": self._channel,
                "business_name": message.business_name,
                "address": message.address,
                "display_name": message.display_name,
                "text": message.text,
                "chat_link": message.chat_link,
                "thread": message.thread_key,
            },
        }


def _refusal(answer: Answer) -> MessageRefused | MessengerUnavailable:
    """Return what a client error stands for: final only where the endpoint says so."""
    try:
        reason = DeliveryFailure(answer.text("reason"))
    except ValueError:
        if answer.status != httpx.codes.GONE:
            # A wrong path or a new version that is broken may be mended; Standard Webhooks repeats these, too.
            return MessengerUnavailable(UnavailableReason.UNEXPECTED_ANSWER)
        reason = DeliveryFailure.NO_CHANNEL
    return MessageRefused(reason, answer.text("message"))
