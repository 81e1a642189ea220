"""Replies at Google Business Profile: which replies the adapter writes, keeps and changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from secrets import token_bytes
from uuid import uuid4

import pytest

from care_service.usecases.links import Links
from care_workflows.channels.errors import RefusalReason, ReplyRefused, SiteUnavailable, UnavailableReason
from care_workflows.channels.google_business import GoogleBusiness
from care_workflows.channels.review_site import PublicReply, ReplyTarget
from tests.support.google import REVIEW, Google
from tests.workflows.channels.google_business.replies import (
    FOREIGN,
    FORMS,
    LINK,
    OTHER_LINK,
    TARGET,
    TEXT,
    WITHOUT_LINK,
    adapter,
    get_reply,
    refusal,
    set_reply,
)


async def test_a_repeated_reply_is_posted_once_and_read_back(site: GoogleBusiness, google: Google) -> None:
    assert await site.read_reply(TARGET) is None
    for _ in range(3):
        await site.post_reply(TARGET, TEXT, "k")
    assert await site.read_reply(TARGET) == PublicReply(TEXT)
    assert google.writes == [f"PUT /v4/{REVIEW}/reply"]


@pytest.mark.parametrize(
    "ours",
    [
        TEXT.replace(LINK, OTHER_LINK),
        f"Another text of Care: {OTHER_LINK}.",
        WITHOUT_LINK,
        "Sorry,  Kim!\nTell us more.",
    ],
)
async def test_an_earlier_reply_by_care_is_replaced(site: GoogleBusiness, google: Google, ours: str) -> None:
    set_reply(google, ours)
    await site.post_reply(TARGET, TEXT, "k")
    assert get_reply(google) == TEXT


@pytest.mark.parametrize(
    "foreign",
    [FOREIGN, "👍", "", "Sorry, Kim! Tell us more, please.", OTHER_LINK.replace("care.example.com", "evil.example")],
)
async def test_a_reply_by_somebody_else_is_kept(site: GoogleBusiness, google: Google, foreign: str) -> None:
    set_reply(google, foreign)
    refused = await refusal(site, f"{TEXT} https://acme.example.com/menu")
    assert refused.reason is RefusalReason.OTHER
    assert "Delete that reply at Google and send the form again" in refused.provider_message
    await site.retract_reply(TARGET, WITHOUT_LINK, "k")  # the reply has no link of Care to remove
    assert get_reply(google) == foreign
    assert google.writes == []


async def test_a_reply_by_somebody_else_is_replaced_if_overwriting_is_on(google: Google, tmp_path: Path) -> None:
    set_reply(google, FOREIGN)
    async with adapter(google, tmp_path, overwrite=True) as site:
        await site.post_reply(TARGET, TEXT, "k")
    assert get_reply(google) == TEXT


async def test_a_reply_without_words_is_not_mistaken_for_a_reply_that_is_only_a_link(
    site: GoogleBusiness, google: Google
) -> None:
    set_reply(google, "👍")
    assert (await refusal(site, LINK)).reason is RefusalReason.OTHER


async def test_a_retraction_removes_the_link_once(site: GoogleBusiness, google: Google) -> None:
    await site.post_reply(TARGET, TEXT, "k")
    for _ in range(2):
        await site.retract_reply(TARGET, WITHOUT_LINK, "k")
    assert await site.read_reply(TARGET) == PublicReply(WITHOUT_LINK)
    assert len(google.writes) == 2


async def test_a_retraction_removes_only_the_link_from_a_reply_that_the_owner_reworded(
    site: GoogleBusiness, google: Google
) -> None:
    set_reply(google, f"We are so sorry, Kim! {LINK} - Anna, owner of https://acme.example.com")
    await site.retract_reply(TARGET, WITHOUT_LINK, "k")
    assert get_reply(google) == "We are so sorry, Kim! - Anna, owner of https://acme.example.com"
    set_reply(google, OTHER_LINK)
    await site.retract_reply(TARGET, WITHOUT_LINK, "k")
    assert get_reply(google) == WITHOUT_LINK


async def test_links_made_by_the_service_are_recognized(site: GoogleBusiness, google: Google) -> None:
    links = Links({"2026-11": token_bytes(32)}, "2026-11", FORMS.removesuffix("/f"))
    first, second = (links.form_link(uuid4(), links.current) for _ in range(2))
    set_reply(google, f"Text of an earlier recovery: {first}")
    await site.post_reply(TARGET, f"Another text: {second}", "k")
    await site.retract_reply(replace(TARGET, link=second), "Another text.", "k")
    assert get_reply(google) == "Another text."


async def test_a_retraction_without_a_reply_writes_nothing(site: GoogleBusiness, google: Google) -> None:
    await site.retract_reply(TARGET, WITHOUT_LINK, "k")
    assert google.writes == []


@pytest.mark.parametrize("letter", ["a", "é", "李", "😀"])
async def test_a_reply_may_have_4096_bytes_and_a_longer_one_is_refused_before_any_call(
    site: GoogleBusiness, google: Google, letter: str
) -> None:
    fitting = letter * (4096 // len(letter.encode()))
    fitting += "x" * (4096 - len(fitting.encode()))
    assert (await refusal(site, f"{fitting}x")).reason is RefusalReason.TOO_LONG
    assert (google.calls, google.tokens) == ([], [])
    await site.post_reply(TARGET, fitting, "k")
    assert get_reply(google) == fitting


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
async def test_an_invalid_review_name_is_refused_before_any_call(
    site: GoogleBusiness, google: Google, external_id: str
) -> None:
    target = ReplyTarget("acme", "soho", "google", external_id)
    assert (await refusal(site, target=target)).reason is RefusalReason.REVIEW_NOT_FOUND
    with pytest.raises(ReplyRefused):
        await site.read_reply(target)
    assert google.calls == []


async def test_a_reply_in_moderation_is_unavailable_until_moderation_has_decided(
    site: GoogleBusiness, google: Google
) -> None:
    google.moderates = True
    await site.post_reply(TARGET, TEXT, "k")
    with pytest.raises(SiteUnavailable) as undecided:
        await site.read_reply(TARGET)
    assert undecided.value.reason is UnavailableReason.IN_MODERATION
    set_reply(google, TEXT, "APPROVED")
    assert await site.read_reply(TARGET) == PublicReply(TEXT)
    set_reply(google, TEXT, "REJECTED")
    assert await site.read_reply(TARGET) is None


async def test_a_rejected_reply_is_refused_and_not_posted_again(site: GoogleBusiness, google: Google) -> None:
    set_reply(google, TEXT, "REJECTED")
    refused = await refusal(site)
    assert refused.reason is RefusalReason.OTHER
    assert "moderation" in refused.provider_message
    assert google.writes == []
