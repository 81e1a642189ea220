"""Turns the http and https URLs of a plain text into links, and escapes everything else."""

import re
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
    parts: list[Markup] = []
    done = 0
    for match in _URL.finditer(text):
        url = _without_punctuation(match.group())
        parts.append(escape(text[done : match.start()]))
        # dir: a URL reads from left to right within an Arabic or Hebrew sentence, too.
        parts.append(Markup('<a href="{0}" rel="nofollow noreferrer" dir="ltr">{0}</a>').format(url))
        done = match.start() + len(url)
    parts.append(escape(text[done:]))
    return Markup("").join(parts)


def _without_punctuation(url: str) -> str:
    """Return ``url`` without the characters at its end that belong to the sentence around it."""
    while url[-1] in _PUNCTUATION or (url[-1] in _BRACKETS and url.count(url[-1]) > url.count(_BRACKETS[url[-1]])):
        url = url[:-1]
    return url
