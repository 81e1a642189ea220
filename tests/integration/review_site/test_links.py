"""The parts of a reply that become links."""

import pytest

from care_dev.review_site.links import contains_link, linkify, without_links

TOKEN = "https://care.example.com/f/k1.QUJD-_.c2lnbmF0dXJl_-_"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://example.com", "https://example.com"),
        ("HTTP://EXAMPLE.COM/A", "HTTP://EXAMPLE.COM/A"),
        (f"here: {TOKEN}", TOKEN),
        (f"here: {TOKEN}.", TOKEN),
        (f"({TOKEN})", TOKEN),
        (f"«{TOKEN}»", TOKEN),
        (f"اكتب هنا {TOKEN}، شكراً", TOKEN),
        (f"{TOKEN}からどうぞ", TOKEN),
        (f"{TOKEN}\u202egnp.exe", TOKEN),
        (f"one\n{TOKEN}\ntwo", TOKEN),
        ("see http://example.com/a_(b)?c=d&e=f#g!", "http://example.com/a_(b)?c=d&e=f#g"),
        ("http://127.0.0.1:8080/f/x", "http://127.0.0.1:8080/f/x"),
        ("http://[::1]:8080/f/x", "http://[::1]:8080/f/x"),
    ],
)
def test_a_url_becomes_a_link_and_the_text_around_it_stays(text: str, url: str) -> None:
    before, _, after = text.partition(url)
    shown = url.replace("&", "&amp;")
    link = f'<a href="{shown}" rel="nofollow noreferrer" dir="ltr">{shown}</a>'
    assert linkify(text) == f"{before}{link}{after}"
    assert contains_link(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no link",
        "javascript:alert(1)",
        "ftp://example.com",
        "http://",
        "https://...",
        "example.com",
        "https://münchen.de/",
        "data:text/html,x",
        "http\N{LATIN SMALL LETTER LONG S}://example.com",
    ],
)
def test_anything_else_stays_text(text: str) -> None:
    assert linkify(text) == text
    assert not contains_link(text)


def test_markup_is_escaped_on_both_sides_of_a_link_and_in_it() -> None:
    assert linkify("<b>http://a.b/'\"<i>") == (
        '&lt;b&gt;<a href="http://a.b/" rel="nofollow noreferrer" dir="ltr">http://a.b/</a>&#39;&#34;&lt;i&gt;'
    )


def test_several_links_are_all_links() -> None:
    assert linkify("http://a.b http://c.d").count("<a ") == 2


def test_links_are_replaced_by_a_placeholder() -> None:
    assert without_links("Reach us: http://a.b/f/k.x.y. <Thanks> http://c.d") == "Reach us: [link]. <Thanks> [link]"
    assert without_links("No link") == "No link"
