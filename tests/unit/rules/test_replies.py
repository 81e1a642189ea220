"""The public reply with and without its link."""

from __future__ import annotations

import pytest

from care_rules.replies import byte_limit, insert_link, remove_link

LINK = "https://care.example/f/k1.a.b"


def test_the_link_replaces_the_placeholder() -> None:
    assert insert_link("Please: {form_link}!", LINK) == f"Please: {LINK}!"


@pytest.mark.parametrize("text", [r"\1 \g<0> {form_link}", "{} {0} {form_link}", "%s {form_link}", "🍲 {form_link}"])
def test_the_text_around_the_link_is_unchanged(text: str) -> None:
    before = text.removesuffix("{form_link}")
    assert insert_link(text, LINK) == before + LINK
    assert remove_link(text) == before.strip()


@pytest.mark.parametrize(
    "text",
    [
        "We are sorry: {form_link}",
        "We are sorry: {form_link}.",
        "We are sorry {form_link}",
        "{form_link} We are sorry",
        "We are sorry:\n{form_link}\nYours",
        "We are sorry : {form_link} and thank you",
    ],
)
def test_the_reply_without_a_link_has_no_placeholder_and_no_dangling_colon(text: str) -> None:
    rest = remove_link(text)
    assert "We are sorry" in rest
    assert "form_link" not in rest
    assert rest == rest.strip()
    assert not rest.endswith(":")
    assert all(line == line.rstrip() for line in rest.split("\n"))


@pytest.mark.parametrize(
    "text", ["Write to us ({form_link}) now", "Write to us [{form_link}] now", "Write to us <{form_link}> now"]
)
def test_brackets_around_the_link_are_removed_too(text: str) -> None:
    assert remove_link(text) == "Write to us now"


def test_the_reply_without_a_link_is_never_longer() -> None:
    for text in ("a: {form_link}", "{form_link}", "a {form_link}, b"):
        assert len(remove_link(text)) <= len(text)


@pytest.mark.parametrize("site", ["google", "local", "elsewhere"])
def test_a_site_allows_4096_bytes(site: str) -> None:
    assert byte_limit(site) == 4096
