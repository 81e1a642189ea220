"""Replies at Google Business Profile, against a local server that speaks its API and checks its tokens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from secrets import token_bytes
from uuid import uuid4

import pytest
from starlette.responses import JSONResponse, Response

from care_roles import environment
from care_service.usecases.links import Links
from care_workflows.channels.errors import (
    RefusalReason,
    ReplyRefused,
    ReviewSiteError,
    SiteUnavailable,
    UnavailableReason,
)
from care_workflows.channels.google_account import GoogleAccount
from care_workflows.channels.google_business import GoogleBusiness
from care_workflows.channels.review_site import PublicReply, ReplyTarget
from care_workflows.worker import WorkerSettings
from tests.support.google import REVIEW, Google, error

FORMS = "https://care.example.com/f"
LINK = f"{FORMS}/k1.AAAAAAAAAAAAAAAAAAAAAA.aaaaaaaaaaaaaaaaaaaaaa"
OTHER_LINK = f"{FORMS}/k2.BBBBBBBBBBBBBBBBBBBBBB.bbbbbbbbbbbbbbbbbbbbbb"
TEXT = f"Sorry, Kim! Tell us more: {LINK}"
WITHOUT_LINK = "Sorry, Kim! Tell us more."
FOREIGN = "Thank you for your visit. The owner, https://acme.example.com/hours"
TARGET = ReplyTarget("acme", "soho", "google", REVIEW, link=LINK)
DEADLINE = 0.5
"""Seconds for a server that never answers."""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """At Google a proxy may be the way; the test's server is on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
async def google() -> AsyncIterator[Google]:
    google = Google()
    async with google.serving():
        yield google


def adapter(google: Google, tmp_path: Path, deadline: float = 20.0, *, overwrite: bool = False) -> GoogleBusiness:
    account = GoogleAccount.load(google.write_key(tmp_path / "key.json"), deadline)
    return GoogleBusiness(account, google.url, overwrite=overwrite, deadline=deadline)


@pytest.fixture
async def site(google: Google, tmp_path: Path) -> AsyncIterator[GoogleBusiness]:
    async with adapter(google, tmp_path) as site:
        yield site


def stands(google: Google, text: str, state: str = "") -> None:
    google.reviews[REVIEW] = {"comment": text} | ({"reviewReplyState": state} if state else {})


def standing(google: Google) -> str | None:
    reply = google.reviews[REVIEW]
    return reply["comment"] if reply else None


async def refusal(site: GoogleBusiness, text: str = TEXT, target: ReplyTarget = TARGET) -> ReplyRefused:
    with pytest.raises(ReplyRefused) as refused:
        await site.post_reply(target, text, "k")
    return refused.value


async def outage(site: GoogleBusiness) -> UnavailableReason:
    with pytest.raises(SiteUnavailable) as unavailable:
        await site.post_reply(TARGET, TEXT, "k")
    return unavailable.value.reason


# --- writing, and what is kept ----------------------------------------------------------------------------------------


async def test_a_reply_is_posted_once_however_often_and_read_back(site: GoogleBusiness, google: Google) -> None:
    assert await site.read_reply(TARGET) is None
    for _ in range(3):
        await site.post_reply(TARGET, TEXT, "k")
    assert await site.read_reply(TARGET) == PublicReply(TEXT)
    assert google.writes == [f"PUT /v4/{REVIEW}/reply"]


@pytest.mark.parametrize(
    "ours",
    [
        TEXT.replace(LINK, OTHER_LINK),
        f"Other words of ours: {OTHER_LINK}.",
        WITHOUT_LINK,
        "Sorry,  Kim!\nTell us more.",
    ],
)
async def test_an_earlier_reply_of_ours_is_replaced(site: GoogleBusiness, google: Google, ours: str) -> None:
    stands(google, ours)
    await site.post_reply(TARGET, TEXT, "k")
    assert standing(google) == TEXT


