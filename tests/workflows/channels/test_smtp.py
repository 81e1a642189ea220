"""Email by SMTP against a real server: what arrives, and what becomes of servers that refuse, defer, hang or drop."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import trustme

from care_workflows.channels.errors import (
    DeliveryFailure,
    MessageRefused,
    MessengerError,
    MessengerUnavailable,
    UnavailableReason,
)
from care_workflows.channels.messenger import OutgoingMessage, Progress
from care_workflows.channels.smtp import SmtpEmail, SmtpServer
from tests.support.certificates import authority
from tests.support.mail import PASSWORD, USER, Inbox, serve_bytes, serve_mail

SENDER = "care@example.com"
LINK = "https://care.example.com/c/k1.private-token"
MESSAGE = OutgoingMessage(
    organization="acme",
    message="organizations/acme/tickets/7/messages/3f0c1a52-0a53-4c4e-9d2e-8b0a1c1f6f01",
    create_time=datetime(2026, 5, 4, 9, tzinfo=UTC),
    location="soho",
    business_name="Acme Café",
    address="kim@example.org",
    display_name="Kim O’Neil",
    text=f"Dear Kim,\n\nwe are sorry.\nAnswer here: {LINK}",
    chat_link=LINK,
    key="3f0c1a52-0a53-4c4e-9d2e-8b0a1c1f6f01",
    thread_key="9d6f3c1e-50a8-4f5e-8c55-6f1f5ad1c002",
)
DEADLINE = 0.3
"""Seconds for a server that never answers."""


def plain(port: int, deadline: float = 20.0) -> SmtpEmail:
    return SmtpEmail(SmtpServer("127.0.0.1", port, SENDER, security="none"), deadline)


async def refusal(adapter: SmtpEmail, message: OutgoingMessage = MESSAGE) -> MessageRefused:
    with pytest.raises(MessageRefused) as refused:
        await adapter.send(message)
    return refused.value


async def outage(adapter: SmtpEmail, message: OutgoingMessage = MESSAGE) -> UnavailableReason:
    with pytest.raises(MessengerUnavailable) as unavailable:
        await adapter.send(message)
    return unavailable.value.reason


# --- what arrives -----------------------------------------------------------------------------------------------------


async def test_an_email_arrives_with_its_headers_and_both_parts() -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        receipt = await plain(port).send(MESSAGE)
    (envelope,), (email,) = inbox.envelopes, inbox.emails
    assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER, ["kim@example.org"])
    assert (receipt.progress, receipt.provider_id) == (Progress.SENT, f"{MESSAGE.key}@example.com")
    assert email["Message-ID"] == f"<{receipt.provider_id}>"
    assert email["In-Reply-To"] == email["References"] == f"<chat-{MESSAGE.thread_key}@example.com>"
    (sender,), (recipient,) = email["From"].addresses, email["To"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Acme Café", SENDER)
    assert (recipient.display_name, recipient.addr_spec) == ("Kim O’Neil", "kim@example.org")
    assert email["Subject"] == "Your message to Acme Café"
    assert email["Date"].datetime is not None
    assert email.get_content_type() == "multipart/alternative"
    text, html = email.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content() == MESSAGE.text
    assert f'<p dir="auto">we are sorry.<br>Answer here: <a href="{LINK}">{LINK}</a></p>' in html.get_content()


async def test_a_link_that_the_text_lacks_is_added() -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        await plain(port).send(replace(MESSAGE, text="We are sorry."))
    text, html = inbox.emails[0].iter_parts()
    assert text.get_content() == f"We are sorry.\n\n{LINK}"
    assert f'<a href="{LINK}">' in html.get_content()


async def test_an_email_does_not_call_itself_automatic() -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        await plain(port).send(MESSAGE)
    # RFC 3834, section 5: only for what was not written by a person.
    assert "Auto-Submitted" not in inbox.emails[0]


async def test_messages_of_a_chat_stand_together_and_those_of_another_apart() -> None:
    inbox = Inbox()
    others = [replace(MESSAGE, key="second"), replace(MESSAGE, key="third", thread_key="another")]
    async with serve_mail(inbox) as port:
        for message in [MESSAGE, *others]:
            await plain(port).send(message)
    first, second, third = inbox.emails
    assert len({str(email["Message-ID"]) for email in inbox.emails}) == 3
    assert first["References"] == second["References"] != third["References"]
    assert first["Subject"] == second["Subject"]


async def test_ids_are_plain_also_where_they_are_long() -> None:
    sender = f"care@{'.'.join(['department'] * 12)}.example.com"
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        await SmtpEmail(SmtpServer("127.0.0.1", port, sender, security="none")).send(MESSAGE)
    content = inbox.envelopes[0].content
    assert isinstance(content, bytes)
    flat = re.sub(rb"\s+", b" ", content)
    domain = sender.partition("@")[2].encode()
    assert b"Message-ID: <" + MESSAGE.key.encode() + b"@" + domain + b"> " in flat
    assert b"References: <chat-" + MESSAGE.thread_key.encode() + b"@" + domain + b"> " in flat


NAMES = [
    ("Zoë 李雷", "Zoë 李雷"),
    ('Kim "The Knife", Esq. <kim@elsewhere.example>', 'Kim "The Knife", Esq. <kim@elsewhere.example>'),
    ("Kim\r\nBcc: everybody@example.net", "Kim Bcc: everybody@example.net"),
    ("Kim\nSubject: hello\n\nbody", "Kim Subject: hello body"),
    ("Kim\x00\x1b[31m\x7f", "Kim[31m"),
    ("Kim\u2028Bcc: x@example.net\x85y", "Kim Bcc: x@example.nety"),
    ("\u202emoc.elpmaxe@mik\u202c \u2066x\u2069", "moc.elpmaxe@mik x"),
    ("=?utf-8?q?Bcc=3A?= (comment)\\", "=?utf-8?q?Bcc=3A?= (comment)\\"),
    ("é, " * 100, ("é, " * 100).strip()),
    ("x, " * 50 + "<kim@elsewhere.example>", "x, " * 50 + "<kim@elsewhere.example>"),
    ("plain " * 50, ("plain " * 50).strip()),
    ("", ""),
]


@pytest.mark.parametrize(("name", "shown"), NAMES)
async def test_a_name_stays_a_name(name: str, shown: str) -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        await plain(port).send(replace(MESSAGE, display_name=name, business_name=name))
    (email,) = inbox.emails
    assert sorted(email.keys()) == sorted(
        ["Message-ID", "In-Reply-To", "References", "Date", "From", "To", "Subject", "MIME-Version", "Content-Type"]
    )
    assert inbox.envelopes[0].rcpt_tos == ["kim@example.org"]
    (sender,), (recipient,) = email["From"].addresses, email["To"].addresses
    assert (_spaced(sender.display_name), sender.addr_spec) == (shown, SENDER)
    assert (_spaced(recipient.display_name), recipient.addr_spec) == (shown, "kim@example.org")
    assert _spaced(email["Subject"]) == (f"Your message to {shown}" if shown else "Your message")


def _spaced(text: str) -> str:
    """Python's parser keeps the white space between two encoded words, which RFC 2047, section 6.2, says to drop."""
    return " ".join(text.split())


HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    f'"><a href="javascript:alert(1)">{LINK}</a>&lt;b&gt;',
    "x" * 10_000,
    "ü" * 10_000,
    "\u202eevil\u202c \u2066isolated",
    ".\r\n.\r\nMAIL FROM:<x@example.net>\r\n.\r\n",
    "From me\n--===============\nContent-Type: text/html\n\n<script>",
    "nul\x00 and escape\x1b[2J",
]


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_a_hostile_text_arrives_whole_and_inert(hostile: str) -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        await plain(port).send(replace(MESSAGE, text=hostile))
    (email,) = inbox.emails
    text, html = email.iter_parts()
    written = hostile.replace("\r\n", "\n").replace("\x00", "").replace("\x1b", "")
    assert text.get_content() == (written if LINK in written else f"{written}\n\n{LINK}")
    markup = html.get_content()
    assert set(_tags(markup)) <= {"html", "head", "meta", "body", "p", "br", "a"}
    assert {attributes.get("href") for attributes in _attributes(markup, "a")} == {LINK}
    content = inbox.envelopes[0].content
    assert isinstance(content, bytes)
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998  # RFC 5322, section 2.1.1


def _tags(markup: str) -> list[str]:
    return [tag for tag, _ in _elements(markup)]


def _attributes(markup: str, name: str) -> list[dict[str, str | None]]:
    return [attributes for tag, attributes in _elements(markup) if tag == name]


