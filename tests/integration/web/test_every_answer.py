"""Every response of the pages has safe headers, is not cached, uses only own files, and logs no personal data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import httpx
import pytest
from google.rpc import code_pb2
from structlog.testing import capture_logs

from care.v1 import customer_service_pb2 as pb
from care_web.app import create_app
from tests.integration.web.customer_service import CustomerService
from tests.integration.web.page import Page
from tests.integration.web.refusals import Failure
from tests.support.plain_http import NO_TLS
from tests.support.serving import serve

if TYPE_CHECKING:
    from care.v1.customer_service_pb2_grpc import CustomerServiceAsyncStub

GOOD = {"email": "jane@example.com", "consent": "yes"}
UNAVAILABLE = Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE")
LIMITED = Failure(code_pb2.RESOURCE_EXHAUSTED, "RATE_LIMITED", 5)
SCRIPTS = {"script-src": "'self'", "connect-src": "'self'"}
"""The additional permissions of a page with live updates."""


@dataclass
class Request:
    """A request, and the status of its response."""

    status: int
    method: str
    path: str
    data: Mapping[str, str] | None = None
    content: bytes | None = None
    failure: Failure | None = None


ANSWERS = [
    Request(200, "GET", "/"),
    Request(200, "GET", "/healthz"),
    Request(200, "GET", "/f/open"),
    Request(200, "GET", "/f/answered"),
    Request(200, "GET", "/f/answered/thanks"),
    Request(303, "POST", "/f/open", data=GOOD),
    Request(303, "GET", "/f/open/thanks"),
    Request(404, "GET", "/f/unknown"),
    Request(404, "GET", "/f/open/"),
    Request(404, "GET", "/f/"),
    Request(404, "GET", "/no/such/page"),
    Request(404, "GET", "/static/pages.css"),
    Request(404, "GET", "/static/../app.py"),
    Request(404, "GET", "/static/..%2f..%2fapp.py"),
    Request(405, "DELETE", "/f/open"),
    Request(405, "POST", "/f/open/thanks", data=GOOD),
    Request(410, "GET", "/f/expired"),
    Request(410, "POST", "/f/expired", data=GOOD),
    Request(413, "POST", "/f/open", data={"message": "x" * 70_000}),
    Request(415, "POST", "/f/open", content=b"{}"),
    Request(422, "POST", "/f/open", data={}),
    Request(422, "POST", "/f/open", data={"email": "x"}),
    Request(503, "GET", "/f/open", failure=UNAVAILABLE),
    Request(503, "POST", "/f/open", data=GOOD, failure=UNAVAILABLE),
    Request(429, "POST", "/f/open", data=GOOD, failure=LIMITED),
    Request(200, "GET", "/c/chat"),
    Request(303, "GET", "/c/chat?before=nonsense"),
    Request(303, "POST", "/c/chat", data={"text": "Hello"}),
    Request(303, "POST", "/c/chat", data={"before": ""}),
    Request(404, "GET", "/c/unknown"),
    Request(404, "GET", "/c/chat/"),
    Request(405, "POST", "/c/chat/events", data={}),
    Request(413, "POST", "/c/chat", data={"text": "x" * 1_100_000}),
    Request(415, "POST", "/c/chat", content=b"{}"),
    Request(422, "POST", "/c/chat", data={"text": ""}),
    Request(503, "GET", "/c/chat", failure=UNAVAILABLE),
    Request(503, "POST", "/c/chat", data={"text": "Hello"}, failure=UNAVAILABLE),
    Request(429, "POST", "/c/chat", data={"text": "Hello"}, failure=LIMITED),
]


def assert_is_safe(response: httpx.Response, *, live: bool = False) -> None:
    headers = response.headers
    policy = dict(directive.strip().split(" ", 1) for directive in headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    } | (SCRIPTS if live else {})
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "geolocation=()" in headers["Permissions-Policy"]
    assert "noindex" in headers["X-Robots-Tag"]
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize("request_", ANSWERS, ids=lambda request: f"{request.status} {request.method} {request.path}")
async def test_every_response_is_safe_and_not_cached(
    service: CustomerService, pages: httpx.AsyncClient, request_: Request
) -> None:
    service.add("open")
    service.add("answered", pb.CONTACT_FORM_STATE_ANSWERED)
    service.add("expired", pb.CONTACT_FORM_STATE_EXPIRED)
    service.add_chat("chat")
    service.failure = request_.failure
    url = httpx.URL("http://care.example").copy_with(raw_path=request_.path.encode())
    media_type = {"Content-Type": "application/x-www-form-urlencoded"} if request_.data is not None else {}
    response = await pages.request(
        request_.method, url, data=request_.data, content=request_.content, headers=media_type
    )
    assert response.status_code == request_.status
    assert_is_safe(response, live=request_.path == "/c/chat" and request_.status in {200, 422})
    assert response.headers["Cache-Control"] == "no-store"
    if request_.status != 303 and request_.path != "/healthz":
        page = Page(response)
        assert page.one("h1").text
        assert page.title
        assert page.one("main").text


async def test_a_method_that_a_page_does_not_have_is_named(pages: httpx.AsyncClient) -> None:
    response = await pages.delete("/f/open")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


async def test_pages_load_own_files_only_and_browsers_may_keep_those(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    service.add_chat("chat")
    page = Page(await pages.get("/c/chat"))
    files = {link.attributes["href"] for link in page.all("link")} | {page.one("script").attributes["src"]}
    assert {path.rpartition(".")[2] for path in files} == {"css", "svg", "js"}
    types = {"css": "text/css", "svg": "image/svg+xml", "js": "text/javascript"}
    for path in files:
        response = await pages.get(path)
        assert response.status_code == 200
        assert_is_safe(response)
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.headers["Content-Type"].startswith(types[path.rpartition(".")[2]])
        namespaces = ("http://www.w3.org/2000/svg",)
        assert set(re.findall(r"https?://[^\s\"']+", response.text)) <= set(namespaces)
        assert "@import" not in response.text
        assert "url(" not in response.text


async def test_the_root_explains_itself(pages: httpx.AsyncClient) -> None:
    page = Page(await pages.get("/"))
    assert page.heading == "There is nothing to fill in here"
    assert "open the link in the reply" in page.one("main").text


async def test_the_host_header_has_no_effect(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add("open")
    service.add_chat("chat")
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    answers = [
        await pages.get("/f/open", headers=headers),
        await pages.get("/f/open/", headers=headers),
        await pages.get("/f/open/thanks", headers=headers),
        await pages.post("/f/open", data=GOOD, headers=headers),
        await pages.get("/c/chat", headers=headers),
        await pages.post("/c/chat", data={"text": "Hello"}, headers=headers),
    ]
    for answer in answers:
        assert "evil" not in answer.text + str(answer.headers)


async def test_head_is_like_get_without_a_body(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add("open")
    service.add("expired", pb.CONTACT_FORM_STATE_EXPIRED)
    service.add_chat("chat")
    app = cast("httpx.ASGITransport", pages._transport).app
    async with serve(app) as url, httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS) as browser:
        for path in ("/", "/healthz", "/f/open", "/f/expired", "/f/unknown", "/f/open/thanks"):
            get, head = await browser.get(path), await browser.head(path)
            assert head.status_code == get.status_code
            assert head.content == b""
            assert head.headers["Content-Length"] == get.headers["Content-Length"]
            assert_is_safe(head)
        assert (await browser.head("/c/chat")).status_code == 200


class Broken:
    """A client that fails with an unexpected error."""

    async def GetContactForm(self, request: pb.GetContactFormRequest, timeout: float) -> pb.GetContactFormResponse:
        raise LookupError(f"{request.token} jane@example.com")


async def test_an_unexpected_error_gets_a_page_and_a_log_line_without_personal_data() -> None:
    app = create_app(cast("CustomerServiceAsyncStub", Broken()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://care.example") as pages:
        with capture_logs() as lines:
            response = await pages.get("/f/secret-token")
    assert response.status_code == 500
    assert_is_safe(response)
    assert response.headers["Cache-Control"] == "no-store"
    assert Page(response).heading == "Something went wrong on our side"
    [line] = lines
    assert (line["log_level"], line["error"]) == ("error", "LookupError")
    assert any("in GetContactForm" in frame for frame in line["stack"])
    assert "secret-token" not in str(line)
    assert "jane@example.com" not in str(line)