@pytest.mark.parametrize(
    "foreign",
    [FOREIGN, "👍", "", "Sorry, Kim! Tell us more, please.", OTHER_LINK.replace("care.example.com", "evil.example")],
)
async def test_a_reply_of_somebody_else_is_kept(site: GoogleBusiness, google: Google, foreign: str) -> None:
    stands(google, foreign)
    refused = await refusal(site, f"{TEXT} https://acme.example.com/menu")
    assert refused.reason is RefusalReason.OTHER
    assert "Delete that reply at Google and send the form again" in refused.provider_message
    await site.retract_reply(TARGET, WITHOUT_LINK, "k")  # nothing of ours is there to be taken out
    assert standing(google) == foreign
    assert google.writes == []


async def test_a_reply_of_somebody_else_is_replaced_where_that_was_asked_for(google: Google, tmp_path: Path) -> None:
    stands(google, FOREIGN)
    async with adapter(google, tmp_path, overwrite=True) as site:
        await site.post_reply(TARGET, TEXT, "k")
    assert standing(google) == TEXT


async def test_a_reply_of_mere_links_is_not_taken_for_ours_by_having_no_words(
    site: GoogleBusiness, google: Google
) -> None:
    stands(google, "👍")
    assert (await refusal(site, LINK)).reason is RefusalReason.OTHER


async def test_a_retraction_takes_the_link_out_once(site: GoogleBusiness, google: Google) -> None:
    await site.post_reply(TARGET, TEXT, "k")
    for _ in range(2):
        await site.retract_reply(TARGET, WITHOUT_LINK, "k")
    assert await site.read_reply(TARGET) == PublicReply(WITHOUT_LINK)
    assert len(google.writes) == 2


async def test_of_a_reply_that_the_owner_reworded_only_the_link_goes(site: GoogleBusiness, google: Google) -> None:
    stands(google, f"We are so sorry, Kim! {LINK} - Anna, owner of https://acme.example.com")
    await site.retract_reply(TARGET, WITHOUT_LINK, "k")
    assert standing(google) == "We are so sorry, Kim! - Anna, owner of https://acme.example.com"
    stands(google, OTHER_LINK)
    await site.retract_reply(TARGET, WITHOUT_LINK, "k")
    assert standing(google) == WITHOUT_LINK


async def test_links_as_the_service_makes_them_are_known(site: GoogleBusiness, google: Google) -> None:
    links = Links({"2026-11": token_bytes(32)}, "2026-11", FORMS.removesuffix("/f"))
    first, second = (links.form_link(uuid4(), links.current) for _ in range(2))
    stands(google, f"Words of an earlier recovery: {first}")
    await site.post_reply(TARGET, f"Other words: {second}", "k")
    await site.retract_reply(replace(TARGET, link=second), "Other words.", "k")
    assert standing(google) == "Other words."


async def test_a_retraction_makes_no_reply_where_there_is_none(site: GoogleBusiness, google: Google) -> None:
    await site.retract_reply(TARGET, WITHOUT_LINK, "k")
    assert google.writes == []


