"""The local review site as its developers use it: what stands there now, what happened there, how it shall behave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import httpx

from care_dev.data.reviews import GoogleReview, Reviewer, StarRating, dump_reviews


@dataclass(frozen=True)
class SiteReview:
    """One review at the site at `url`."""

    http: httpx.AsyncClient
    url: str
    organization: str
    external_id: str

    @property
    def page(self) -> str:
        """Where the public reads it."""
        return f"{self.url}/{quote(self.organization, safe='')}/reviews/{quote(self.external_id, safe='')}"

    @property
    def _api(self) -> str:
        return f"{self.url}/v1/{quote(self.organization, safe='')}/reviews/{quote(self.external_id, safe='')}"

    async def publish(self, author: str, text: str) -> None:
        """Let it appear, as written by `author`."""
        now = datetime.now(UTC)
        review = GoogleReview(
            name=f"accounts/1/locations/soho/reviews/{self.external_id}",
            review_id=self.external_id,
            star_rating=StarRating.ONE,
            create_time=now,
            update_time=now,
            reviewer=Reviewer(display_name=author),
            comment=text,
        )
        answer = await self.http.put(f"{self.url}/v1/{self.organization}/reviews", content=dump_reviews([review]))
        answer.raise_for_status()

    async def behave(self, mode: str, delay_seconds: float = 0.0) -> None:
        """Set what becomes of requests for it: `care_dev.review_site.behavior.Mode`."""
        change = {
            "mode": mode,
            "delay_seconds": delay_seconds,
            "organization": self.organization,
            "external_id": self.external_id,
        }
        (await self.http.put(f"{self.url}/v1/behavior", json=change)).raise_for_status()

    async def take_down(self) -> None:
        """Moderate the reply away."""
        (await self.http.post(f"{self._api}/take-down")).raise_for_status()

    async def reply(self) -> str | None:
        """The reply that the public sees, after all writes that the site was asked for before."""
        answer = await self.http.get(f"{self._api}/reply")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return str(answer.raise_for_status().json()["comment"])

    async def puts(self) -> list[str]:
        """Every reply that was ever written, the first one first."""
        history = (await self.http.get(f"{self._api}/history")).raise_for_status().json()
        return [str(reply["comment"]) for reply in history["replies"]]
