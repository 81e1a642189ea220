"""The mailbox keeps emails of the worker and of others, and programs can read them."""

from __future__ import annotations

import socket

import httpx
import pytest

from care_workflows.channels.smtp import SmtpEmail
from tests.integration.mailbox.messages import LINK, message, send_raw


async def test_an_email_of_the_worker_can_be_read_by_a_program(worker: SmtpEmail, http: httpx.AsyncClient) -> None:
    receipt = await worker.send(message("Dear Kim,\nsorry!", name="Zoë, 李"))
    answer = (await http.get("/v1/emails")).json()
    (email,) = answer["emails"]
    assert answer["totalSize"] == 1
    assert email["recipients"] == ["kim@example.org"]
    assert email["from"] == [{"name": "Acme Café", "address": "care@example.com"}]
    assert email["to"] == [{"name": "Zoë, 李", "address": "kim@example.org"}]
    assert email["subject"] == "Your message to Acme Café"
    assert email["messageId"] == f"<{receipt.provider_id}>"
    assert email["inReplyTo"] == "<chat-t1@example.com>"
    assert email["text"] == f"Dear Kim,\nsorry!\n\n{LINK}"
    assert f'<a href="{LINK}">' in email["html"]
    assert (await http.get(f"/v1/emails/{email['id']}")).json() == email


async def test_the_latest_email_is_first_and_the_list_can_be_filtered_by_address(
    worker: SmtpEmail, http: httpx.AsyncClient
) -> None:
    for number in range(5):
        await worker.send(message(key=f"k{number}", address=f"c{number % 2}@example.org"))
    ids = [email["messageId"] for email in (await http.get("/v1/emails")).json()["emails"]]
    assert ids == [f"<k{number}@example.com>" for number in (4, 3, 2, 1, 0)]
    chosen = (await http.get("/v1/emails", params={"to": "c1@example.org"})).json()
    assert [email["messageId"] for email in chosen["emails"]] == ["<k3@example.com>", "<k1@example.com>"]
    assert chosen["totalSize"] == 2
    assert (await http.get("/v1/emails", params={"to": "nobody@example.org"})).json()["emails"] == []


async def test_a_long_list_is_cut_with_a_total(
    worker: SmtpEmail, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("care_dev.mailbox.store.LISTED_EMAILS", 2)
    for number in range(3):
        await worker.send(message(key=f"k{number}"))
    for query in ("", "?to=kim@example.org"):
        answer = (await http.get(f"/v1/emails{query}")).json()
        assert [email["messageId"] for email in answer["emails"]] == ["<k2@example.com>", "<k1@example.com>"]
        assert answer["totalSize"] == 3
        assert "the newest 2 of 3" in (await http.get(f"/{query}")).text


async def test_a_long_name_is_read_completely(worker: SmtpEmail, http: httpx.AsyncClient) -> None:
    name = "A name that goes on and on, as some people’s names do, up to the very end of it, and then some more"
    await worker.send(message(name=name))
    (email,) = (await http.get("/v1/emails")).json()["emails"]
    assert email["to"] == [{"name": name, "address": "kim@example.org"}]


async def test_an_address_with_letters_beyond_ascii_is_accepted(worker: SmtpEmail, http: httpx.AsyncClient) -> None:
    await worker.send(message(address="李雷@example.org"))
    (email,) = (await http.get("/v1/emails", params={"to": "李雷@example.org"})).json()["emails"]
    assert email["to"] == [{"name": "Kim", "address": "李雷@example.org"}]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no headers at all",
        b"\r\n\r\n\xff\xfe\x00",
        b"To: @@,,<<>>\r\nFrom: \xff\r\nSubject: =?x-none?q?a?= \xff\x00\r\n\r\nx",
        b"Content-Type: text/plain; charset=x-none\r\n\r\n\xe9",
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b"Content-Type: image/png\r\n\r\nPNG",
    ],
)
async def test_an_email_in_any_shape_is_kept_and_shown(
    url: str, http: httpx.AsyncClient, smtp_listener: socket.socket, content: bytes
) -> None:
    await send_raw(smtp_listener.getsockname()[1], content)
    (email,) = (await http.get("/v1/emails")).json()["emails"]
    for path in ("/", f"/emails/{email['id']}", f"/emails/{email['id']}/source"):
        assert (await http.get(path)).status_code == 200
    source = (await http.get(f"/emails/{email['id']}/source")).content
    assert source.replace(b"\r\n", b"\n").endswith(content.replace(b"\r\n", b"\n") + (b"\n" if content else b""))


async def test_the_source_is_plain_text_for_every_browser(worker: SmtpEmail, http: httpx.AsyncClient) -> None:
    await worker.send(message())
    (email,) = (await http.get("/v1/emails")).json()["emails"]
    answer = await http.get(f"/emails/{email['id']}/source")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/v1/emails/none", "/v1/emails/..%2F..", "/v1/nothing"])
async def test_an_email_that_does_not_exist_is_an_error_for_programs(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")
