"""Reads the customer's emails from the local mailbox."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.plain_http import NO_TLS
from tests.support.system import System, eventually

_LINK = re.compile(r"http://[^\s/]+/c/\S+[^\s.,]")


@dataclass(frozen=True)
class Email:
    """A received email."""

    subject: str
    text: str
    html: str
    message_id: str
    in_reply_to: str

    @property
    def chat_link(self) -> str:
        links: set[str] = set(_LINK.findall(self.text))
        [link] = links
        return link

    @property
    def chat_token(self) -> str:
        return self.chat_link.rpartition("/")[2]


async def list_emails(system: System, address: str) -> Sequence[Email]:
    """Returns all emails to an address, oldest first."""
    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as http:
        response = await http.get(f"{system.stack.urls.mailbox}/v1/emails", params={"to": address})
    found: list[dict[str, Any]] = response.raise_for_status().json()["emails"]
    return [
        Email(
            subject=each["subject"],
            text=each["text"],
            html=each["html"],
            message_id=each["messageId"].strip("<>"),
            in_reply_to=each["inReplyTo"].strip("<>"),
        )
        for each in reversed(found)
    ]


async def wait_for_emails(system: System, address: str, number: int) -> Sequence[Email]:
    """Waits until an address has at least `number` emails, and returns them, oldest first."""

    async def received() -> Sequence[Email] | None:
        found = await list_emails(system, address)
        return found if len(found) >= number else None

    return await eventually(f"{number} emails", received)
