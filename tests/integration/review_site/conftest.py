"""The local review site, served over HTTP from a new file, with two reviews of the organization `acme`."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx
import pytest

from care_dev.data.reviews import GoogleReview, dump_reviews
from care_dev.review_site.app import create_app
from care_dev.review_site.store import ReviewStore
from care_workflows.channels.local_site import LocalReviewSite
from care_workflows.channels.review_site import ReplyTarget
from tests.integration.review_site.reviews import ODD_ID, review
from tests.support.plain_http import NO_TLS
from tests.support.serving import serve

REVIEWS: Final[list[GoogleReview]] = [review("r1"), review(ODD_ID)]


@pytest.fixture
async def site_url(tmp_path: Path) -> AsyncIterator[str]:
    with closing(ReviewStore(tmp_path / "reviews.db")) as store:
        async with serve(create_app(store)) as url:
            yield url


@pytest.fixture
async def http(site_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=site_url, trust_env=False, verify=NO_TLS) as client:
        answer = await client.put("/v1/acme/reviews", content=dump_reviews(REVIEWS))
        assert answer.json() == {"reviewCount": 2}
        yield client


@pytest.fixture
async def site(site_url: str, http: httpx.AsyncClient) -> AsyncIterator[LocalReviewSite]:
    async with LocalReviewSite(site_url) as adapter:
        yield adapter


@pytest.fixture
def target() -> ReplyTarget:
    return ReplyTarget(organization="acme", location="soho", site="local", external_id="r1")
