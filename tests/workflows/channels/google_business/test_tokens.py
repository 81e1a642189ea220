"""Access tokens for Google Business Profile: how the adapter gets, shares and replaces them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.responses import JSONResponse

from care_workflows.channels.errors import RefusalReason
from care_workflows.channels.google_business import GoogleBusiness
from tests.support.google import Google
from tests.workflows.channels.google_business.replies import TARGET, TEXT, adapter, refusal


async def test_a_token_is_reused_and_renewed_before_it_expires(google: Google, tmp_path: Path) -> None:
    async with adapter(google, tmp_path) as site:
        for _ in range(3):
            await site.read_reply(TARGET)
        assert len(google.tokens) == 1
    google.token_lifetime = 60  # less than the lifetime at which google-auth renews a token
    async with adapter(google, tmp_path) as site:
        for _ in range(3):
            await site.read_reply(TARGET)
    assert len(google.tokens) == 4


async def test_concurrent_calls_share_one_token(site: GoogleBusiness, google: Google) -> None:
    await asyncio.gather(*(site.read_reply(TARGET) for _ in range(20)))
    assert len(google.tokens) == 1


async def test_a_revoked_token_is_replaced_once(site: GoogleBusiness, google: Google) -> None:
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
