"""Encryption and login of SMTP connections."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest
import trustme

from care_workflows.channels.errors import UnavailableReason
from care_workflows.channels.smtp import SmtpEmail, SmtpServer
from tests.support.certificates import authority
from tests.support.mail import PASSWORD, USER, Inbox, serve_mail
from tests.workflows.channels.smtp_emails import MESSAGE, SENDER, outage, plain


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