# --- limits and names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["a", "é", "李", "😀"])
async def test_4096_bytes_are_taken_and_one_more_is_refused_before_any_call(
    site: GoogleBusiness, google: Google, letter: str
) -> None:
    fitting = letter * (4096 // len(letter.encode()))
    fitting += "x" * (4096 - len(fitting.encode()))
    assert (await refusal(site, f"{fitting}x")).reason is RefusalReason.TOO_LONG
    assert (google.calls, google.tokens) == ([], [])
    await site.post_reply(TARGET, fitting, "k")
    assert standing(google) == fitting


@pytest.mark.parametrize(
    "external_id",
    [
        "",
        "r1",
        "accounts/1/locations/2/reviews/",
        "accounts/1/locations/2/reviews/3/reply",
        "accounts/1/locations/../reviews/3",
        "/accounts/1/locations/2/reviews/3",
        "accounts/1/locations/2/reviews/3?x=y",
        "accounts/1/locations/2/reviews/3\n",
    ],
)
async def test_what_is_no_name_of_a_review_is_not_asked_for(
    site: GoogleBusiness, google: Google, external_id: str
) -> None:
    target = ReplyTarget("acme", "soho", "google", external_id)
    assert (await refusal(site, target=target)).reason is RefusalReason.REVIEW_NOT_FOUND
    with pytest.raises(ReplyRefused):
        await site.read_reply(target)
    assert google.calls == []


# --- moderation -------------------------------------------------------------------------------------------------------


async def test_moderation_is_followed_until_it_has_decided(site: GoogleBusiness, google: Google) -> None:
    google.moderates = True
    await site.post_reply(TARGET, TEXT, "k")
    with pytest.raises(SiteUnavailable) as undecided:
        await site.read_reply(TARGET)
    assert undecided.value.reason is UnavailableReason.IN_MODERATION
    stands(google, TEXT, "APPROVED")
    assert await site.read_reply(TARGET) == PublicReply(TEXT)
    stands(google, TEXT, "REJECTED")
    assert await site.read_reply(TARGET) is None


async def test_a_rejected_reply_is_refused_and_not_posted_again(site: GoogleBusiness, google: Google) -> None:
    stands(google, TEXT, "REJECTED")
    refused = await refusal(site)
    assert refused.reason is RefusalReason.OTHER
    assert "moderation" in refused.provider_message
    assert google.writes == []


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (HTTPStatus.BAD_REQUEST, RefusalReason.OTHER),
        (HTTPStatus.FORBIDDEN, RefusalReason.NOT_PERMITTED),
        (HTTPStatus.NOT_FOUND, RefusalReason.REVIEW_NOT_FOUND),
        (HTTPStatus.CONFLICT, RefusalReason.OTHER),
    ],
)
async def test_refusals_keep_google_s_words(
    site: GoogleBusiness, google: Google, status: HTTPStatus, reason: RefusalReason
) -> None:
    google.responses = [error(status, "NAME", "Google's words.")]
    refused = await refusal(site)
    assert (refused.reason, refused.provider_message) == (reason, "Google's words.")
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
async def test_passing_failures_are_no_refusals(
    site: GoogleBusiness, google: Google, status: int, reason: UnavailableReason
) -> None:
    google.responses = [Response(status_code=status)]
    assert await outage(site) is reason
    await site.post_reply(TARGET, TEXT, "k")
    assert standing(google) == TEXT


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"reviewReply": 5}', b'{"reviewReply": {}}', b"\xff"])
async def test_a_success_that_cannot_be_read_is_no_reply(site: GoogleBusiness, google: Google, content: bytes) -> None:
    google.responses = [Response(content)]
    with pytest.raises(SiteUnavailable) as unavailable:
        await site.read_reply(TARGET)
    assert unavailable.value.reason is UnavailableReason.UNEXPECTED_RESPONSE


@pytest.mark.parametrize("hangs_at", ["GET", "PUT", "TOKEN"])
async def test_a_server_that_does_not_answer_runs_into_the_deadline(
    google: Google, tmp_path: Path, hangs_at: str
) -> None:
    google.hang = hangs_at
    async with adapter(google, tmp_path, DEADLINE) as site:
        assert await outage(site) is UnavailableReason.TIMEOUT


async def test_a_connection_that_ends_is_worth_another_try(site: GoogleBusiness, google: Google) -> None:
    await site.read_reply(TARGET)  # so that there is a token

    class Dropped(Response):
        async def __call__(self, scope: object, receive: object, send: object) -> None:
            raise ConnectionResetError

    google.responses = [Dropped()]
    with pytest.raises(SiteUnavailable):
        await site.read_reply(TARGET)
    assert await site.read_reply(TARGET) is None


async def test_a_site_that_nobody_serves_is_unavailable(tmp_path: Path) -> None:
    google = Google()
    async with google.serving():
        pass
    async with adapter(google, tmp_path) as site:
        assert await outage(site) is UnavailableReason.CONNECTION


