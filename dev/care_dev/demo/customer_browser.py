"""Acts as the customer in a browser: finds the link in the public reply, submits the form, writes in the chat."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import quote, urljoin

import httpx

from care_dev.stack.errors import StackError


class _PageParser(HTMLParser):
    """Collects the links of a page, and the fields and the action of its form."""

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


def _parse(page: str) -> _PageParser:
    parser = _PageParser()
    parser.feed(page)
    return parser


def review_page_url(review_site: str, organization: str, external_id: str) -> str:
    """Returns the URL of a review's public page."""
    return f"{review_site}/{quote(organization, safe='')}/reviews/{quote(external_id, safe='')}"


async def find_form_link(http: httpx.AsyncClient, page: str, web: str) -> str | None:
    """Returns the link to a recovery form on a public page, or None if there is none."""
    response = (await http.get(page)).raise_for_status()
    return next((link for link in _parse(response.text).links if link.startswith(f"{web}/f/")), None)


async def has_form_link(http: httpx.AsyncClient, reply: str, web: str) -> bool:
    """Returns whether the public reply, read through the site's API, contains a link to a recovery form."""
    return f"{web}/f/" in (await http.get(reply)).raise_for_status().text


async def submit_form(http: httpx.AsyncClient, link: str, values: dict[str, str]) -> str:
    """Opens the form, fills in `values` and submits it. Returns the URL of the confirmation page.

    Raises StackError if the page has no form or the form is refused, and httpx.HTTPError if another request fails.
    """
    form = _parse((await http.get(link)).raise_for_status().text)
    if form.action is None:
        raise StackError("the linked page has no form")
    sent = await http.post(urljoin(link, form.action), data=form.fields | values)
    if not sent.is_redirect:
        raise StackError(f"the form was refused: HTTP status {sent.status_code}")
    confirmation = urljoin(link, sent.headers["location"])
    (await http.get(confirmation)).raise_for_status()
    return confirmation


async def find_chat_links(http: httpx.AsyncClient, mailbox: str, address: str, web: str) -> list[str]:
    """Returns the private chat link of each email to an address, oldest first."""
    response = (await http.get(f"{mailbox}/v1/emails", params={"to": address})).raise_for_status()
    emails = response.json()["emails"]
    return [
        next(link for link in _parse(email["html"]).links if link.startswith(f"{web}/c/")) for email in reversed(emails)
    ]


async def post_chat_message(http: httpx.AsyncClient, link: str, text: str) -> None:
    """Opens the chat's page and posts a message."""
    await submit_form(http, link, {"text": text})
