"""Emails as they arrive at a real SMTP server: headers, parts, names and hostile texts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from care_workflows.channels.messenger import Progress
from care_workflows.channels.smtp import SmtpEmail, SmtpServer
from tests.support.mail import Inbox, serve_mail
from tests.workflows.channels.smtp_emails import LINK, MESSAGE, SENDER, plain_adapter


async def test_an_email_arrives_with_its_headers_and_both_parts() -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        receipt = await plain_adapter(port).send(MESSAGE)
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


async def test_the_link_is_added_if_the_text_lacks_it() -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        await plain_adapter(port).send(replace(MESSAGE, text="We are sorry."))
    text, html = inbox.emails[0].iter_parts()
    assert text.get_content() == f"We are sorry.\n\n{LINK}"
    assert f'<a href="{LINK}">' in html.get_content()


async def test_an_email_is_not_marked_as_automatic() -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        await plain_adapter(port).send(MESSAGE)
    # RFC 3834, section 5: only messages that no person wrote are marked.
    assert "Auto-Submitted" not in inbox.emails[0]


async def test_messages_of_one_chat_form_one_thread() -> None:
    inbox = Inbox()
    others = [replace(MESSAGE, key="second"), replace(MESSAGE, key="third", thread_key="another")]
    async with serve_mail(inbox) as port:
        for message in [MESSAGE, *others]:
            await plain_adapter(port).send(message)
    first, second, third = inbox.emails
    assert len({str(email["Message-ID"]) for email in inbox.emails}) == 3
    assert first["References"] == second["References"] != third["References"]
    assert first["Subject"] == second["Subject"]


async def test_long_message_ids_are_not_encoded() -> None:
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
async def test_a_display_name_cannot_change_other_headers(name: str, shown: str) -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        await plain_adapter(port).send(replace(MESSAGE, display_name=name, business_name=name))
    (email,) = inbox.emails
    assert sorted(email.keys()) == sorted(
        ["Message-ID", "In-Reply-To", "References", "Date", "From", "To", "Subject", "MIME-Version", "Content-Type"]
    )
    assert inbox.envelopes[0].rcpt_tos == ["kim@example.org"]
    (sender,), (recipient,) = email["From"].addresses, email["To"].addresses
    assert (_collapse_spaces(sender.display_name), sender.addr_spec) == (shown, SENDER)
    assert (_collapse_spaces(recipient.display_name), recipient.addr_spec) == (shown, "kim@example.org")
    assert _collapse_spaces(email["Subject"]) == (f"Your message to {shown}" if shown else "Your message")


def _collapse_spaces(text: str) -> str:
    """Collapses white space. Python's parser keeps white space between encoded words; RFC 2047, 6.2, drops it."""
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
async def test_a_hostile_text_arrives_complete_and_harmless(hostile: str) -> None:
    inbox = Inbox()
    async with serve_mail(inbox) as port:
        await plain_adapter(port).send(replace(MESSAGE, text=hostile))
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
