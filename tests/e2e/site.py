"""Controls the local review site: publishes reviews, reads replies and their history, and sets how it behaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import httpx

from care_dev.data.reviews import GoogleReview, Reviewer, StarRating, dump_reviews


@dataclass(frozen=True)
class SiteReview:
    """One review on the site at `url`."""

    http: httpx.AsyncClient
    url: str
    organization: str
    external_id: str

    @property
    def page(self) -> str:
        """The URL of the review's public page."""
        return f"{self.url}/{quote(self.organization, safe='')}/reviews/{quote(self.external_id, safe='')}"

    @property
    def _api(self) -> str:
        return f"{self.url}/v1/{quote(self.organization, safe='')}/reviews/{quote(self.external_id, safe='')}"

    async def publish(self, author: str, text: str) -> None:
        """Publishes the review."""
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
        response = await self.http.put(f"{self.url}/v1/{self.organization}/reviews", content=dump_reviews([review]))
        response.raise_for_status()

    async def set_behavior(self, mode: str, delay_seconds: float = 0.0) -> None:
        """Sets how the site handles requests for this review. `mode` is a `care_dev.review_site.behavior.Mode`."""
        change = {
            "mode": mode,
            "delay_seconds": delay_seconds,
            "organization": self.organization,
            "external_id": self.external_id,
        }
        (await self.http.put(f"{self.url}/v1/behavior", json=change)).raise_for_status()

    async def take_down(self) -> None:
        """Removes the reply as moderation does."""
        (await self.http.post(f"{self._api}/take-down")).raise_for_status()

    async def get_reply(self) -> str | None:
        """Returns the public reply, or None if there is none. The site carries out earlier write requests first."""
        response = await self.http.get(f"{self._api}/reply")
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        return str(response.raise_for_status().json()["comment"])

    async def list_posted_replies(self) -> list[str]:
        """Returns all replies that were ever posted, oldest first."""
        history = (await self.http.get(f"{self._api}/history")).raise_for_status().json()
        return [str(reply["comment"]) for reply in history["replies"]]
