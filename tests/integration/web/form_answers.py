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
"""A value for each field. The page must escape each, may strip white space around it, and change nothing else."""
TYPED = {**JANE, "message": JANE["message"].strip()}
"""The same answers as the page shows them."""
THANKS = "/f/t/thanks?reference=3F9A-12C7"


def without_request_id(values: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name != "request_id"}


async def fill_in(pages: httpx.AsyncClient, path: str = "/f/t", **answers: str) -> dict[str, str]:
    """Opens the form and returns what a browser sends after these answers (default: `JANE`) were typed."""
    return Page(await pages.get(path)).values | (answers or JANE)
