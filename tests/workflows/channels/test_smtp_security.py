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
from tests.workflows.channels.smtp_emails import MESSAGE, SENDER, outage, plain_adapter


def server_tls(ca: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*(names or ("127.0.0.1",)), key_type=trustme.KeyType.ECDSA).configure_cert(context)
    return context


def encrypted_adapter(port: int, ca: trustme.CA, **given: str) -> SmtpEmail:
    server = SmtpServer("127.0.0.1", port, SENDER, "starttls", ca.cert_pem.bytes())
    return SmtpEmail(replace(server, **given))  # type: ignore[arg-type]  # all given fields are strings


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd counts STARTTLS only
@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_an_email_is_sent_with_encryption_and_login(security: str) -> None:
    ca, inbox = authority(), Inbox()
    async with serve_mail(inbox, **{security: server_tls(ca)}, wants_login=True) as port:  # type: ignore[arg-type]
        await encrypted_adapter(port, ca, security=security, username=USER, password=PASSWORD).send(MESSAGE)
    assert inbox.encrypted == [True]


@pytest.mark.parametrize("login", [{"username": USER, "password": "wrong"}, {}])
async def test_a_wrong_or_missing_login_is_reported_and_nothing_is_sent(login: dict[str, str]) -> None:
    ca, inbox = authority(), Inbox()
    async with serve_mail(inbox, starttls=server_tls(ca), wants_login=True) as port:
        assert await outage(encrypted_adapter(port, ca, **login)) is UnavailableReason.LOGIN_REFUSED
    assert not inbox.envelopes


async def test_a_server_that_offers_no_login_is_reported_and_nothing_is_sent() -> None:
    ca, inbox = authority(), Inbox()
    async with serve_mail(inbox, tls=server_tls(ca)) as port:
        adapter = encrypted_adapter(port, ca, security="tls", username=USER, password=PASSWORD)
        assert await outage(adapter) is UnavailableReason.LOGIN_REFUSED
    assert not inbox.envelopes


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
async def test_a_late_demand_for_a_login_is_reported(command: str) -> None:
    async with serve_mail(Inbox({command: "530 5.7.0 log in first"})) as port:
        assert await outage(plain_adapter(port)) is UnavailableReason.LOGIN_REFUSED


@asynccontextmanager
async def _plaintext(inbox: Inbox, ca: trustme.CA) -> AsyncIterator[int]:
    async with serve_mail(inbox) as port:
        yield port


@asynccontextmanager
async def _certificate_of_other_authority(inbox: Inbox, ca: trustme.CA) -> AsyncIterator[int]:
    async with serve_mail(inbox, starttls=server_tls(authority())) as port:
        yield port


@asynccontextmanager
async def _certificate_of_other_host(inbox: Inbox, ca: trustme.CA) -> AsyncIterator[int]:
    async with serve_mail(inbox, starttls=server_tls(ca, "mail.example.net")) as port:
        yield port


@asynccontextmanager
async def _tls_certificate_of_other_authority(inbox: Inbox, ca: trustme.CA) -> AsyncIterator[int]:
    async with serve_mail(inbox, tls=server_tls(authority())) as port:
        yield port


@pytest.mark.parametrize(
    ("security", "served"),
    [
        ("starttls", _plaintext),
        ("tls", _plaintext),
        ("starttls", _certificate_of_other_authority),
        ("starttls", _certificate_of_other_host),
        ("tls", _tls_certificate_of_other_authority),
    ],
)
async def test_nothing_is_sent_without_the_required_encryption(
    security: str, served: Callable[[Inbox, trustme.CA], AbstractAsyncContextManager[int]]
) -> None:
    ca, inbox = authority(), Inbox()
    async with served(inbox, ca) as port:
        adapter = encrypted_adapter(port, ca, security=security, username=USER, password=PASSWORD)
        assert await outage(adapter) is UnavailableReason.NOT_SECURE
    assert not inbox.envelopes
