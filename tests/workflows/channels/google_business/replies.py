"""A reply at the fake of Google, and functions that expect an attempt to post it to fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from care_workflows.channels.errors import ReplyRefused, SiteUnavailable, UnavailableReason
from care_workflows.channels.google_account import GoogleAccount
from care_workflows.channels.google_business import GoogleBusiness
from care_workflows.channels.review_site import ReplyTarget
from tests.support.google import REVIEW, Google

FORMS = "https://care.example.com/f"
LINK = f"{FORMS}/k1.AAAAAAAAAAAAAAAAAAAAAA.aaaaaaaaaaaaaaaaaaaaaa"
OTHER_LINK = f"{FORMS}/k2.BBBBBBBBBBBBBBBBBBBBBB.bbbbbbbbbbbbbbbbbbbbbb"
TEXT = f"Sorry, Kim! Tell us more: {LINK}"
WITHOUT_LINK = "Sorry, Kim! Tell us more."
FOREIGN = "Thank you for your visit. The owner, https://acme.example.com/hours"
TARGET = ReplyTarget("acme", "soho", "google", REVIEW, link=LINK)
DEADLINE = 0.5
"""A deadline in seconds for a server that never responds."""


def adapter(google: Google, tmp_path: Path, deadline: float = 20.0, *, overwrite: bool = False) -> GoogleBusiness:
    account = GoogleAccount.load(google.write_key(tmp_path / "key.json"), deadline)
    return GoogleBusiness(account, google.url, overwrite=overwrite, deadline=deadline)


def set_reply(google: Google, text: str, state: str = "") -> None:
    google.reviews[REVIEW] = {"comment": text} | ({"reviewReplyState": state} if state else {})


def get_reply(google: Google) -> str | None:
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