def _elements(markup: str) -> list[tuple[str, dict[str, str | None]]]:
    from html.parser import HTMLParser

    found: list[tuple[str, dict[str, str | None]]] = []

    class Elements(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    Elements().feed(markup)
    return found


# --- addresses --------------------------------------------------------------------------------------------------------


async def test_a_domain_of_other_letters_needs_nothing_of_the_server() -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        await plain(port).send(replace(MESSAGE, address="kim@straße.example"))
    assert inbox.envelopes[0].rcpt_tos == ["kim@xn--strae-oqa.example"]


async def test_an_address_of_other_letters_goes_to_a_server_that_takes_them() -> None:
    inbox = Inbox()
    async with serve_mail(inbox, takes_utf8=True) as port:
        await plain(port).send(replace(MESSAGE, address="李雷@example.org"))
    assert inbox.envelopes[0].rcpt_tos == ["李雷@example.org"]
    # RFC 6532: the header says it in UTF-8.
    content = inbox.envelopes[0].content
    assert isinstance(content, bytes)
    assert "To: =?utf-8?b?S2ltIE/igJlOZWls?= <李雷@example.org>\r\n".encode() in content


async def test_an_address_of_other_letters_is_refused_where_the_server_takes_none() -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        refused = await refusal(plain(port), replace(MESSAGE, address="李雷@example.org"))
    assert refused.reason is DeliveryFailure.ADDRESS_REFUSED
    assert "SMTPUTF8" in refused.provider_message
    assert not inbox.envelopes


@pytest.mark.parametrize("address", ["", "kim", "kim@", "a@b@c", "a b@c.d", "kim@example.org\r\nRCPT TO:<x@c.d>"])
async def test_what_is_no_address_is_refused_before_anything_is_sent(address: str) -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        refused = await refusal(plain(port), replace(MESSAGE, address=address))
    assert refused.reason is DeliveryFailure.ADDRESS_REFUSED
    assert not inbox.envelopes


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("answer", ["450 4.2.1 greylisted, come back", "421 4.3.2 closing", "452 4.3.1 full"])
async def test_a_server_that_puts_us_off_is_tried_again(command: str, answer: str) -> None:
    inbox = Inbox({command: answer})
    async with serve_mail(inbox) as port:
        assert await outage(plain(port)) is UnavailableReason.DEFERRED
        inbox.replies.clear()
        inbox.envelopes.clear()
        await plain(port).send(MESSAGE)
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
async def test_a_refusal_keeps_its_reason_and_the_server_s_words(
    command: str, answer: str, reason: DeliveryFailure
) -> None:
    async with serve_mail(Inbox({command: answer})) as port:
        refused = await refusal(plain(port))
    assert (refused.reason, refused.provider_message) == (reason, answer[4:])


async def test_words_in_several_lines_and_of_any_bytes_can_be_kept() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554-5.3.2 no service\r\n554 caf\xe9 \x00\r\n")
        await reader.read()

    async with serve_bytes(speak) as port:
        refused = await refusal(plain(port))
    assert refused.reason is DeliveryFailure.NOT_PERMITTED
    assert refused.provider_message.startswith("5.3.2 no service caf")
    refused.provider_message.encode()  # a protobuf field takes no lone surrogates


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"hello\r\n", b"999 \r\n"])
async def test_something_else_that_listens_there_is_no_mail_server(greeting: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read()

    async with serve_bytes(speak) as port:
        assert await outage(plain(port)) is UnavailableReason.UNEXPECTED_RESPONSE


# --- hanging, and connections that end --------------------------------------------------------------------------------


async def test_a_server_that_does_not_greet_runs_into_the_deadline() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serve_bytes(speak) as port:
        assert await outage(plain(port, DEADLINE)) is UnavailableReason.TIMEOUT


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_server_that_does_not_answer_runs_into_the_deadline(command: str) -> None:
    async with serve_mail(Inbox(hangs_at=command)) as port:
        assert await outage(plain(port, DEADLINE)) is UnavailableReason.TIMEOUT


async def test_an_answer_that_trickles_runs_into_the_deadline() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:  # each piece comes well within any limit on a single read
            writer.write(b"220-more\r\n")
            await asyncio.sleep(0.01)

    async with serve_bytes(speak) as port:
        assert await outage(plain(port, DEADLINE)) is UnavailableReason.TIMEOUT


@pytest.mark.parametrize("trouble", [{"hangs_at": "QUIT"}, {"drops_at": "QUIT"}, {"replies": {"QUIT": "500 no"}}])
async def test_what_comes_after_the_message_does_not_unsend_it(trouble: dict[str, str]) -> None:
    inbox = Inbox(**trouble)  # type: ignore[arg-type]  # one field or the other
    async with serve_mail(inbox) as port:
        assert (await plain(port).send(MESSAGE)).progress is Progress.SENT
    assert len(inbox.emails) == 1


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
async def test_a_connection_that_ends_before_the_message_is_worth_another_try(command: str) -> None:
    inbox = Inbox(drops_at=command)
    async with serve_mail(inbox) as port:
        assert await outage(plain(port)) is UnavailableReason.CONNECTION
        inbox.drops_at = ""
        await plain(port).send(MESSAGE)
    assert len(inbox.emails) == 1


async def test_a_connection_that_ends_in_the_middle_of_the_message_is_worth_another_try() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (b"220 hello\r\n", b"250 hello\r\n", b"250 OK\r\n", b"250 OK\r\n", b"354 go on\r\n"):
            writer.write(answer)
            await reader.readuntil(b"\r\n")
        await reader.readexactly(100)
        writer.transport.abort()

    async with serve_bytes(speak) as port:
        assert await outage(plain(port)) is UnavailableReason.CONNECTION


async def test_a_copy_after_a_lost_answer_is_known_by_its_message_id() -> None:
    inbox = Inbox(drops_at="DATA")
    async with serve_mail(inbox) as port:
        assert await outage(plain(port)) is UnavailableReason.CONNECTION
        inbox.drops_at = ""
        await plain(port).send(MESSAGE)
    first, copy = inbox.emails
    assert first["Message-ID"] == copy["Message-ID"]


async def test_a_server_that_nobody_runs_is_worth_another_try() -> None:
    async with serve_mail(Inbox()) as port:
        pass
    assert await outage(plain(port)) is UnavailableReason.CONNECTION


# --- encryption and login ---------------------------------------------------------------------------------------------


def certified(ca: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*(names or ("127.0.0.1",)), key_type=trustme.KeyType.ECDSA).configure_cert(context)
    return context


def encrypted(port: int, ca: trustme.CA, **given: str) -> SmtpEmail:
    server = SmtpServer("127.0.0.1", port, SENDER, "starttls", ca.cert_pem.bytes())
    return SmtpEmail(replace(server, **given))  # type: ignore[arg-type]  # the fields given are texts


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd counts STARTTLS only
@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_an_email_goes_encrypted_and_with_a_login(security: str) -> None:
    ca, inbox = authority(), Inbox()
    async with serve_mail(inbox, **{security: certified(ca)}, wants_login=True) as port:  # type: ignore[arg-type]
        await encrypted(port, ca, security=security, username=USER, password=PASSWORD).send(MESSAGE)
    assert inbox.encrypted == [True]


@pytest.mark.parametrize("login", [{"username": USER, "password": "wrong"}, {}])
async def test_with_a_wrong_login_or_none_messages_wait_for_a_right_one(login: dict[str, str]) -> None:
    ca, inbox = authority(), Inbox()
    async with serve_mail(inbox, starttls=certified(ca), wants_login=True) as port:
        assert await outage(encrypted(port, ca, **login)) is UnavailableReason.LOGIN_REFUSED
    assert not inbox.envelopes


async def test_where_the_server_offers_no_login_messages_wait_for_one() -> None:
    ca, inbox = authority(), Inbox()
    async with serve_mail(inbox, tls=certified(ca)) as port:
        adapter = encrypted(port, ca, security="tls", username=USER, password=PASSWORD)
        assert await outage(adapter) is UnavailableReason.LOGIN_REFUSED
    assert not inbox.envelopes


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
async def test_a_server_that_wants_a_login_late_is_understood(command: str) -> None:
    async with serve_mail(Inbox({command: "530 5.7.0 log in first"})) as port:
        assert await outage(plain(port)) is UnavailableReason.LOGIN_REFUSED


@asynccontextmanager
async def _plaintext(inbox: Inbox, ca: trustme.CA) -> AsyncIterator[int]:
    async with serve_mail(inbox) as port:
        yield port


@asynccontextmanager
async def _of_another_authority(inbox: Inbox, ca: trustme.CA) -> AsyncIterator[int]:
    async with serve_mail(inbox, starttls=certified(authority())) as port:
        yield port


@asynccontextmanager
async def _of_another_host(inbox: Inbox, ca: trustme.CA) -> AsyncIterator[int]:
    async with serve_mail(inbox, starttls=certified(ca, "mail.example.net")) as port:
        yield port


@asynccontextmanager
async def _of_another_authority_from_the_start(inbox: Inbox, ca: trustme.CA) -> AsyncIterator[int]:
    async with serve_mail(inbox, tls=certified(authority())) as port:
        yield port


@pytest.mark.parametrize(
    ("security", "served"),
    [
        ("starttls", _plaintext),
        ("tls", _plaintext),
        ("starttls", _of_another_authority),
        ("starttls", _of_another_host),
        ("tls", _of_another_authority_from_the_start),
    ],
)
async def test_nothing_goes_out_unless_it_is_encrypted_as_asked(
    security: str, served: Callable[[Inbox, trustme.CA], AbstractAsyncContextManager[int]]
) -> None:
    ca, inbox = authority(), Inbox()
    async with served(inbox, ca) as port:
        adapter = encrypted(port, ca, security=security, username=USER, password=PASSWORD)
        assert await outage(adapter) is UnavailableReason.NOT_SECURE
    assert not inbox.envelopes


# --- nothing leaks ----------------------------------------------------------------------------------------------------


async def test_no_failure_and_no_log_carries_what_is_the_customer_s(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[MessengerError] = []
    answers = [{"MAIL": "550 no"}, {"RCPT": "550 kim@example.org"}, {"DATA": "554 kim@example.org"}, {"RCPT": "450 x"}]
    inboxes = [*map(Inbox, answers), Inbox(hangs_at="DATA"), Inbox(drops_at="DATA")]
    with caplog.at_level(logging.DEBUG):
        for inbox in inboxes:
            async with serve_mail(inbox) as port:
                with pytest.raises(MessengerError) as raised:
                    await plain(port, DEADLINE if inbox.hangs_at else 20.0).send(MESSAGE)
            failures.append(raised.value)
        with pytest.raises(MessengerError) as raised:
            await plain(1).send(replace(MESSAGE, address="kim@example.org@"))
        failures.append(raised.value)
    for failure in failures:
        assert failure.args == (str(failure),)
        assert str(failure).replace("_", "").isupper()
        assert failure.__cause__ is None
        assert failure.__context__ is None
    records = [record.getMessage() for record in caplog.records if not record.name.startswith("mail.")]  # the server's
    for secret in ("kim@", LINK, "sorry"):
        assert not [line for line in records if secret in line]


def test_neither_a_message_nor_a_password_is_shown() -> None:
    server = SmtpServer("127.0.0.1", 25, SENDER, password=PASSWORD)
    for shown in (repr(MESSAGE), repr(server), repr(SmtpEmail(server))):
        for secret in ("kim", "sorry", "private-token", PASSWORD):
            assert secret not in shown


@pytest.mark.parametrize("sender", ["", "care", "Care <care@example.com>", "care@example.com\r\nBcc: x@example.net"])
def test_a_sender_that_is_no_address_is_refused_at_once(sender: str) -> None:
    with pytest.raises(ValueError, match="must be an email address"):
        SmtpEmail(SmtpServer("127.0.0.1", 25, sender))


@pytest.mark.parametrize("deadline", [0.0, -1.0, float("nan")])
def test_a_deadline_has_to_be_positive(deadline: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        plain(25, deadline)
