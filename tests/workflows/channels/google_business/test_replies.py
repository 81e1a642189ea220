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
    refusal,
    standing,
    stands,
)


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
