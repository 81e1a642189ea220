"""Runs the real local review site over HTTP, with one review."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx

from care_dev.review_site.app import create_app
from care_dev.review_site.store import ReviewStore
from tests.support.plain_http import NO_TLS
from tests.support.serving import serve


class LocalSite:
    """Controls the site for one review of the organization `acme`."""

    review = "/v1/acme/reviews/review-1"

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = url
        self._client = client

    async def set_behavior(self, mode: str, delay_seconds: float = 5.0) -> None:
        body = {"mode": mode, "delay_seconds": delay_seconds}
        (await self._client.put("/v1/behavior", json=body)).raise_for_status()

    async def reply(self) -> str | None:
        """Returns the text of the public reply, or None if there is none."""
        response = await self._client.get(f"{self.review}/reply")
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        return str(response.raise_for_status().json()["comment"])

    async def put_reply(self, text: str) -> None:
        (await self._client.put(f"{self.review}/reply", json={"comment": text})).raise_for_status()

    async def writes(self) -> int:
        """Returns how many times the reply was written."""
        return int((await self._client.get(f"{self.review}/history")).raise_for_status().json()["putCount"])

    async def take_down(self) -> None:
        (await self._client.post(f"{self.review}/take-down")).raise_for_status()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[LocalSite]:
    """Serves a site that keeps its data below `folder`."""
    with closing(ReviewStore(folder / "site.db")) as store:
        async with (
            serve(create_app(store)) as url,
            httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS) as client,
        ):
            review = {
                "name": "accounts/acme/locations/harbor/reviews/review-1",
                "reviewId": "review-1",
                "reviewer": {"displayName": "Zoë"},
                "starRating": "ONE",
                "comment": "Cold soup.",
                "createTime": "2026-11-01T12:00:00Z",
                "updateTime": "2026-11-01T12:00:00Z",
            }
            (await client.put("/v1/acme/reviews", json={"reviews": [review]})).raise_for_status()
            yield LocalSite(url, client)
