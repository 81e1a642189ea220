"""The activities of a message with real adapters: what the provider receives, and what they report to the service."""

import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from care.v1 import worker_service_pb2 as worker
from care.v1.message_pb2 import (
    CHANNEL_SMS,
    DELIVERY_FAILURE_BOUNCED,
    DELIVERY_FAILURE_UNSUBSCRIBED,
    DELIVERY_STATE_DELIVERED,
    DELIVERY_STATE_SENT,
)
from care.v1.workflows_pb2 import MessageDeliveryInput
from care_client.client import CareClient
from care_workflows.channels.messenger import Messenger
from care_workflows.channels.registry import Messengers
from care_workflows.channels.sms import TwilioSms
from care_workflows.channels.webhook import SignedWebhook, WebhookEndpoint
from care_workflows.delivery_activities import DeliveryActivities
from tests.support.serving import serve
from tests.workflows.channels import sms_provider
from tests.workflows.channels.bad_servers import Recorder
from tests.workflows.channels.sms_provider import SENDER, SmsProvider
from tests.workflows.channels.values import PHONE
from tests.workflows.worker_service import ANSWER, CHAT_LINK, MESSAGE, ScriptedWorkerService, connect_worker

START = MessageDeliveryInput(message=MESSAGE)
WRITTEN = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def service() -> ScriptedWorkerService:
    service = ScriptedWorkerService()
    service.delivery_plan.create_time.FromDatetime(WRITTEN)
    assert service.delivery_grant
    service.delivery_grant.channel = CHANNEL_SMS
    service.delivery_grant.address = PHONE
    return service


@pytest.fixture
async def care(service: ScriptedWorkerService) -> AsyncIterator[CareClient]:
    async with connect_worker(service) as client:
        yield client


@pytest.fixture
async def provider() -> AsyncIterator[SmsProvider]:
    async with sms_provider.running() as provider:
        yield provider


@pytest.fixture
async def sms(provider: SmsProvider) -> AsyncIterator[TwilioSms]:
    async with TwilioSms(provider.account()) as adapter:
        yield adapter


def activities(care: CareClient, messenger: Messenger) -> DeliveryActivities:
    return DeliveryActivities(care.workers, Messengers({"SMS": messenger}))


async def test_an_sms_is_sent_reported_and_checked(
    care: CareClient, service: ScriptedWorkerService, provider: SmsProvider, sms: TwilioSms
) -> None:
    steps = activities(care, sms)
    await ActivityEnvironment().run(steps.send_message, START)
    [sid] = provider.messages
    assert provider.forms == [{"To": PHONE, "From": SENDER, "Body": f"{ANSWER} {CHAT_LINK}"}]
    sent = worker.RecordDeliveredRequest(
        name=MESSAGE, attempt=3, state=DELIVERY_STATE_SENT, provider_id=sid, can_be_checked=True
    )
    assert service.reports == [sent]
    assert service.delivery_grant
    service.delivery_grant.provider_id = sid
    provider.becomes(sid, "delivered")
    await ActivityEnvironment().run(steps.check_message, START)
    arrived = worker.RecordDeliveredRequest(name=MESSAGE, attempt=3, state=DELIVERY_STATE_DELIVERED, provider_id=sid)
    assert service.reports == [sent, arrived]


async def test_a_refusal_is_reported_with_the_message_of_the_provider(
    care: CareClient, service: ScriptedWorkerService, provider: SmsProvider, sms: TwilioSms
) -> None:
    provider.refusal = (400, 21610)
    await ActivityEnvironment().run(activities(care, sms).send_message, START)
    assert service.reports == [
        worker.RecordFailedRequest(
            name=MESSAGE,
            attempt=3,
            reason=DELIVERY_FAILURE_UNSUBSCRIBED,
            provider_message="21610: message about 21610",
        )
    ]


async def test_an_outage_is_reported_to_temporal_without_personal_data(
    care: CareClient, service: ScriptedWorkerService, provider: SmsProvider, sms: TwilioSms
) -> None:
    provider.refusal = (503, 0)
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(activities(care, sms).send_message, START)
    assert (caught.value.type, caught.value.message) == ("MessengerUnavailable", "SERVER_ERROR")
    assert not caught.value.non_retryable
    shown = "".join(traceback.format_exception(caught.value))
    assert [secret for secret in (PHONE, ANSWER, CHAT_LINK) if secret in shown] == []
    assert service.reports == []


async def test_a_webhook_names_the_message_and_when_it_was_written(
    care: CareClient, service: ScriptedWorkerService
) -> None:
    receiver = Recorder()
    async with serve(receiver) as url, SignedWebhook(WebhookEndpoint(url, (SECRET,)), "SMS") as webhook:
        await ActivityEnvironment().run(activities(care, webhook).send_message, START)
    payload = Webhook(SECRET).verify(receiver.bodies[0], dict(receiver.requests[0].headers))
    assert (payload["timestamp"], payload["data"]["message"]) == ("2026-11-02T08:30:00.000Z", MESSAGE)
    assert service.reports == [worker.RecordDeliveredRequest(name=MESSAGE, attempt=3, state=DELIVERY_STATE_SENT)]


async def test_a_refusal_of_a_webhook_is_reported_with_its_message(
    care: CareClient, service: ScriptedWorkerService
) -> None:
    receiver = Recorder(422, b'{"reason": "BOUNCED", "message": "mailbox full"}')
    async with serve(receiver) as url, SignedWebhook(WebhookEndpoint(url, (SECRET,)), "SMS") as webhook:
        await ActivityEnvironment().run(activities(care, webhook).send_message, START)
    assert service.reports == [
        worker.RecordFailedRequest(
            name=MESSAGE, attempt=3, reason=DELIVERY_FAILURE_BOUNCED, provider_message="mailbox full"
        )
    ]
