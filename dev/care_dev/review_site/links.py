"""Finds http and https URLs in plain text, and turns them into HTML links."""

import re
from collections.abc import Iterator
from typing import Final

from markupsafe import Markup, escape

# Only the ASCII characters of RFC 3986 belong to a URL. So a URL ends where Japanese or Arabic text follows without a
# space, and no character that changes the reading direction can disguise a link. A host with a letter outside ASCII
# stays text, because the part before that letter would name a different host.
_URL: Final = re.compile(
    r"(?ai:https?)://(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?"
    r"(?:[/?#][A-Za-z0-9_.~:/?#@!$&'()*+,;=%\[\]-]*|(?!\w))"
)
_PUNCTUATION: Final = ".,;:!?'"
_BRACKETS: Final = {")": "(", "]": "["}


def contains_link(text: str) -> bool:
    """Returns whether `linkify` would make a link in `text`."""
    return _URL.search(text) is not None


def linkify(text: str) -> Markup:
    """Returns `text` as escaped HTML, with a link for each http or https URL."""
    # dir: a URL reads from left to right, even within Arabic or Hebrew text.
    link = Markup('<a href="{0}" rel="nofollow noreferrer" dir="ltr">{0}</a>')
    return Markup("").join(escape(before) + (link.format(url) if url else "") for before, url in _pieces(text))


def without_links(text: str) -> str:
    """Returns `text` with each http or https URL replaced by `[link]`. Used for replies that are no longer public."""
    return "".join(before + ("[link]" if url else "") for before, url in _pieces(text))


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yields pairs of text and the URL that follows it. The last pair has an empty URL."""
    end = 0
    for match in _URL.finditer(text):
        url = _without_punctuation(match.group())
        yield text[end : match.start()], url
        end = match.start() + len(url)
    yield text[end:], ""


def _without_punctuation(url: str) -> str:
    """Returns `url` without punctuation and brackets at its end that belong to the surrounding sentence."""
    while url[-1] in _PUNCTUATION or (url[-1] in _BRACKETS and url.count(url[-1]) > url.count(_BRACKETS[url[-1]])):
        url = url[:-1]
    return url
