"""The adapter for a team's own channel: a webhook, signed as Standard Webhooks specifies (docs/channels.md).

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
from care_workflows.channels.messenger import OutgoingMessage, Progress, Receipt
from care_workflows.channels.provider_http import DEFAULT_DEADLINE, ProviderClient, ProviderResponse

EVENT: Final = "care.message.created"
"""The payload's ``type``."""

_MAX_ID_LENGTH: Final = 200
"""The maximum length of a provider's id, in characters. A longer id is dropped."""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """The endpoint that receives the messages."""

    url: str = field(repr=False)
    """May have a query, because some receivers expect a secret there."""
    secrets: Sequence[str] = field(repr=False)
    """One or more secrets of the form ``whsec_…``. Each signs every request, so a receiver can change its secret."""


class SignedWebhook:
    """Posts each message to the endpoint; an implementation of ``Messenger``.

    ``webhook-id`` is the message's idempotency key. If the outcome of an attempt is lost, the message is posted again
    with the same id. So a receiver that accepts each id only once gets each message once.
    """

    def __init__(self, endpoint: WebhookEndpoint, channel: str, deadline: float = DEFAULT_DEADLINE) -> None:
        """``channel`` is EMAIL or SMS. ``deadline`` is in seconds, per message."""
        self._url = endpoint.url
        self._signers = [Webhook(secret) for secret in endpoint.secrets]
        self._channel = channel
        self._http = ProviderClient(deadline)

    async def __aenter__(self) -> Self:
        """Returns the adapter itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def send(self, message: OutgoingMessage) -> Receipt:
        """Posts the message; see ``Messenger.send``."""
        body = json.dumps(self._payload(message), ensure_ascii=False, separators=(",", ":"))
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": message.key,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signer.sign(message.key, now, body) for signer in self._signers),
        }
        response = await self._http.request("POST", self._url, content=body.encode(), headers=headers)
        if not response.is_success:
            raise _error(response)
        progress = Progress.DELIVERED if response.text("status") == "delivered" else Progress.SENT
        provider_id = response.text("id")
        is_kept = len(provider_id) <= _MAX_ID_LENGTH and provider_id.isprintable()
        return Receipt(progress, provider_id if is_kept else "")

    async def check(self, provider_id: str) -> Receipt:
        """Returns SENT again. An endpoint can report an outcome only in its response to ``send``."""
        return Receipt(Progress.SENT, provider_id)

    def _payload(self, message: OutgoingMessage) -> dict[str, object]:
        """Returns the body of the request, which is the same in every attempt."""
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


def _error(response: ProviderResponse) -> MessageRefused | MessengerUnavailable:
    """Returns the exception for a response with a client error.

    The message is refused only if the response has a known reason, or the status 410 (Gone). Otherwise it is retried.
    """
    try:
        reason = DeliveryFailure(response.text("reason"))
    except ValueError:
        if response.status != httpx.codes.GONE:
            # Retried, as in Standard Webhooks: somebody may fix a wrong path or a broken release.
            return MessengerUnavailable(UnavailableReason.UNEXPECTED_RESPONSE)
        reason = DeliveryFailure.NO_CHANNEL
    return MessageRefused(reason, response.text("message"))
