"""A message to a customer, and its personal data, which must not be shown or logged."""

import traceback
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from care_workflows.channels.messenger import OutgoingMessage

PHONE: Final = "+491701234567"
LINK: Final = "https://care.example/c/k1.secret-of-the-chat"
TEXT: Final = "We looked into it, Zoë: the soup was cold."
AUTH_TOKEN: Final = "the-accounts-auth-token"
PERSONAL: Final = (PHONE, PHONE[1:], "Zoë", "soup", LINK, "secret-of-the-chat", AUTH_TOKEN)
"""Personal data of the customer, and secrets of Care."""

MESSAGE: Final = OutgoingMessage(
    organization="acme",
    message="organizations/acme/tickets/17/messages/0190a0a0-0000-7000-8000-000000000001",
    create_time=datetime(2026, 11, 2, 8, 30, 15, 250_000, UTC),
    location="harbor",
    business_name="Harbor Kitchen",
    address=PHONE,
    display_name="Zoë",
    text=TEXT,
    chat_link=LINK,
    key="0190a0a0-0000-7000-8000-000000000001",
    thread_key="0190a0a0-0000-7000-8000-000000000002",
)


def message_with_text(text: str) -> OutgoingMessage:
    return replace(MESSAGE, text=text)


def find_personal_data(*things: object) -> list[str]:
    """Returns the values of `PERSONAL` in the representations of `things` and in the tracebacks of exceptions."""
    texts = [text for thing in things for text in (repr(thing), str(thing))]
    for error in (thing for thing in things if isinstance(thing, BaseException)):
        assert error.__context__ is None
        texts += [repr(error.args), *traceback.format_exception(error)]
    return [secret for secret in PERSONAL if any(secret in text for text in texts)]
