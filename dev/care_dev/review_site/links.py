"""Turns the http and https URLs of a plain text into links, and escapes everything else."""

import re
from collections.abc import Iterator
from typing import Final

from markupsafe import Markup, escape

# Only the ASCII characters of RFC 3986: so a URL ends where Japanese or Arabic goes on without a space, and no
# character that turns the reading direction can make a link look like another. A host that goes on with a letter
# outside ASCII is left as text, because the part before that letter would be somebody else's host.
_URL: Final = re.compile(
    r"(?ai:https?)://(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?"
    r"(?:[/?#][A-Za-z0-9_.~:/?#@!$&'()*+,;=%\[\]-]*|(?!\w))"
)
_PUNCTUATION: Final = ".,;:!?'"
_BRACKETS: Final = {")": "(", "]": "["}


def contains_link(text: str) -> bool:
    """Tell whether ``linkify`` makes a link of any part of ``text``."""
    return _URL.search(text) is not None


def linkify(text: str) -> Markup:
    """Return ``text`` as safe HTML in which each http or https URL can be clicked."""
    # dir: a URL reads from left to right within an Arabic or Hebrew sentence, too.
    link = Markup('<a href="{0}" rel="nofollow noreferrer" dir="ltr">{0}</a>')
    return Markup("").join(escape(before) + (link.format(url) if url else "") for before, url in _pieces(text))


def without_links(text: str) -> str:
    """Return ``text`` with each http or https URL replaced by words: for a reply that is not public any more."""
    return "".join(before + ("[link]" if url else "") for before, url in _pieces(text))


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yield each URL with the text before it, and at last what follows them with an empty URL."""
    done = 0
    for match in _URL.finditer(text):
        url = _without_punctuation(match.group())
        yield text[done : match.start()], url
        done = match.start() + len(url)
    yield text[done:], ""


def _without_punctuation(url: str) -> str:
    """Return ``url`` without the characters at its end that belong to the sentence around it."""
    while url[-1] in _PUNCTUATION or (url[-1] in _BRACKETS and url.count(url[-1]) > url.count(_BRACKETS[url[-1]])):
        url = url[:-1]
    return url
