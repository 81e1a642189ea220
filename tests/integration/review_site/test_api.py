"""The site's API: one reply per review, its limits, and the settings of its behavior."""

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from care_dev.data.reviews import dump_reviews
from tests.integration.review_site.reviews import ODD_ID, review

R1 = "/v1/acme/reviews/r1"


async def put(http: httpx.AsyncClient, comment: str, key: str | None = None, path: str = R1) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await http.put(f"{path}/reply", json={"comment": comment}, headers=headers)


async def history(http: httpx.AsyncClient, path: str = R1) -> dict[str, Any]:
    answer: dict[str, Any] = (await http.get(f"{path}/history")).raise_for_status().json()
    return answer


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["reason"]


async def test_a_reply_can_be_read_is_replaced_by_the_next_and_can_be_deleted(http: httpx.AsyncClient) -> None:
    assert reason(await http.get(f"{R1}/reply")) == (404, "REPLY_NOT_FOUND")
    assert (await put(http, "one")).status_code == 200
    assert (await put(http, "two")).status_code == 200
    assert (await http.get(f"{R1}/reply")).json()["comment"] == "two"
    assert (await http.get(R1)).json()["reviewReply"]["comment"] == "two"
    assert (await http.delete(f"{R1}/reply")).status_code == 200
    assert reason(await http.get(f"{R1}/reply")) == (404, "REPLY_NOT_FOUND")
    assert reason(await http.delete(f"{R1}/reply")) == (404, "REPLY_NOT_FOUND")
    seen = await history(http)
    assert seen["putCount"] == 2
    assert [reply["comment"] for reply in seen["replies"]] == ["one", "two"]
    assert [event["kind"] for event in seen["events"]] == ["PUT", "PUT", "DELETE"]


async def test_a_review_is_returned_as_it_was_loaded(http: httpx.AsyncClient) -> None:
    assert (await http.get(R1)).json() == {
        "name": "accounts/1/locations/soho/reviews/r1",
        "reviewId": "r1",
        "reviewer": {"displayName": "Kim P.", "isAnonymous": False},
        "starRating": "ONE",
        "comment": "Cold soup.",
        "createTime": "2026-03-01T12:00:00+00:00",
        "updateTime": "2026-03-01T12:00:00+00:00",
    }


async def test_an_edited_review_replaces_the_earlier_version_and_keeps_its_reply(http: httpx.AsyncClient) -> None:
    await put(http, "Sorry.")
    await http.put("/v1/acme/reviews", content=dump_reviews([review("r1", comment="Warm soup, in the end.")]))
    answer = (await http.get(R1)).json()
    assert (answer["comment"], answer["reviewReply"]["comment"]) == ("Warm soup, in the end.", "Sorry.")


async def test_organizations_do_not_see_each_other(http: httpx.AsyncClient) -> None:
    assert reason(await http.get("/v1/other/reviews/r1")) == (404, "REVIEW_NOT_FOUND")
    assert reason(await put(http, "x", path="/v1/other/reviews/r1")) == (404, "REVIEW_NOT_FOUND")


async def test_an_id_may_contain_any_characters(http: httpx.AsyncClient) -> None:
    path = f"/v1/acme/reviews/{quote(ODD_ID, safe='')}"
    await put(http, "found", path=path)
    assert (await http.get(path)).json()["reviewReply"]["comment"] == "found"
    page = await http.get(f"/acme/reviews/{quote(ODD_ID, safe='')}")
    assert page.status_code == 200


async def test_a_key_writes_once_even_after_the_reply_was_replaced(http: httpx.AsyncClient) -> None:
    first = await put(http, "one", key="k1")
    await put(http, "two", key="k2")
    assert (await put(http, "one", key="k1")).json() == first.json()
    assert (await http.get(f"{R1}/reply")).json()["comment"] == "two"
    assert (await history(http))["putCount"] == 2


async def test_concurrent_repeats_of_one_key_write_once(http: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(put(http, "one", key="k1") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await history(http))["putCount"] == 1


async def test_a_key_cannot_be_used_for_another_text(http: httpx.AsyncClient) -> None:
    await put(http, "one", key="k1")
    assert reason(await put(http, "two", key="k1")) == (400, "IDEMPOTENCY_KEY_REUSED")


async def test_a_refused_write_does_not_use_up_its_key(http: httpx.AsyncClient) -> None:
    await http.put("/v1/behavior", json={"mode": "refuse_too_long"})
    assert reason(await put(http, "one", key="k1")) == (400, "TOO_LONG")
    await http.put("/v1/behavior", json={"mode": "accept"})
    assert (await put(http, "one", key="k1")).status_code == 200
    assert (await history(http))["putCount"] == 1


@pytest.mark.parametrize(("letter", "most"), [("a", 4096), ("é", 2048), ("😀", 1024)])
async def test_the_limit_counts_bytes_of_utf_8(http: httpx.AsyncClient, letter: str, most: int) -> None:
    assert (await put(http, letter * most)).status_code == 200
    assert reason(await put(http, letter * most + "a")) == (400, "TOO_LONG")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "document: Invalid JSON"),
        (b"[]", "document: Input should be an object"),
        (b"{}", "comment: Field required"),
        (b'{"comment": 5}', "comment: Input should be a valid string"),
        (b'{"comment": " \\n"}', "comment: must not be empty"),
        (b'{"comment": "\\ud800"}', "document: Invalid JSON"),
        (b"\xff", "document: Invalid JSON"),
    ],
)
async def test_a_bad_body_is_refused_with_its_field(http: httpx.AsyncClient, body: bytes, message: str) -> None:
    answer = await http.put(f"{R1}/reply", content=body)
    assert reason(answer) == (400, "INVALID_FIELD")
    assert answer.json()["error"]["message"].startswith(message)