# --- tokens -----------------------------------------------------------------------------------------------------------


async def test_a_token_is_kept_and_renewed_before_it_expires(google: Google, tmp_path: Path) -> None:
    async with adapter(google, tmp_path) as site:
        for _ in range(3):
            await site.read_reply(TARGET)
        assert len(google.tokens) == 1
    google.token_lifetime = 60  # less than what google-auth wants to have left
    async with adapter(google, tmp_path) as site:
        for _ in range(3):
            await site.read_reply(TARGET)
    assert len(google.tokens) == 4


async def test_any_number_of_calls_at_once_share_one_token(site: GoogleBusiness, google: Google) -> None:
    await asyncio.gather(*(site.read_reply(TARGET) for _ in range(20)))
    assert len(google.tokens) == 1


async def test_a_token_that_is_not_taken_any_more_is_replaced_once(site: GoogleBusiness, google: Google) -> None:
    await site.read_reply(TARGET)
    google.revoked.add(google.tokens[-1])
    await site.post_reply(TARGET, TEXT, "k")
    assert len(google.tokens) == 2
    google.revoked.update(f"token-{number}" for number in range(10))
    assert (await refusal(site)).reason is RefusalReason.NOT_PERMITTED
    assert len(google.tokens) == 3


async def test_an_account_that_gets_no_token_is_not_permitted(site: GoogleBusiness, google: Google) -> None:
    google.token_responses = [JSONResponse({"error": "invalid_grant", "error_description": "Gone."}, 400)]
    refused = await refusal(site)
    assert refused.reason is RefusalReason.NOT_PERMITTED
    assert "invalid_grant: Gone." in refused.provider_message
    await site.post_reply(TARGET, TEXT, "k")


# --- nothing leaks ----------------------------------------------------------------------------------------------------


async def test_no_failure_and_no_log_carries_a_text_a_link_or_a_secret(
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
    assert "httpcore" in logged  # otherwise this would see nothing, whatever is logged
    for secret in ("Kim", LINK, "accounts/1", "token-1", "PRIVATE KEY"):
        assert secret not in logged
        assert secret not in repr(site)


# --- the worker's variables -------------------------------------------------------------------------------------------


def load(**given: str) -> WorkerSettings:
    return environment.load(WorkerSettings, {"CARE_TOKEN": "a.b.c", **given})


async def test_the_worker_has_the_site_where_an_account_is_configured(google: Google, tmp_path: Path) -> None:
    assert load().create_google_business() is None
    key = str(google.write_key(tmp_path / "key.json"))
    site = load(
        CARE_GOOGLE_CREDENTIALS_FILE=key, CARE_GOOGLE_URL=google.url, CARE_GOOGLE_OVERWRITE="yes"
    ).create_google_business()
    assert site is not None
    stands(google, FOREIGN)
    async with site:
        await site.post_reply(TARGET, TEXT, "k")
    assert standing(google) == TEXT


def test_a_mistake_is_named_and_shows_no_key(tmp_path: Path) -> None:
    for content in ("", "[]", "{}", '{"private_key": "SECRET", "client_email": "x", "token_uri": "y"}'):
        (tmp_path / "key.json").write_text(content)
        with pytest.raises(
            environment.ConfigurationError, match=r"key\.json is not the key of a service account"
        ) as mistake:
            load(CARE_GOOGLE_CREDENTIALS_FILE=str(tmp_path / "key.json"))
        assert "SECRET" not in str(mistake.value)
    with pytest.raises(environment.ConfigurationError, match=r"CARE_GOOGLE_CREDENTIALS_FILE: .* cannot be read"):
        load(CARE_GOOGLE_CREDENTIALS_FILE=str(tmp_path / "none"))
    with pytest.raises(environment.ConfigurationError, match=r"CARE_GOOGLE_URL: tokens would go to .* unencrypted"):
        load(CARE_GOOGLE_CREDENTIALS_FILE=str(tmp_path / "key.json"), CARE_GOOGLE_URL="http://google.example")
