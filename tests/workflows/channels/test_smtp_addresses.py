"""Addresses of senders and recipients of emails, including addresses with letters beyond ASCII."""

from __future__ import annotations

from dataclasses import replace

import pytest

from care_workflows.channels.errors import DeliveryFailure
from care_workflows.channels.smtp import SmtpEmail, SmtpServer
from tests.support.mail import Inbox, serve_mail
from tests.workflows.channels.smtp_emails import MESSAGE, plain_adapter, refusal


async def test_a_domain_with_letters_beyond_ascii_needs_no_support_by_the_server() -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        await plain_adapter(port).send(replace(MESSAGE, address="kim@straße.example"))
    assert inbox.envelopes[0].rcpt_tos == ["kim@xn--strae-oqa.example"]


async def test_an_address_with_letters_beyond_ascii_goes_to_a_server_that_supports_it() -> None:
    inbox = Inbox()
    async with serve_mail(inbox, takes_utf8=True) as port:
        await plain_adapter(port).send(replace(MESSAGE, address="李雷@example.org"))
    assert inbox.envelopes[0].rcpt_tos == ["李雷@example.org"]
    # RFC 6532: the header contains the address in UTF-8.
    content = inbox.envelopes[0].content
    assert isinstance(content, bytes)
    assert "To: =?utf-8?b?S2ltIE/igJlOZWls?= <李雷@example.org>\r\n".encode() in content


async def test_an_address_with_letters_beyond_ascii_is_refused_if_the_server_does_not_support_it() -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        refused = await refusal(plain_adapter(port), replace(MESSAGE, address="李雷@example.org"))
    assert refused.reason is DeliveryFailure.ADDRESS_REFUSED
    assert "SMTPUTF8" in refused.provider_message
    assert not inbox.envelopes


@pytest.mark.parametrize("address", ["", "kim", "kim@", "a@b@c", "a b@c.d", "kim@example.org\r\nRCPT TO:<x@c.d>"])
async def test_an_invalid_address_is_refused_before_anything_is_sent(address: str) -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        refused = await refusal(plain_adapter(port), replace(MESSAGE, address=address))
    assert refused.reason is DeliveryFailure.ADDRESS_REFUSED
    assert not inbox.envelopes


@pytest.mark.parametrize("sender", ["", "care", "Care <care@example.com>", "care@example.com\r\nBcc: x@example.net"])
def test_an_invalid_sender_is_refused_at_once(sender: str) -> None:
    with pytest.raises(ValueError, match="must be an email address"):
        SmtpEmail(SmtpServer("127.0.0.1", 25, sender))