async def test_bad_reviews_are_refused_as_a_whole(http: httpx.AsyncClient) -> None:
    good = dump_reviews([review("new")]).decode()
    answer = await http.put("/v1/acme/reviews", content=good.replace('"reviews":[', '"reviews":[{},'))
    assert reason(answer) == (400, "INVALID_FIELD")
    assert answer.json()["error"]["message"].startswith("reviews[0].name: Field required")
    assert reason(await http.get("/v1/acme/reviews/new")) == (404, "REVIEW_NOT_FOUND")


async def test_links_can_be_refused_while_plain_text_is_accepted(http: httpx.AsyncClient) -> None:
    await http.put("/v1/behavior", json={"mode": "refuse_links"})
    assert reason(await put(http, "See https://example.com/f.")) == (400, "LINKS_NOT_ALLOWED")
    assert (await put(http, "Sorry.")).status_code == 200


async def test_a_site_that_is_down_answers_503_to_reading_and_writing(http: httpx.AsyncClient) -> None:
    await put(http, "one")
    await http.put("/v1/behavior", json={"mode": "down"})
    for answer in (await put(http, "two"), await http.get(f"{R1}/reply"), await http.delete(f"{R1}/reply")):
        assert reason(answer) == (503, "SITE_DOWN")
    assert (await history(http))["putCount"] == 1


async def test_the_most_specific_setting_takes_precedence_and_can_be_removed(http: httpx.AsyncClient) -> None:
    await http.put("/v1/behavior", json={"mode": "down"})
    await http.put("/v1/behavior", json={"mode": "refuse_too_long", "organization": "acme"})
    assert reason(await put(http, "one")) == (400, "TOO_LONG")
    own = {"organization": "acme", "external_id": "r1"}
    await http.put("/v1/behavior", json={"mode": "accept", **own})
    assert (await put(http, "one")).status_code == 200
    await http.put("/v1/behavior", json={"mode": "inherit", **own})
    assert reason(await put(http, "one")) == (400, "TOO_LONG")
    await http.put("/v1/behavior", json={"mode": "inherit", "organization": "acme"})
    assert reason(await put(http, "one")) == (503, "SITE_DOWN")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mode": "sometimes"}, "mode"),
        ({"mode": "slow", "delay_seconds": -1}, "delay_seconds"),
        ({"mode": "slow", "delay_seconds": 601}, "delay_seconds"),
        ({"mode": "slow", "delay": 1}, "delay"),
        ({"mode": "down", "external_id": "r1"}, "organization"),
    ],
)
async def test_a_bad_setting_is_refused_with_its_field(http: httpx.AsyncClient, body: object, field: str) -> None:
    answer = await http.put("/v1/behavior", json=body)
    assert reason(answer) == (400, "INVALID_FIELD")
    assert answer.json()["error"]["message"].startswith(f"{field}: ")


async def test_a_slow_write_happens_only_after_its_delay(http: httpx.AsyncClient) -> None:
    await http.put("/v1/behavior", json={"mode": "slow", "delay_seconds": 600})
    with pytest.raises(httpx.ReadTimeout):
        await http.put(f"{R1}/reply", json={"comment": "slow"}, timeout=httpx.Timeout(5, read=0.1))
    assert (await history(http))["putCount"] == 0
    assert "reviewReply" not in (await http.get(R1)).json()


async def test_a_slow_write_happens_after_its_client_gave_up_but_before_later_writes(
    http: httpx.AsyncClient,
) -> None:
    await http.put("/v1/behavior", json={"mode": "slow", "delay_seconds": 1})
    with pytest.raises(httpx.ReadTimeout):
        await http.put(f"{R1}/reply", json={"comment": "early"}, timeout=httpx.Timeout(5, read=0.1))
    await http.put("/v1/behavior", json={"mode": "accept"})
    assert (await http.get(f"{R1}/reply")).json()["comment"] == "early"
    await put(http, "late")
    assert [reply["comment"] for reply in (await history(http))["replies"]] == ["early", "late"]
    assert (await http.get(f"{R1}/reply")).json()["comment"] == "late"


async def test_a_reply_that_was_taken_down_is_gone_until_the_next(http: httpx.AsyncClient) -> None:
    assert reason(await http.post(f"{R1}/take-down")) == (404, "REPLY_NOT_FOUND")
    await put(http, "one", key="k1")
    assert (await http.post(f"{R1}/take-down")).status_code == 200
    assert reason(await http.get(f"{R1}/reply")) == (404, "REPLY_NOT_FOUND")
    assert (await put(http, "two", key="k2")).status_code == 200
    assert [event["kind"] for event in (await history(http))["events"]] == ["PUT", "TAKE_DOWN", "PUT"]


async def test_a_browser_on_another_site_cannot_write(http: httpx.AsyncClient) -> None:
    await put(http, "one")
    answer = await http.post(f"{R1}/take-down", headers={"Sec-Fetch-Site": "cross-site"})
    assert reason(answer) == (403, "CROSS_SITE_REQUEST")
    assert (await http.get(f"{R1}/reply")).status_code == 200


async def test_an_unknown_address_or_method_of_the_api_is_answered_in_json(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/nothing")).json()["error"]["status"] == "NOT_FOUND"
    assert (await http.post(f"{R1}/reply")).status_code == 405
