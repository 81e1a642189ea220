"""Callbacks of the SMS provider over real HTTP and a real Temporal: only signed ones poke a workflow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest
from structlog.testing import capture_logs
from temporalio.client import Client

from care_workflows import activity_names
from care_workflows.channels.sms import SmsAccount, callback_url
from care_workflows.sms_callbacks import create_app
from tests.support.plain_http import NO_TLS
from tests.support.serving import serve
from tests.workflows.channels.sms_provider import ACCOUNT, SENDER, sign
from tests.workflows.channels.values import AUTH_TOKEN, PERSONAL, PHONE
from tests.workflows.fake_delivery import FakeDelivery, run_delivery, until_waiting

PUBLIC = "https://news.example/care"
FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": PHONE, "From": SENDER, "ErrorCode": ""}


class Caller:
    """The provider, as the caller of the callbacks."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def tell(
        self, message: str, form: dict[str, str] | None = None, signature: str | None = None, method: str = "POST"
    ) -> int:
        """Sends a callback about a message of ticket 17 of acme, as a proxy forwards it to the listener."""
        form = FORM if form is None else form
        url = callback_url(PUBLIC, f"organizations/acme/tickets/17/messages/{message}")
        headers = {b"X-Twilio-Signature": (sign(url, form) if signature is None else signature).encode("latin-1")}
        path = url.removeprefix(PUBLIC)
        return (await self._http.request(method, path, data=form, headers=headers)).status_code


@asynccontextmanager
async def listen(temporal: Client) -> AsyncIterator[Caller]:
    account = SmsAccount("https://sms.example", ACCOUNT, AUTH_TOKEN, SENDER, PUBLIC)
    async with (
        serve(create_app(temporal, account)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS) as http,
    ):
        yield Caller(http)


@pytest.fixture
async def caller(dev_client: Client) -> AsyncIterator[Caller]:
    async with listen(dev_client) as caller:
        yield caller


async def test_a_signed_callback_makes_the_workflow_ask_the_provider(dev_client: Client, caller: Caller) -> None:
    fake = FakeDelivery()
    async with run_delivery(dev_client, fake) as handle:
        await until_waiting(handle)
        fake.arrived = True
        assert await caller.tell(fake.id) == 204
        await handle.result()
    assert fake.calls == [activity_names.ASK_DELIVERY, activity_names.SEND_MESSAGE, activity_names.CHECK_MESSAGE]


async def test_the_status_in_a_callback_is_checked_with_the_provider(dev_client: Client, caller: Caller) -> None:
    fake = FakeDelivery()
    async with run_delivery(dev_client, fake) as handle:
        await until_waiting(handle)
        assert await caller.tell(fake.id, {"MessageStatus": "delivered"}) == 204
        await fake.until_called(activity_names.CHECK_MESSAGE)
        await until_waiting(handle)  # the provider does not report the delivery
        fake.arrived = True
        assert await caller.tell(fake.id, {"MessageStatus": "failed"}) == 204
        await handle.result()


async def test_a_callback_that_is_not_signed_does_nothing(dev_client: Client, caller: Caller) -> None:
    fake = FakeDelivery()
    other = callback_url(PUBLIC, f"organizations/acme/tickets/18/messages/{fake.id}")
    own = callback_url(PUBLIC, f"organizations/acme/tickets/17/messages/{fake.id}")
    forged = ["", "é", sign(own, FORM, "another token"), sign(other, FORM), sign(own, FORM | {"To": "+1"})]
    async with run_delivery(dev_client, fake) as handle:
        await until_waiting(handle)
        with capture_logs() as logs:
            for signature in forged:
                assert await caller.tell(fake.id, signature=signature) == 403
        history = await handle.fetch_history()
        await handle.terminate()
    signals = [event for event in history.events if event.HasField("workflow_execution_signaled_event_attributes")]
    assert len(signals) == 1  # the poke with which the workflow was started
    assert fake.calls == [activity_names.ASK_DELIVERY, activity_names.SEND_MESSAGE]
    assert len(logs) == 1  # only the first request with a wrong signature is logged
    assert [secret for secret in PERSONAL if secret in str(logs)] == []


async def test_a_callback_without_a_waiting_workflow_is_accepted_and_does_nothing(
    dev_client: Client, caller: Caller
) -> None:
    assert await caller.tell(str(uuid4())) == 204
    fake = FakeDelivery()
    async with run_delivery(dev_client, fake) as handle:
        fake.arrived = True
        await until_waiting(handle)
        assert await caller.tell(fake.id) == 204
        await handle.result()
        assert await caller.tell(fake.id) == 204  # the workflow has ended
    assert fake.calls.count(activity_names.CHECK_MESSAGE) == 1


async def test_a_callback_that_is_too_long_is_not_read(caller: Caller) -> None:
    assert await caller.tell("m1", {"MessageStatus": "x" * 65_536}) == 413


@pytest.mark.parametrize("content", [b"\xff=\xfe", b"&".join(b"a=b" for _ in range(1000)), b"{}", b""])
async def test_a_body_that_is_not_a_form_is_refused(dev_client: Client, content: bytes) -> None:
    account = SmsAccount("https://sms.example", ACCOUNT, AUTH_TOKEN, SENDER, PUBLIC)
    async with serve(create_app(dev_client, account)) as url, httpx.AsyncClient(trust_env=False, verify=NO_TLS) as http:
        answer = await http.post(f"{url}/sms/acme/17/m1", content=content, headers={"X-Twilio-Signature": "x"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/sms/acme/17/m1", 405),
        ("POST", "/", 404),
        ("POST", "/sms/acme/17/m1/", 404),
        ("POST", "/sms/acme/seventeen/m1", 404),
        ("POST", "/sms/acme/17/m1/more", 404),
    ],
)
async def test_other_paths_and_methods_are_refused(dev_client: Client, method: str, path: str, status: int) -> None:
    account = SmsAccount("https://sms.example", ACCOUNT, AUTH_TOKEN, SENDER, PUBLIC)
    async with serve(create_app(dev_client, account)) as url, httpx.AsyncClient(trust_env=False, verify=NO_TLS) as http:
        assert (await http.request(method, f"{url}{path}")).status_code == status
