"""Refusals and outages of Google Business Profile. No error and no log shows a text, a link or a secret."""

from __future__ import annotations

import logging
from http import HTTPStatus
from pathlib import Path

import pytest
from starlette.responses import Response

from care_workflows.channels.errors import RefusalReason, ReviewSiteError, SiteUnavailable, UnavailableReason
from care_workflows.channels.google_business import GoogleBusiness
from care_workflows.channels.review_site import ReplyTarget
from tests.support.google import Google, error
from tests.workflows.channels.google_business.replies import (
    DEADLINE,
    LINK,
    TARGET,
    TEXT,
    adapter,
    get_reply,
    outage,
    refusal,
)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (HTTPStatus.BAD_REQUEST, RefusalReason.OTHER),
        (HTTPStatus.FORBIDDEN, RefusalReason.NOT_PERMITTED),
        (HTTPStatus.NOT_FOUND, RefusalReason.REVIEW_NOT_FOUND),
        (HTTPStatus.CONFLICT, RefusalReason.OTHER),
    ],
)
async def test_a_refusal_keeps_the_words_of_google(
    site: GoogleBusiness, google: Google, status: HTTPStatus, reason: RefusalReason
) -> None:
    google.responses = [error(status, "NAME", "Google's message.")]
    refused = await refusal(site)
    assert (refused.reason, refused.provider_message) == (reason, "Google's message.")
    google.responses = [Response("<html>not our JSON", status)]
    refused = await refusal(site)
    assert (refused.reason, refused.provider_message) == (reason, "")


async def test_an_unknown_review_is_refused(site: GoogleBusiness) -> None:
    target = ReplyTarget("acme", "soho", "google", "accounts/1/locations/2/reviews/none")
    assert (await refusal(site, target=target)).reason is RefusalReason.REVIEW_NOT_FOUND


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (408, UnavailableReason.TIMEOUT),
        (429, UnavailableReason.RATE_LIMITED),
        (500, UnavailableReason.SERVER_ERROR),
        (503, UnavailableReason.SERVER_ERROR),
        (302, UnavailableReason.UNEXPECTED_RESPONSE),
    ],
)
async def test_temporary_failures_are_not_refusals(
    site: GoogleBusiness, google: Google, status: int, reason: UnavailableReason
) -> None:
    google.responses = [Response(status_code=status)]
    assert await outage(site) is reason
    await site.post_reply(TARGET, TEXT, "k")
    assert get_reply(google) == TEXT


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"reviewReply": 5}', b'{"reviewReply": {}}', b"\xff"])
async def test_a_successful_response_that_cannot_be_read_is_unexpected(
    site: GoogleBusiness, google: Google, content: bytes
) -> None:
    google.responses = [Response(content)]
    with pytest.raises(SiteUnavailable) as unavailable:
        await site.read_reply(TARGET)
    assert unavailable.value.reason is UnavailableReason.UNEXPECTED_RESPONSE


@pytest.mark.parametrize("hangs_at", ["GET", "PUT", "TOKEN"])
async def test_a_server_that_does_not_answer_times_out(google: Google, tmp_path: Path, hangs_at: str) -> None:
    google.hang = hangs_at
    async with adapter(google, tmp_path, DEADLINE) as site:
        assert await outage(site) is UnavailableReason.TIMEOUT


async def test_a_closed_connection_can_be_retried(site: GoogleBusiness, google: Google) -> None:
    await site.read_reply(TARGET)  # gets a token

    class Dropped(Response):
        async def __call__(self, scope: object, receive: object, send: object) -> None:
            raise ConnectionResetError

    google.responses = [Dropped()]
    with pytest.raises(SiteUnavailable):
        await site.read_reply(TARGET)
    assert await site.read_reply(TARGET) is None


async def test_a_site_that_is_not_running_is_unavailable(tmp_path: Path) -> None:
    google = Google()
    async with google.serving():
        pass
    async with adapter(google, tmp_path) as site:
        assert await outage(site) is UnavailableReason.CONNECTION


async def test_no_error_and_no_log_contains_a_text_a_link_or_a_secret(
    site: GoogleBusiness, google: Google, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[ReviewSiteError] = []
    answers = [error(HTTPStatus.BAD_REQUEST, "NAME", TEXT), Response(status_code=503), Response(b"<")]
    with caplog.at_level(logging.DEBUG):
        for answer in answers:
            google.responses = [answer]
            with pytest.raises(ReviewSiteError) as failed:
                await site.post_reply(TARGET, TEXT, "k")
            failures.append(failed.value)
        google.hang = "GET"
        async with adapter(google, tmp_path, DEADLINE) as hasty:
            with pytest.raises(ReviewSiteError) as failed:
                await hasty.post_reply(TARGET, TEXT, "k")
            failures.append(failed.value)
    for failure in failures:
        assert failure.args == (str(failure),)
        assert str(failure).replace("_", "").isupper()
        assert failure.__cause__ is None
        assert failure.__context__ is None
    records = [record for record in caplog.records if not record.name.startswith(("uvicorn", "asyncio"))]
    logged = "\n".join(f"{record.name} {record.getMessage()}" for record in records)
    assert "httpcore" in logged  # otherwise no log would be captured at all
    for secret in ("Kim", LINK, "accounts/1", "token-1", "PRIVATE KEY"):
        assert secret not in logged
        assert secret not in repr(site)
