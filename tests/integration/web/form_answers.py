"""Answers that a customer types into the form, and what the page shows of them."""

from __future__ import annotations

import httpx

from tests.integration.web.page import Page

JANE = {
    "email": "jane@example.com",
    "phone": "+44 20 7946 0958",
    "display_name": "Jane <b>Doe</b>",
    "message": "\n  Cold soup.\n\nMornings & evenings are best.",
    "consent": "yes",
}
"""All that can be typed, such that each value has to survive being shown again."""
TYPED = {**JANE, "message": JANE["message"].strip()}
"""What is shown of it."""
THANKS = "/f/t/thanks?reference=3F9A-12C7"


def without_id(values: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name != "request_id"}


async def filled_in(pages: httpx.AsyncClient, path: str = "/f/t", **answers: str) -> dict[str, str]:
    """What a browser sends after the form was opened and these answers were typed."""
    return Page(await pages.get(path)).values | (answers or JANE)
