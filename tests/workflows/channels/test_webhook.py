"""The signed webhook, verified by the library of Standard Webhooks, and the responses of its receiver."""

import json
import logging
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from care_workflows.channels.errors import DeliveryFailure, MessageRefused, MessengerUnavailable, UnavailableReason
from care_workflows.channels.messenger import Progress, Receipt
from care_workflows.channels.webhook import SignedWebhook, WebhookEndpoint
from tests.support.serving import serve
from tests.workflows.channels.bad_servers import PATIENT, UNANSWERED, Recorder
from tests.workflows.channels.values import LINK, MESSAGE, PERSONAL, PHONE, TEXT, find_personal_data, message_with_text

SECRET = f"whsec_{b64encode(b'the first secret of a webhook').decode()}"
NEXT_SECRET = f"whsec_{b64encode(b'the other secret of a webhook').decode()}"


@asynccontextmanager
async def webhook_to(
    receiver: Recorder, *secrets: str, path: str = "/messages?tenant=7"
) -> AsyncIterator[SignedWebhook]:
    async with serve(receiver) as url, at(url + path, *secrets) as adapter:
        yield adapter


@asynccontextmanager
async def at(url: str, *secrets: str, deadline: float = PATIENT) -> AsyncIterator[SignedWebhook]:
    async with SignedWebhook(WebhookEndpoint(url, secrets or (SECRET,)), "SMS", deadline) as adapter:
        yield adapter


def verify(receiver: Recorder, which: int = 0, secret: str = SECRET, body: bytes | None = None) -> object:
    """Verifies a request with the library and returns its payload."""
    headers = dict(receiver.requests[which].headers)
    return Webhook(secret).verify(receiver.bodies[which] if body is None else body, headers)


# --- requests ---------------------------------------------------------------------------------------------------------


async def test_a_message_is_posted_with_a_signature() -> None:
    receiver = Recorder(204)
    async with webhook_to(receiver) as webhook:
        assert await webhook.send(MESSAGE) == Receipt(Progress.SENT)
    assert verify(receiver) == {
        "type": "care.message.created",
        "timestamp": "2026-11-02T08:30:15.250Z",
        "data": {
            "message": MESSAGE.message,
            "location": "organizations/acme/locations/harbor",
            "channel": "SMS",
            "business_name": "Harbor Kitchen",
            "address": PHONE,
            "display_name": "Zoë",
            "text": TEXT,
            "chat_link": LINK,
            "thread": MESSAGE.thread_key,
        },
    }
    request = receiver.requests[0]
    assert (request.method, request.url.path, request.url.query) == ("POST", "/messages", "tenant=7")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == MESSAGE.key


async def test_a_repeated_attempt_has_the_same_id_and_body() -> None:
    receiver = Recorder(503)
    async with webhook_to(receiver) as webhook:
        with pytest.raises(MessengerUnavailable):
            await webhook.send(MESSAGE)
        receiver.status = 204
        await webhook.send(MESSAGE)
        await webhook.send(replace(MESSAGE, key="another"))
    assert [request.headers["webhook-id"] for request in receiver.requests] == [MESSAGE.key, MESSAGE.key, "another"]
    assert receiver.bodies[0] == receiver.bodies[1]
    assert verify(receiver, 0) == verify(receiver, 1)


@pytest.mark.parametrize("text", ["", "a\0b", "\u202eevil", '</script>"', "🍲", "x" * 10_000])
async def test_any_text_is_posted_unchanged(text: str) -> None:
    receiver = Recorder()
    async with webhook_to(receiver) as webhook:
        await webhook.send(message_with_text(text))
    payload = verify(receiver)
    assert isinstance(payload, dict)
    assert payload["data"]["text"] == text


async def test_every_secret_signs_during_a_rotation() -> None:
    receiver = Recorder()
    async with webhook_to(receiver, SECRET, NEXT_SECRET) as webhook:
        await webhook.send(MESSAGE)
    assert len(receiver.requests[0].headers["webhook-signature"].split(" ")) == 2
    assert verify(receiver, secret=SECRET) == verify(receiver, secret=NEXT_SECRET)


