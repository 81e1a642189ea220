"""The mailbox's pages are readable, and no email can run code in them."""

from __future__ import annotations

import socket

import httpx
import pytest
from playwright.async_api import Browser, Dialog, Request

from care_workflows.channels.smtp import SmtpEmail
from tests.integration.mailbox.messages import LINK, message, send_raw
from tests.support.browser import chromium
from tests.support.html_page import HtmlPage

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><a href='javascript:alert(1)'>{{ 7*7 }}"


async def page(http: httpx.AsyncClient, path: str) -> HtmlPage:
    answer = await http.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    return HtmlPage(answer.text)


async def first(http: httpx.AsyncClient) -> str:
    """Returns the path of the page of the latest email."""
    (email, *_) = (await http.get("/v1/emails")).json()["emails"]
    return f"/emails/{email['id']}"


async def test_an_empty_mailbox_says_so(http: httpx.AsyncClient) -> None:
    assert "No emails yet." in (await page(http, "/")).text


async def test_the_list_leads_to_each_email(worker: SmtpEmail, http: httpx.AsyncClient) -> None:
    await worker.send(message("We are sorry."))
    shown = await page(http, "/")
    assert "Your message to Acme Café" in shown.text
    assert "kim@example.org" in shown.text
    assert "We are sorry." in shown.text
    assert await first(http) in {link["href"] for link in shown.all("a")}


async def test_the_link_of_an_email_can_be_clicked(worker: SmtpEmail, http: httpx.AsyncClient) -> None:
    await worker.send(message("We are sorry."))
    shown = await page(http, await first(http))
    assert {"href": LINK, "rel": "nofollow noreferrer", "dir": "ltr"} in shown.all("a")


async def test_texts_of_people_never_become_markup(
    http: httpx.AsyncClient, worker: SmtpEmail, smtp_listener: socket.socket
) -> None:
    await worker.send(message(EVIL, name=EVIL))
    headers = f"From: {EVIL}\r\nSubject: {EVIL}\r\nMessage-ID: {EVIL}\r\nIn-Reply-To: {EVIL}\r\n"
    body = f"Content-Type: text/html\r\n\r\n{EVIL}"
    await send_raw(smtp_listener.getsockname()[1], (headers + body).encode())
    for path in ("/", *(f"/emails/{email['id']}" for email in (await http.get("/v1/emails")).json()["emails"])):
        shown = await page(http, path)
        assert EVIL in shown.text
        assert not shown.all("script")
        assert {image["src"] for image in shown.all("img")} == {"/static/icon.svg"}
        assert all((link["href"] or "").startswith(("/", "#", "?", LINK)) for link in shown.all("a"))
        assert all(frame["sandbox"] == "" for frame in shown.all("iframe"))


async def test_all_emails_can_be_deleted_but_not_by_the_page_of_another_site(
    worker: SmtpEmail, http: httpx.AsyncClient
) -> None:
    await worker.send(message())
    foreign = await http.post("/delete", headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert (await http.get("/v1/emails")).json()["totalSize"] == 1
    answer = await http.post("/delete")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert (await http.get("/v1/emails")).json()["totalSize"] == 0


async def test_an_unknown_path_gets_a_page(http: httpx.AsyncClient) -> None:
    for path in ("/nothing", "/emails/none", "/emails/none/source"):
        answer = await http.get(path)
        assert answer.status_code == 404
        assert "There is no such page or email." in answer.text


async def test_the_files_of_the_pages_are_served(http: httpx.AsyncClient) -> None:
    for link in (await page(http, "/")).all("link"):
        assert (await http.get(link["href"] or "")).status_code == 200


HOSTILE_HTML = b"""Content-Type: text/html

<p id=shown>Hello</p><script>alert(1); document.title = "taken"; top.location = "/taken"</script>
<img src="/stolen" onerror="alert(1)"><iframe src="/stolen"></iframe><link rel=stylesheet href="/stolen">
<style>@import "/stolen";</style><meta http-equiv=refresh content="0;url=/stolen"><form action="/delete" method=post>
<button autofocus>press</button></form><a href="/stolen" target=_top>away</a>"""


@pytest.mark.browser
async def test_hostile_html_does_nothing_in_a_browser(
    url: str, http: httpx.AsyncClient, worker: SmtpEmail, smtp_listener: socket.socket
) -> None:
    await send_raw(smtp_listener.getsockname()[1], HOSTILE_HTML)
    path = await first(http)
    async with chromium() as browser:
        asked, dialogs = await _read(browser, f"{url}{path}")
    assert dialogs == []
    own = {f"{url}{path}", f"{url}/static/mailbox.css", f"{url}/static/icon.svg"}
    assert set(asked) <= own
    assert (await http.get("/v1/emails")).json()["totalSize"] == 1


async def _read(browser: Browser, address: str) -> tuple[list[str], list[str]]:
    """Opens an email with its HTML and clicks everything. Returns the requests and the dialogs."""
    asked: list[str] = []
    dialogs: list[str] = []

    def on_request(request: Request) -> None:
        if not request.url.startswith("about:"):
            asked.append(request.url)

    async def on_dialog(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        await dialog.dismiss()

    opened = await browser.new_page()
    opened.on("request", on_request)
    opened.on("dialog", on_dialog)
    await opened.goto(address)
    await opened.get_by_text("The HTML part", exact=True).click()
    frame = opened.frame_locator("iframe")
    await frame.get_by_text("Hello").wait_for()
    await frame.get_by_text("press").click()
    await frame.get_by_text("away").click()
    await opened.reload()
    assert opened.url == address
    return asked, dialogs
