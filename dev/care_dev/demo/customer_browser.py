"""What the customer's browser does: finds the link in the public reply, opens the form, fills it in and sends it."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import quote, urljoin

import httpx

from care_dev.stack.errors import StackError


class _Reader(HTMLParser):
    """Collects the links of a page, and the fields and target of its form."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fields: dict[str, str] = {}
        self.action: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        values = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "form" and values.get("method", "").lower() == "post":
            self.action = values.get("action", "")
        elif tag in {"input", "textarea"} and "name" in values:
            self.fields[values["name"]] = values.get("value", "")


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    return reader


def review_page(review_site: str, organization: str, external_id: str) -> str:
    """Returns the public page of a review."""
    return f"{review_site}/{quote(organization, safe='')}/reviews/{quote(external_id, safe='')}"


async def form_link(http: httpx.AsyncClient, page: str, web: str) -> str | None:
    """Returns the link to a form of ours on a public page; None if there is none."""
    response = (await http.get(page)).raise_for_status()
    return next((link for link in _read(response.text).links if link.startswith(f"{web}/f/")), None)


async def reply_is_without(http: httpx.AsyncClient, reply: str, web: str) -> bool:
    """Tells whether the public reply, read through the site's API, has no link to a form of ours."""
    return f"{web}/f/" not in (await http.get(reply)).raise_for_status().text


async def answer_form(http: httpx.AsyncClient, link: str, answers: dict[str, str]) -> str:
    """Opens the form, fills it in and sends it; returns the URL of the page that thanks."""
    form = _read((await http.get(link)).raise_for_status().text)
    if form.action is None:
        raise StackError("the page behind the link has no form")
    sent = await http.post(urljoin(link, form.action), data=form.fields | answers)
    if not sent.is_redirect:
        raise StackError(f"the form was not taken: HTTP {sent.status_code}")
    thanks = urljoin(link, sent.headers["location"])
    (await http.get(thanks)).raise_for_status()
    return thanks


async def chat_links(http: httpx.AsyncClient, mailbox: str, address: str, web: str) -> list[str]:
    """Returns the private links in the emails to an address, one of each email, the oldest first."""
    answer = (await http.get(f"{mailbox}/v1/emails", params={"to": address})).raise_for_status()
    emails = answer.json()["emails"]
    return [
        next(link for link in _read(email["html"]).links if link.startswith(f"{web}/c/")) for email in reversed(emails)
    ]


async def write_in_chat(http: httpx.AsyncClient, link: str, text: str) -> None:
    """Opens the chat and writes into it."""
    await answer_form(http, link, {"text": text})