async def test_a_changed_body_or_another_secret_fails_the_verification() -> None:
    receiver = Recorder()
    async with webhook_to(receiver, SECRET) as webhook:
        await webhook.send(MESSAGE)
    with pytest.raises(WebhookVerificationError):
        verify(receiver, secret=NEXT_SECRET)
    with pytest.raises(WebhookVerificationError):
        verify(receiver, body=receiver.bodies[0].replace(b"soup", b"soap"))
    headers = dict(receiver.requests[0].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(receiver.bodies[0], headers | {"webhook-id": "another"})
    later = str(int(headers["webhook-timestamp"]) + 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(receiver.bodies[0], headers | {"webhook-timestamp": later})


# --- responses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_every_success_status_means_sent(status: int) -> None:
    async with webhook_to(Recorder(status)) as webhook:
        assert await webhook.send(MESSAGE) == Receipt(Progress.SENT)


@pytest.mark.parametrize(
    ("answer", "receipt"),
    [
        ({"status": "sent", "id": "p-1"}, Receipt(Progress.SENT, "p-1")),
        ({"status": "delivered", "id": "p-1"}, Receipt(Progress.DELIVERED, "p-1")),
        ({"status": "delivered"}, Receipt(Progress.DELIVERED)),
        ({"id": "p-1"}, Receipt(Progress.SENT, "p-1")),
        ({"status": "of its own", "id": 7}, Receipt(Progress.SENT)),
        ({"status": ["delivered"], "id": "two\nlines"}, Receipt(Progress.SENT)),
        ({"id": "x" * 201}, Receipt(Progress.SENT)),
        (["delivered"], Receipt(Progress.SENT)),
    ],
)
async def test_a_success_may_contain_a_receipt(answer: object, receipt: Receipt) -> None:
    async with webhook_to(Recorder(200, json.dumps(answer).encode())) as webhook:
        assert await webhook.send(MESSAGE) == receipt


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
async def test_an_error_with_a_reason_of_the_contract_is_a_refusal(status: int) -> None:
    receiver = Recorder(status)
    async with webhook_to(receiver) as webhook:
        for reason in DeliveryFailure:
            receiver.body = json.dumps({"reason": reason, "message": f"message about {PHONE}"}).encode()
            with pytest.raises(MessageRefused) as refused:
                await webhook.send(MESSAGE)
            assert (refused.value.reason, refused.value.provider_message) == (reason, f"message about {PHONE}")
            assert find_personal_data(refused.value) == []


async def test_an_endpoint_that_is_gone_is_refused_as_no_channel() -> None:
    async with webhook_to(Recorder(410)) as webhook:
        with pytest.raises(MessageRefused) as refused:
            await webhook.send(MESSAGE)
    assert refused.value.reason is DeliveryFailure.NO_CHANNEL


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, b"", UnavailableReason.UNEXPECTED_RESPONSE),
        (401, b"<html>", UnavailableReason.UNEXPECTED_RESPONSE),
        (404, b'{"reason": "of its own"}', UnavailableReason.UNEXPECTED_RESPONSE),
        (302, b"", UnavailableReason.UNEXPECTED_RESPONSE),
        (308, b"", UnavailableReason.UNEXPECTED_RESPONSE),
        (408, b"", UnavailableReason.TIMEOUT),
        (429, b'{"reason": "BOUNCED"}', UnavailableReason.RATE_LIMITED),
        (500, b'{"reason": "BOUNCED"}', UnavailableReason.SERVER_ERROR),
        (503, b"", UnavailableReason.SERVER_ERROR),
    ],
)
async def test_any_other_answer_can_be_retried(status: int, body: bytes, reason: UnavailableReason) -> None:
    receiver = Recorder(status, body, {"location": "/elsewhere"})
    async with webhook_to(receiver) as webhook:
        with pytest.raises(MessengerUnavailable) as unavailable:
            await webhook.send(MESSAGE)
    assert unavailable.value.reason is reason
    assert len(receiver.requests) == 1
    assert find_personal_data(unavailable.value) == []


@pytest.mark.parametrize(("server", "deadline", "reason"), UNANSWERED.values(), ids=UNANSWERED)
async def test_an_endpoint_without_a_complete_answer_is_reported_as_an_outage(
    server: Callable[[], AbstractAsyncContextManager[str]], deadline: float, reason: str
) -> None:
    async with server() as url, at(url, deadline=deadline) as webhook:
        with pytest.raises(MessengerUnavailable) as unavailable:
            await webhook.send(MESSAGE)
    assert unavailable.value.reason == reason
    assert find_personal_data(unavailable.value) == []


async def test_a_message_is_not_checked_later() -> None:
    receiver = Recorder()
    async with webhook_to(receiver) as webhook:
        assert await webhook.check("p-1") == Receipt(Progress.SENT, "p-1")
    assert receiver.requests == []


async def test_no_personal_data_and_no_secret_is_shown_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with webhook_to(Recorder(), path="/messages?key=secret-in-the-query") as webhook:
        await webhook.send(MESSAGE)
    endpoint = WebhookEndpoint("https://example.com/?key=secret-in-the-query", (SECRET,))
    assert find_personal_data(webhook, endpoint) == []
    assert [part for part in (SECRET, "secret-in-the-query") if part in f"{endpoint!r}{webhook!r}{caplog.text}"] == []
    assert [secret for secret in PERSONAL if secret in caplog.text] == []
