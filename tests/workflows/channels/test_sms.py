"""SMS with a provider over real HTTP, and with servers that return wrong responses or none."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest

from care_workflows.channels.errors import DeliveryFailure, MessageRefused, MessengerUnavailable, UnavailableReason
from care_workflows.channels.messenger import Progress, Receipt
from care_workflows.channels.sms import TwilioSms
from tests.support.serving import serve
from tests.workflows.channels import sms_provider
from tests.workflows.channels.bad_servers import PATIENT, UNANSWERED, Recorder
from tests.workflows.channels.sms_provider import SENDER, SmsProvider
from tests.workflows.channels.values import LINK, MESSAGE, PERSONAL, PHONE, TEXT, find_personal_data, message_with_text

FAILURES = {
    DeliveryFailure.ADDRESS_REFUSED: [21211, 21214, 21217, 21265, 21266, 21612, 21614, 21635],
    DeliveryFailure.UNSUBSCRIBED: [21610],
    DeliveryFailure.CONTENT_REFUSED: [21602, 21605, 21617, 21618, 21619, 30007, 30019, 30038],
    DeliveryFailure.NOT_PERMITTED: [
        *(20005, 20006, 20008, 20404, 21212, 21219, 21408, 21601, 21603, 21606, 21607, 21608, 21609, 21659),
        *(21660, 21661, 21701, 21702, 21703, 21704, 21705, 30002, 30010, 30018, 30023, 30024, 30027, 30032, 30033),
        *(30034, 30035, 30037, 30044),
    ],
    DeliveryFailure.BOUNCED: [30001, 30003, 30004, 30005, 30006, 30008, 30017, 30036],
}
CODES = [(code, failure) for failure, codes in FAILURES.items() for code in codes]


@pytest.fixture
async def provider() -> AsyncIterator[SmsProvider]:
    async with sms_provider.running() as provider:
        yield provider


@pytest.fixture
async def sms(provider: SmsProvider) -> AsyncIterator[TwilioSms]:
    async with TwilioSms(provider.account()) as adapter:
        yield adapter


@asynccontextmanager
async def at(url: str, deadline: float = PATIENT) -> AsyncIterator[TwilioSms]:
    async with TwilioSms(replace(SmsProvider().account(), url=url), deadline) as adapter:
        yield adapter


# --- sending ----------------------------------------------------------------------------------------------------------


async def test_a_message_is_posted_with_its_link_and_can_be_checked(provider: SmsProvider, sms: TwilioSms) -> None:
    receipt = await sms.send(MESSAGE)
    assert provider.forms == [{"To": PHONE, "From": SENDER, "Body": f"{TEXT}\n{LINK}"}]
    assert receipt == Receipt(Progress.SENT, next(iter(provider.messages)), can_be_checked=True)


async def test_a_link_in_the_text_is_not_added_again(provider: SmsProvider, sms: TwilioSms) -> None:
    await sms.send(message_with_text(f"Talk to us: {LINK} – your kitchen"))
    assert provider.forms[0]["Body"] == f"Talk to us: {LINK} – your kitchen"


async def test_a_messaging_service_chooses_the_sender(provider: SmsProvider) -> None:
    service = "MG" + "0a" * 16
    async with TwilioSms(provider.account(sender=service)) as adapter:
        await adapter.send(MESSAGE)
    assert provider.forms[0]["MessagingServiceSid"] == service
    assert "From" not in provider.forms[0]


async def test_the_callback_url_has_the_path_of_the_message_and_no_personal_data(provider: SmsProvider) -> None:
    async with TwilioSms(provider.account(callback_url="https://news.example/care")) as adapter:
        await adapter.send(MESSAGE)
    url = "https://news.example/care/sms/acme/17/0190a0a0-0000-7000-8000-000000000001"
    assert provider.forms[0]["StatusCallback"] == url
    assert find_personal_data(url) == []


async def test_a_repeated_attempt_is_a_second_message_with_the_same_text(provider: SmsProvider, sms: TwilioSms) -> None:
    first, second = await sms.send(MESSAGE), await sms.send(MESSAGE)
    assert provider.forms[0] == provider.forms[1]
    assert first.provider_id != second.provider_id


async def test_the_reason_of_a_refusal_follows_from_its_code(provider: SmsProvider, sms: TwilioSms) -> None:
    for code, failure in CODES:
        provider.refusal = (400, code)
        with pytest.raises(MessageRefused) as refused:
            await sms.send(MESSAGE)
        told = (refused.value.reason, refused.value.provider_message)
        assert told == (failure, f"{code}: message about {code}")
        assert find_personal_data(refused.value) == []


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, DeliveryFailure.OTHER),
        (403, DeliveryFailure.NOT_PERMITTED),
        (404, DeliveryFailure.NOT_PERMITTED),
    ],
)
async def test_the_reason_of_a_refusal_without_a_known_code_follows_from_its_status(
    provider: SmsProvider, sms: TwilioSms, status: int, failure: DeliveryFailure
) -> None:
    provider.refusal = (status, 99999)
    with pytest.raises(MessageRefused) as refused:
        await sms.send(MESSAGE)
    assert refused.value.reason is failure


async def test_wrong_credentials_are_reported_as_an_outage(provider: SmsProvider, sms: TwilioSms) -> None:
    async with TwilioSms(replace(provider.account(), auth_token="another")) as adapter:
        with pytest.raises(MessengerUnavailable) as unavailable:
            await adapter.send(MESSAGE)
    assert unavailable.value.reason is UnavailableReason.LOGIN_REFUSED
    assert provider.forms == []
    for status, code in ((401, 99999), (400, 20003)):
        provider.refusal = (status, code)
        with pytest.raises(MessengerUnavailable) as unavailable:
            await sms.send(MESSAGE)
        assert unavailable.value.reason is UnavailableReason.LOGIN_REFUSED


@pytest.mark.parametrize(("status", "code"), [(429, 20429), (400, 21611)])
async def test_a_rate_limit_is_reported_as_an_outage(
    provider: SmsProvider, sms: TwilioSms, status: int, code: int
) -> None:
    provider.refusal = (status, code)
    with pytest.raises(MessengerUnavailable) as unavailable:
        await sms.send(MESSAGE)
    assert unavailable.value.reason is UnavailableReason.RATE_LIMITED
    provider.refusal = None
    assert (await sms.send(MESSAGE)).progress is Progress.SENT


async def test_a_message_that_failed_at_once_is_refused(provider: SmsProvider, sms: TwilioSms) -> None:
    provider.status = "failed"
    with pytest.raises(MessageRefused) as refused:
        await sms.send(MESSAGE)
    assert refused.value.reason is DeliveryFailure.BOUNCED


# --- checks -----------------------------------------------------------------------------------------------------------


async def test_a_message_is_checked_until_it_is_delivered(provider: SmsProvider, sms: TwilioSms) -> None:
    sid = (await sms.send(MESSAGE)).provider_id
    for status in ("accepted", "scheduled", "queued", "sending", "sent", "a status that is new"):
        provider.becomes(sid, status)
        assert await sms.check(sid) == Receipt(Progress.SENT, sid, can_be_checked=True)
    for status in ("delivered", "read"):
        provider.becomes(sid, status)
        assert await sms.check(sid) == Receipt(Progress.DELIVERED, sid)


@pytest.mark.parametrize("status", ["undelivered", "failed", "canceled"])
async def test_an_undelivered_message_has_bounced(provider: SmsProvider, sms: TwilioSms, status: str) -> None:
    sid = (await sms.send(MESSAGE)).provider_id
    provider.becomes(sid, status)
    with pytest.raises(MessageRefused) as refused:
        await sms.check(sid)
    assert (refused.value.reason, refused.value.provider_message) == (DeliveryFailure.BOUNCED, "")


async def test_the_reason_of_a_bounce_follows_from_its_code(provider: SmsProvider, sms: TwilioSms) -> None:
    sid = (await sms.send(MESSAGE)).provider_id
    for code, failure in CODES:
        provider.becomes(sid, "undelivered", code)
        with pytest.raises(MessageRefused) as refused:
            await sms.check(sid)
        told = (refused.value.reason, refused.value.provider_message)
        assert told == (failure, f"{code}: message about {code}")


async def test_a_message_that_the_provider_no_longer_knows_is_not_checked_again(sms: TwilioSms) -> None:
    assert await sms.check("SMgone") == Receipt(Progress.SENT, "SMgone")


async def test_wrong_credentials_at_a_check_leave_the_message_sent(provider: SmsProvider, sms: TwilioSms) -> None:
    sid = (await sms.send(MESSAGE)).provider_id
    async with TwilioSms(replace(provider.account(), auth_token="another")) as adapter:
        assert await adapter.check(sid) == Receipt(Progress.SENT, sid, can_be_checked=True)


async def test_a_message_id_cannot_change_the_path() -> None:
    app = Recorder(404)
    async with serve(app) as url, at(url) as adapter:
        await adapter.check("../Balance?")
    assert app.requests[0].scope["raw_path"].decode().endswith("/Messages/..%2FBalance%3F.json")


# --- bad responses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (201, b""),
        (201, b"<html>not ours</html>"),
        (201, b"[]"),
        (201, b"\xff\xfe"),
        (201, b"[" * 100_000),
        (201, b'{"status": "queued"}'),
        (201, b'{"status": "queued", "sid": ""}'),
        (201, b'{"status": "queued", "sid": 7}'),
        (201, b'{"status": "queued", "sid": "S\\nM"}'),
        (201, b'{"status": "queued", "sid": "\\ud800"}' + b" " * (1 << 20)),
        (201, json.dumps({"status": "queued", "sid": "S" * 201}).encode()),
        (302, b""),
        (307, b""),
        (304, b""),
    ],
)
async def test_an_unexpected_answer_can_be_retried(status: int, body: bytes) -> None:
    app = Recorder(status, body, {"location": "/elsewhere"})
    async with serve(app) as url, at(url) as adapter:
        for act in (adapter.send(MESSAGE), adapter.check("SM1")):
            with pytest.raises(MessengerUnavailable) as unavailable:
                await act
            assert unavailable.value.reason is UnavailableReason.UNEXPECTED_RESPONSE
            assert find_personal_data(unavailable.value) == []
    assert len(app.requests) == 2  # no redirect was followed


@pytest.mark.parametrize(
    "body", [b'{"sid": "SM1"}', b'{"sid": "SM1", "status": ["queued"]}', b'{"sid": "SM1", "status": null}']
)
async def test_an_answer_with_an_id_counts_as_sent_whatever_its_status_field(body: bytes) -> None:
    async with serve(Recorder(201, body)) as url, at(url) as adapter:
        assert await adapter.send(MESSAGE) == Receipt(Progress.SENT, "SM1", can_be_checked=True)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"code": "21610x", "message": 7}', b'{"code": null}'])
async def test_an_unreadable_refusal_is_still_a_refusal(body: bytes) -> None:
    async with serve(Recorder(400, body)) as url, at(url) as adapter:
        with pytest.raises(MessageRefused) as refused:
            await adapter.send(MESSAGE)
    assert (refused.value.reason, refused.value.provider_message) == (DeliveryFailure.OTHER, "")


async def test_a_lone_surrogate_in_the_message_of_the_provider_can_be_stored() -> None:
    async with serve(Recorder(400, b'{"code": 21211, "message": "\\ud83d"}')) as url, at(url) as adapter:
        with pytest.raises(MessageRefused) as refused:
            await adapter.send(MESSAGE)
    assert refused.value.provider_message == "21211: ?"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (408, UnavailableReason.TIMEOUT),
        (429, UnavailableReason.RATE_LIMITED),
        (500, UnavailableReason.SERVER_ERROR),
        (502, UnavailableReason.SERVER_ERROR),
        (503, UnavailableReason.SERVER_ERROR),
    ],
)
async def test_a_provider_that_is_down_can_be_retried(status: int, reason: UnavailableReason) -> None:
    async with serve(Recorder(status, b"oh no")) as url, at(url) as adapter:
        for act in (adapter.send(MESSAGE), adapter.check("SM1")):
            with pytest.raises(MessengerUnavailable) as unavailable:
                await act
            assert unavailable.value.reason is reason


@pytest.mark.parametrize(("server", "deadline", "reason"), UNANSWERED.values(), ids=UNANSWERED)
async def test_a_server_without_a_complete_answer_is_reported_as_an_outage(
    server: Callable[[], AbstractAsyncContextManager[str]], deadline: float, reason: str
) -> None:
    async with server() as url, at(url, deadline) as adapter:
        for act in (adapter.send(MESSAGE), adapter.check("SM1")):
            with pytest.raises(MessengerUnavailable) as unavailable:
                await act
            assert unavailable.value.reason == reason
            assert find_personal_data(unavailable.value) == []


async def test_a_body_in_another_encoding_than_it_says_is_unexpected() -> None:
    async with serve(Recorder(201, b"no gzip", {"content-encoding": "gzip"})) as url, at(url) as adapter:
        with pytest.raises(MessengerUnavailable) as unavailable:
            await adapter.send(MESSAGE)
    assert unavailable.value.reason is UnavailableReason.UNEXPECTED_RESPONSE


# --- privacy ----------------------------------------------------------------------------------------------------------


async def test_no_personal_data_is_shown_or_logged(
    provider: SmsProvider, sms: TwilioSms, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    receipt = await sms.send(MESSAGE)
    await sms.check(receipt.provider_id)
    assert find_personal_data(MESSAGE, provider.account(), sms, receipt) == []
    assert receipt.provider_id not in repr(receipt)
    assert [secret for secret in PERSONAL if secret in caplog.text] == []
    assert not [record for record in caplog.records if record.name == "httpx"]


@pytest.mark.parametrize("deadline", [0, -1, float("nan")])
def test_the_deadline_must_be_positive(deadline: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        TwilioSms(SmsProvider().account(), deadline)
