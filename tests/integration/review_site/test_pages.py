"""The site's pages show reviews and replies with escaped texts, and forms for developers."""

from urllib.parse import quote

import httpx
import pytest

from care_dev.data.reviews import dump_reviews, load_reviews
from tests.integration.review_site.reviews import ODD_ID, review
from tests.support.html_page import HtmlPage

PAGE = "/acme/reviews/r1"


async def page(http: httpx.AsyncClient, path: str) -> HtmlPage:
    answer = await http.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    return HtmlPage(answer.text)


@pytest.mark.parametrize("path", ["/", PAGE])
async def test_a_reply_is_shown_below_its_review_with_a_link(http: httpx.AsyncClient, path: str) -> None:
    await http.put("/v1/acme/reviews/r1/reply", json={"comment": "Sorry! https://example.com/f/a_b-c_."})
    shown = await page(http, path)
    assert "Cold soup." in shown.text
    assert "Sorry! https://example.com/f/a_b-c_." in shown.text
    link, *_ = shown.external_links
    assert link == {"href": "https://example.com/f/a_b-c_", "rel": "nofollow noreferrer", "dir": "ltr"}


async def test_texts_of_people_never_become_markup(http: httpx.AsyncClient) -> None:
    evil = "<script>x</script><img src=x onerror=x>\"'><a href='javascript:x'>{{ 7*7 }}"
    await http.put("/v1/acme/reviews", content=dump_reviews([review("r1", comment=evil, author=evil)]))
    await http.put("/v1/acme/reviews/r1/reply", json={"comment": f"{evil} javascript:x ftp://x/ http://"})
    for path in ("/", PAGE):
        shown = await page(http, path)
        assert shown.text.count(evil) >= 3
        assert not shown.all("script")
        assert all(image["src"] == "/static/icon.svg" for image in shown.all("img"))
        assert not shown.external_links


async def test_every_review_of_the_demo_is_shown_completely(http: httpx.AsyncClient) -> None:
    reviews = load_reviews()
    await http.put("/v1/demo/reviews", content=dump_reviews(reviews))
    shown = await page(http, "/")
    assert all(each.comment in shown.text for each in reviews)
    assert len(shown.all("article")) == len(reviews) + 2
    for each in reviews:
        own = await page(http, f"/demo/reviews/{each.review_id}")
        assert each.comment in own.text
        assert f"{each.stars} out of 5 stars" in {span.get("aria-label") for span in own.all("span")}


async def test_each_text_has_its_own_direction(http: httpx.AsyncClient) -> None:
    shown = await page(http, PAGE)
    assert {"class": "text", "dir": "auto"} in shown.all("p")


async def test_each_review_of_the_list_leads_to_its_page(http: httpx.AsyncClient) -> None:
    shown = await page(http, "/")
    links = {link["href"] for link in shown.all("a")}
    assert {PAGE, f"/acme/reviews/{quote(ODD_ID, safe='')}"} <= links


async def test_the_list_can_be_filtered(http: httpx.AsyncClient) -> None:
    await http.put("/v1/demo/reviews", content=dump_reviews(load_reviews()))
    await http.put("/v1/demo/reviews/harbor-0001/reply", json={"comment": "Sorry."})
    harbor = [each for each in load_reviews() if each.location == "harbor"]
    path = "/?organization=demo&location=harbor"
    assert len((await page(http, path)).all("article")) == len(harbor)
    assert len((await page(http, f"{path}&replied=yes")).all("article")) == 1
    assert len((await page(http, f"{path}&replied=no")).all("article")) == len(harbor) - 1
    assert not (await page(http, "/?organization=nobody")).all("article")


async def test_the_page_says_that_the_site_removed_the_reply(http: httpx.AsyncClient) -> None:
    await http.put("/v1/acme/reviews/r1/reply", json={"comment": "Sorry."})
    answer = await http.post(f"{PAGE}/take-down")
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    for path in ("/", PAGE):
        shown = await page(http, path)
        assert "removed by the review site" in shown.text
        assert "Reply from the owner" not in shown.text
    assert "Sorry." not in (await page(http, "/")).text


async def test_the_forms_change_how_the_site_behaves(http: httpx.AsyncClient) -> None:
    answer = await http.post("/behavior", data={"mode": "refuse_links", "delay_seconds": "5"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "Refuse replies with a link" in (await page(http, "/")).text
    answer = await http.post(f"{PAGE}/behavior", data={"mode": "down"})
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    assert (await http.get("/v1/acme/reviews/r1/reply")).status_code == 503
    await http.post(f"{PAGE}/behavior", data={"mode": "inherit", "delay_seconds": ""})
    link = await http.put("/v1/acme/reviews/r1/reply", json={"comment": "https://example.com"})
    assert link.json()["error"]["reason"] == "LINKS_NOT_ALLOWED"
    assert (await http.post("/behavior", data={"mode": "?"})).status_code == 400


async def test_an_unknown_path_gets_a_page(http: httpx.AsyncClient) -> None:
    for path in ("/nothing", "/acme/reviews/none"):
        answer = await http.get(path)
        assert answer.status_code == 404
        assert "There is no such page or review." in answer.text


async def test_the_files_of_the_pages_are_served(http: httpx.AsyncClient) -> None:
    shown = await page(http, "/")
    for link in shown.all("link"):
        assert (await http.get(link["href"] or "")).status_code == 200


async def test_an_empty_site_says_how_to_load_reviews(site_url: str) -> None:
    async with httpx.AsyncClient(base_url=site_url, trust_env=False) as client:
        assert "PUT /v1/{organization}/reviews" in (await client.get("/")).text
