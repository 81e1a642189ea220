"""The reviews of the demo, and the errors of a wrong file."""

import json
import unicodedata
from datetime import timedelta
from pathlib import Path

import pytest

from care_dev.data.reviews import ReviewsInvalid, dump_reviews, load_reviews, parse_reviews
from tests.integration.review_site.reviews import review

ZERO_WIDTH_JOINER = "\u200d"


def entry(**changes: object) -> dict[str, object]:
    return {
        "name": "accounts/1/locations/soho/reviews/a",
        "reviewId": "a",
        "reviewer": {"displayName": "Kim P."},
        "starRating": "ONE",
        "createTime": "2026-03-01T12:00:00Z",
        "updateTime": "2026-03-01T12:00:00Z",
        **changes,
    }


def test_the_demo_reviews_are_as_varied_as_real_ones() -> None:
    reviews = load_reviews()
    texts = [each.comment for each in reviews]
    assert len(reviews) >= 44
    assert {each.location for each in reviews} == {"soho", "harbor", "station"}
    assert {each.stars for each in reviews} == {1, 2, 3, 4, 5}
    assert any(each.is_edited for each in reviews)
    assert any(each.reviewer.is_anonymous for each in reviews)
    assert any(text == "" for text in texts)
    assert any(3800 <= len(text) <= 4000 for text in texts)
    assert any("\n" in text for text in texts)
    assert any("<script>" in text for text in texts)
    assert any(ZERO_WIDTH_JOINER in text for text in texts)
    scripts = {unicodedata.name(letter).split()[0] for text in texts for letter in text if letter.isalpha()}
    expected = {"LATIN", "ARABIC", "HEBREW", "HIRAGANA", "DEVANAGARI", "CYRILLIC", "GREEK", "HANGUL", "THAI", "CJK"}
    assert expected <= scripts


def test_reviews_survive_being_written_and_read() -> None:
    assert parse_reviews(dump_reviews(load_reviews())) == load_reviews()


def test_times_are_read_as_rfc_3339_allows_and_kept_in_utc() -> None:
    times = {"createTime": "2026-03-01T12:00:00.123456789+01:00", "updateTime": "2026-03-01T11:00:00.2Z"}
    (read,) = parse_reviews(json.dumps({"reviews": [entry(**times)]}).encode())
    assert read.create_time.isoformat() == "2026-03-01T11:00:00.123456+00:00"
    assert read.update_time - read.create_time == timedelta(microseconds=76544)
    assert read.is_edited


def test_additional_fields_of_the_api_are_allowed() -> None:
    reviewer = {"profilePhotoUrl": "https://example.com/p", "displayName": "Kim P.", "isAnonymous": False}
    extra = entry(reviewer=reviewer, reviewReply={"comment": "x"})
    (read,) = parse_reviews(json.dumps({"reviews": [extra]}).encode())
    assert read == review("a", comment="")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"starRating": "SIX"}, "starRating: Input should be 'ONE'"),
        ({"starRating": 1}, "starRating: "),
        ({"starRating": "STAR_RATING_UNSPECIFIED"}, "starRating: "),
        ({"reviewId": " "}, "reviewId: must not be empty"),
        ({"reviewId": "b"}, "name: must end with the reviewId"),
        ({"name": "locations/soho/reviews/a"}, "name: must have the form accounts/{account}/"),
        ({"reviewer": {"isAnonymous": "yes"}}, "reviewer.isAnonymous: "),
        ({"comment": None}, "comment: "),
        ({"createTime": "2026-03-01"}, "createTime: "),
        ({"createTime": "2026-03-01T12:00:00"}, "createTime: Input should have timezone info"),
        ({"createTime": 1772366400}, "createTime: "),
        ({"updateTime": "2026-02-28T12:00:00Z"}, "updateTime: must not be before createTime"),
    ],
)
def test_a_fault_is_named_by_index_and_field(changes: dict[str, object], place: str) -> None:
    document = json.dumps({"reviews": [entry(name="accounts/1/locations/x/reviews/z", reviewId="z"), entry(**changes)]})
    with pytest.raises(ReviewsInvalid) as invalid:
        parse_reviews(document.encode())
    assert str(invalid.value).startswith(f"reviews[1].{place}")
    assert "\n" not in str(invalid.value)


def test_two_reviews_with_one_id_are_a_fault() -> None:
    with pytest.raises(ReviewsInvalid, match=r"reviews\[1\]\.reviewId: must be unique, but reviews\[0\] has the same"):
        parse_reviews(json.dumps({"reviews": [entry(), entry()]}).encode())


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReviewsInvalid, match=r"Cannot read the reviews in .*none\.json: No such file"):
        load_reviews(tmp_path / "none.json")
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")
    with pytest.raises(ReviewsInvalid, match=r"wrong\.json: document: Input should be an object"):
        load_reviews(wrong)
