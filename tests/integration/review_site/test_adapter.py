"""The worker's adapter with the real site, and with servers that give wrong answers or none."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from care_workflows.channels.errors import (
    RefusalReason,
    ReplyRefused,
    ReviewSiteError,
    SiteUnavailable,
    UnavailableReason,
)
from care_workflows.channels.local_site import LocalReviewSite
from care_workflows.channels.review_site import PublicReply, ReplyTarget, ReviewSite
from tests.integration.review_site.reviews import ODD_ID
from tests.support.serving import serve

TEXT = "Sorry, Kim! https://example.com/f/k1.secret"


@asynccontextmanager
async def adapter_for_answer(
    status: int, content: bytes = b"", headers: dict[str, str] | None = None
) -> AsyncIterator[LocalReviewSite]:
    """Yields an adapter for a server that always sends this response."""

    async def answer(request: Request) -> Response:
        return Response(content, status, headers)

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "PUT"])])
    async with serve(app) as url, LocalReviewSite(url) as adapter:
        yield adapter


async def puts(http: httpx.AsyncClient) -> list[str]:
    history = (await http.get("/v1/acme/reviews/r1/history")).json()
    return [reply["comment"] for reply in history["replies"]]


async def test_a_repeated_reply_is_posted_once_and_read_back(
    site: ReviewSite, target: ReplyTarget, http: httpx.AsyncClient
) -> None:
    assert await site.read_reply(target) is None
    await asyncio.gather(*(site.post_reply(target, TEXT, "recovery 1 é") for _ in range(5)))
    assert await site.read_reply(target) == PublicReply(TEXT)
    assert await puts(http) == [TEXT]


async def test_a_retraction_replaces_the_reply_once_and_may_use_the_key_of_the_post(
    site: ReviewSite, target: ReplyTarget, http: httpx.AsyncClient
) -> None:
    await site.post_reply(target, TEXT, "k")
    await site.retract_reply(target, "Sorry, Kim!", "k")
    await site.retract_reply(target, "Sorry, Kim!", "k")
    await site.post_reply(target, TEXT, "k")  # a late retry
    assert await site.read_reply(target) == PublicReply("Sorry, Kim!")
    assert await puts(http) == [TEXT, "Sorry, Kim!"]


async def test_a_reply_that_was_taken_down_reads_as_none(
    site: ReviewSite, target: ReplyTarget, http: httpx.AsyncClient
) -> None:
    await site.post_reply(target, TEXT, "k")
    await http.post("/v1/acme/reviews/r1/take-down")
    assert await site.read_reply(target) is None


async def test_an_id_of_any_characters_is_found(site: ReviewSite) -> None:
    odd = ReplyTarget("acme", "soho", "local", ODD_ID)
    await site.post_reply(odd, TEXT, "k")
    assert await site.read_reply(odd) == PublicReply(TEXT)


@pytest.mark.parametrize("external_id", ["none", ".", "..", "../../other/reviews/r1", ""])
async def test_an_unknown_review_is_refused_and_an_id_cannot_change_the_path(
    site: ReviewSite, external_id: str
) -> None:
    nowhere = ReplyTarget("acme", "soho", "local", external_id)
    with pytest.raises(ReplyRefused) as refused:
        await site.post_reply(nowhere, TEXT, "k")
    assert refused.value.reason is RefusalReason.REVIEW_NOT_FOUND
    with pytest.raises(ReplyRefused) as refused:
        await site.read_reply(nowhere)
    assert refused.value.reason is RefusalReason.REVIEW_NOT_FOUND


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("refuse_too_long", RefusalReason.TOO_LONG), ("refuse_links", RefusalReason.LINKS_NOT_ALLOWED)],
)
async def test_a_refusal_of_the_site_keeps_its_reason(
    site: ReviewSite, target: ReplyTarget, http: httpx.AsyncClient, mode: str, reason: RefusalReason
) -> None:
    await http.put("/v1/behavior", json={"mode": mode})
    with pytest.raises(ReplyRefused) as refused:
        await site.post_reply(target, TEXT, "k")
    assert refused.value.reason is reason
    assert refused.value.provider_message.startswith("comment: ")
    assert await puts(http) == []


async def test_a_text_over_the_real_limit_is_too_long(site: ReviewSite, target: ReplyTarget) -> None:
    with pytest.raises(ReplyRefused) as refused:
        await site.post_reply(target, "é" * 2049, "k")
    assert refused.value.reason is RefusalReason.TOO_LONG


async def test_a_site_that_is_down_can_be_retried(
    site: ReviewSite, target: ReplyTarget, http: httpx.AsyncClient
) -> None:
    await http.put("/v1/behavior", json={"mode": "down"})
    with pytest.raises(SiteUnavailable) as unavailable:
        await site.post_reply(target, TEXT, "k")
    assert unavailable.value.reason is UnavailableReason.SERVER_ERROR


async def test_a_post_that_exceeds_the_deadline_is_shown_once_after_its_retry(
    site_url: str, site: ReviewSite, target: ReplyTarget, http: httpx.AsyncClient
) -> None:
    await http.put("/v1/behavior", json={"mode": "slow", "delay_seconds": 1})
    async with LocalReviewSite(site_url, deadline=0.1) as hasty:
        with pytest.raises(SiteUnavailable) as unavailable:
            await hasty.post_reply(target, TEXT, "k")
    assert unavailable.value.reason is UnavailableReason.TIMEOUT
    await http.put("/v1/behavior", json={"mode": "accept"})
    await site.post_reply(target, TEXT, "k")
    assert await puts(http) == [TEXT]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, RefusalReason.OTHER),
        (401, RefusalReason.NOT_PERMITTED),
        (403, RefusalReason.NOT_PERMITTED),
        (404, RefusalReason.REVIEW_NOT_FOUND),
        (409, RefusalReason.OTHER),
    ],
)
async def test_other_client_errors_are_refusals(status: int, reason: RefusalReason, target: ReplyTarget) -> None:
    async with adapter_for_answer(status, b"<html>not our JSON") as adapter:
        with pytest.raises(ReplyRefused) as refused:
            await adapter.post_reply(target, TEXT, "k")
        assert refused.value.reason is reason
        with pytest.raises(ReplyRefused) as refused:
            await adapter.read_reply(target)
        assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (408, UnavailableReason.TIMEOUT),
        (429, UnavailableReason.RATE_LIMITED),
        (500, UnavailableReason.SERVER_ERROR),
        (502, UnavailableReason.SERVER_ERROR),
        (302, UnavailableReason.UNEXPECTED_RESPONSE),
    ],
)
async def test_temporary_failures_are_not_refusals(status: int, reason: UnavailableReason, target: ReplyTarget) -> None:
    async with adapter_for_answer(status) as adapter:
        with pytest.raises(SiteUnavailable) as unavailable:
            await adapter.post_reply(target, TEXT, "k")
        assert unavailable.value.reason is reason


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"{}", b'{"comment": 5}', b"\xff"])
async def test_a_successful_response_that_cannot_be_read_is_unexpected(content: bytes, target: ReplyTarget) -> None:
    async with adapter_for_answer(200, content) as adapter:
        with pytest.raises(SiteUnavailable) as unavailable:
            await adapter.read_reply(target)
        assert unavailable.value.reason is UnavailableReason.UNEXPECTED_RESPONSE


async def test_a_body_that_cannot_be_decoded_is_unexpected(target: ReplyTarget) -> None:
    async with adapter_for_answer(200, b"no gzip", {"Content-Encoding": "gzip"}) as adapter:
        with pytest.raises(SiteUnavailable) as unavailable:
            await adapter.read_reply(target)
        assert unavailable.value.reason is UnavailableReason.UNEXPECTED_RESPONSE


async def test_the_deadline_includes_a_slow_answer(target: ReplyTarget) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:  # each piece arrives well within any limit on a single read
            yield b" "
            await asyncio.sleep(0.01)

    async def answer(request: Request) -> Response:
        return StreamingResponse(trickle())

    async with (
        serve(Starlette(routes=[Route("/{path:path}", answer)])) as url,
        LocalReviewSite(url, deadline=0.3) as adapter,
    ):
        with pytest.raises(SiteUnavailable) as unavailable:
            await adapter.read_reply(target)
        assert unavailable.value.reason is UnavailableReason.TIMEOUT


async def test_a_site_that_is_not_running_is_unavailable(target: ReplyTarget) -> None:
    async with serve(Starlette()) as url:
        pass
    async with LocalReviewSite(url) as adapter:
        with pytest.raises(SiteUnavailable) as unavailable:
            await adapter.post_reply(target, TEXT, "k")
        assert unavailable.value.reason is UnavailableReason.CONNECTION


async def test_no_error_contains_a_text_or_a_url(
    site_url: str, site: ReviewSite, target: ReplyTarget, http: httpx.AsyncClient
) -> None:
    failures: list[ReviewSiteError] = []

    async def fail(adapter: ReviewSite) -> None:
        with pytest.raises(ReviewSiteError) as failure:
            await adapter.post_reply(target, TEXT, "k")
        failures.append(failure.value)

    await http.put("/v1/behavior", json={"mode": "refuse_links"})
    await fail(site)
    async with adapter_for_answer(400, f'{{"error": {{"message": "bad: {TEXT}"}}}}'.encode()) as adapter:
        await fail(adapter)
    async with serve(Starlette()) as gone:
        pass
    async with LocalReviewSite(gone) as adapter:
        await fail(adapter)
    async with LocalReviewSite(site_url, deadline=1e-6) as adapter:
        await fail(adapter)
    for failure in failures:
        assert failure.args == (str(failure),)
        assert str(failure).replace("_", "").isupper()
        assert failure.__cause__ is None
        assert failure.__context__ is None


async def test_nothing_of_a_request_is_logged(
    site: ReviewSite, target: ReplyTarget, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await site.post_reply(target, TEXT, "key-1")
        await site.read_reply(target)
    records = [record for record in caplog.records if not record.name.startswith("uvicorn")]  # the server's log
    logged = "\n".join(f"{record.name} {record.getMessage()}" for record in records)
    assert "httpcore" in logged  # otherwise, nothing was captured
    for secret in ("reviews/r1", "example.com", "Kim", "key-1"):
        assert secret not in logged


async def test_requests_of_other_programs_are_still_logged(
    site: ReviewSite, target: ReplyTarget, http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await site.read_reply(target)
    with caplog.at_level(logging.INFO, "httpx"):
        await http.get("/v1/acme/reviews/r1")
    assert "reviews/r1" in caplog.text


@pytest.mark.parametrize("base_url", ["", "localhost:8090", "ftp://localhost", "http://"])
def test_an_invalid_base_url_is_refused_at_once(base_url: str) -> None:
    with pytest.raises(ValueError, match="absolute http or https URL"):
        LocalReviewSite(base_url)


@pytest.mark.parametrize("deadline", [0.0, -1.0, float("nan")])
def test_the_deadline_must_be_positive(deadline: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        LocalReviewSite("http://localhost", deadline)
