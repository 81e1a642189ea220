"""A message to send by SMTP, and functions that expect an attempt to send it to fail."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from care_workflows.channels.errors import MessageRefused, MessengerUnavailable, UnavailableReason
from care_workflows.channels.messenger import OutgoingMessage
from care_workflows.channels.smtp import SmtpEmail, SmtpServer

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
"""A deadline in seconds for a server that never responds."""


def plain_adapter(port: int, deadline: float = 20.0) -> SmtpEmail:
    return SmtpEmail(SmtpServer("127.0.0.1", port, SENDER, security="none"), deadline)


async def refusal(adapter: SmtpEmail, message: OutgoingMessage = MESSAGE) -> MessageRefused:
    with pytest.raises(MessageRefused) as refused:
        await adapter.send(message)
    return refused.value


async def outage(adapter: SmtpEmail, message: OutgoingMessage = MESSAGE) -> UnavailableReason:
    with pytest.raises(MessengerUnavailable) as unavailable:
        await adapter.send(message)
    return unavailable.value.reason
