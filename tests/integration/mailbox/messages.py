"""Messages for the mailbox, and raw emails that Care's adapter would not send."""

from __future__ import annotations

from datetime import UTC, datetime

import aiosmtplib

from care_workflows.channels.messenger import OutgoingMessage

LINK = "https://care.example.com/c/k1.token"


def message(
    text: str = "Sorry!", *, key: str = "k1", address: str = "kim@example.org", name: str = "Kim"
) -> OutgoingMessage:
    """Returns a message as the worker sends it."""
    return OutgoingMessage(
        organization="acme",
        message=f"organizations/acme/tickets/7/messages/{key}",
        create_time=datetime(2026, 5, 4, 9, tzinfo=UTC),
        location="soho",
        business_name="Acme Café",
        address=address,
        display_name=name,
        text=text,
        chat_link=LINK,
        key=key,
        thread_key="t1",
    )


async def send_raw(port: int, content: bytes, recipient: str = "kim@example.org") -> None:
    """Sends the bytes of an email unchanged."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
        await client.mail("a@example.net", options=["SMTPUTF8"], encoding="utf-8")
        await client.rcpt(recipient, encoding="utf-8")
        await client.data(content)
