"""SMTP servers that refuse or defer an email, do not respond, or close the connection."""

from __future__ import annotations

import asyncio

import pytest

from care_workflows.channels.errors import DeliveryFailure, UnavailableReason
from care_workflows.channels.messenger import Progress
from tests.support.mail import Inbox, serve_bytes, serve_mail
from tests.workflows.channels.smtp_emails import DEADLINE, MESSAGE, outage, plain_adapter, refusal


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("answer", ["450 4.2.1 greylisted, come back", "421 4.3.2 closing", "452 4.3.1 full"])
async def test_a_deferred_email_can_be_sent_again(command: str, answer: str) -> None:
    inbox = Inbox({command: answer})
    async with serve_mail(inbox) as port:
        assert await outage(plain_adapter(port)) is UnavailableReason.DEFERRED
        inbox.replies.clear()
        inbox.envelopes.clear()
        await plain_adapter(port).send(MESSAGE)
    assert len(inbox.emails) == 1


@pytest.mark.parametrize(
    ("command", "answer", "reason"),
    [
        ("MAIL", "550 5.1.8 sender's domain does not exist", DeliveryFailure.NOT_PERMITTED),
        ("MAIL", "553 5.7.1 not your address", DeliveryFailure.NOT_PERMITTED),
        ("MAIL", "552 5.3.4 too big", DeliveryFailure.CONTENT_REFUSED),
        ("RCPT", "550 5.1.1 no such user", DeliveryFailure.ADDRESS_REFUSED),
        ("RCPT", "550 no such user", DeliveryFailure.ADDRESS_REFUSED),
        ("RCPT", "552 5.2.2 mailbox full", DeliveryFailure.ADDRESS_REFUSED),
        ("RCPT", "554 5.7.1 relaying denied", DeliveryFailure.NOT_PERMITTED),
        ("DATA", "554 5.6.0 looks like spam", DeliveryFailure.CONTENT_REFUSED),
        ("DATA", "552 too big", DeliveryFailure.CONTENT_REFUSED),
        ("DATA", "550 5.1.1 no such user", DeliveryFailure.ADDRESS_REFUSED),
        ("DATA", "550 5.7.26 not authenticated by its domain", DeliveryFailure.NOT_PERMITTED),
    ],
)
async def test_a_refusal_has_a_reason_and_the_words_of_the_server(
    command: str, answer: str, reason: DeliveryFailure
) -> None:
    async with serve_mail(Inbox({command: answer})) as port:
        refused = await refusal(plain_adapter(port))
    assert (refused.reason, refused.provider_message) == (reason, answer[4:])


async def test_words_of_several_lines_and_any_bytes_can_be_stored() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554-5.3.2 no service\r\n554 caf\xe9 \x00\r\n")
        await reader.read()

    async with serve_bytes(speak) as port:
        refused = await refusal(plain_adapter(port))
    assert refused.reason is DeliveryFailure.NOT_PERMITTED
    assert refused.provider_message.startswith("5.3.2 no service caf")
    refused.provider_message.encode()  # a protobuf field cannot hold lone surrogates


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"hello\r\n", b"999 \r\n"])
async def test_a_server_that_does_not_speak_smtp_is_unexpected(greeting: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read()

    async with serve_bytes(speak) as port:
        assert await outage(plain_adapter(port)) is UnavailableReason.UNEXPECTED_RESPONSE


async def test_a_server_that_does_not_greet_times_out() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serve_bytes(speak) as port:
        assert await outage(plain_adapter(port, DEADLINE)) is UnavailableReason.TIMEOUT


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_server_that_does_not_answer_times_out(command: str) -> None:
    async with serve_mail(Inbox(hangs_at=command)) as port:
        assert await outage(plain_adapter(port, DEADLINE)) is UnavailableReason.TIMEOUT


async def test_a_slow_answer_times_out() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:  # each piece arrives well within any limit on a single read
            writer.write(b"220-more\r\n")
            await asyncio.sleep(0.01)

    async with serve_bytes(speak) as port:
        assert await outage(plain_adapter(port, DEADLINE)) is UnavailableReason.TIMEOUT


@pytest.mark.parametrize("trouble", [{"hangs_at": "QUIT"}, {"drops_at": "QUIT"}, {"replies": {"QUIT": "500 no"}}])
async def test_a_failure_after_the_message_leaves_it_sent(trouble: dict[str, str]) -> None:
    inbox = Inbox(**trouble)  # type: ignore[arg-type]  # each dictionary sets one field
    async with serve_mail(inbox) as port:
        assert (await plain_adapter(port).send(MESSAGE)).progress is Progress.SENT
    assert len(inbox.emails) == 1


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
async def test_a_connection_that_ends_before_the_message_can_be_retried(command: str) -> None:
    inbox = Inbox(drops_at=command)
    async with serve_mail(inbox) as port:
        assert await outage(plain_adapter(port)) is UnavailableReason.CONNECTION
        inbox.drops_at = ""
        await plain_adapter(port).send(MESSAGE)
    assert len(inbox.emails) == 1


async def test_a_connection_that_ends_during_the_message_can_be_retried() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (b"220 hello\r\n", b"250 hello\r\n", b"250 OK\r\n", b"250 OK\r\n", b"354 go on\r\n"):
            writer.write(answer)
            await reader.readuntil(b"\r\n")
        await reader.readexactly(100)
        writer.transport.abort()

    async with serve_bytes(speak) as port:
        assert await outage(plain_adapter(port)) is UnavailableReason.CONNECTION


async def test_a_copy_after_a_lost_answer_has_the_same_message_id() -> None:
    inbox = Inbox(drops_at="DATA")
    async with serve_mail(inbox) as port:
        assert await outage(plain_adapter(port)) is UnavailableReason.CONNECTION
        inbox.drops_at = ""
        await plain_adapter(port).send(MESSAGE)
    first, copy = inbox.emails
    assert first["Message-ID"] == copy["Message-ID"]


async def test_a_server_that_is_not_running_can_be_retried() -> None:
    async with serve_mail(Inbox()) as port:
        pass
    assert await outage(plain_adapter(port)) is UnavailableReason.CONNECTION


@pytest.mark.parametrize("deadline", [0.0, -1.0, float("nan")])
def test_the_deadline_must_be_positive(deadline: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        plain_adapter(25, deadline)
