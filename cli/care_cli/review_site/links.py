"""Turns the http and https URLs of a plain text into links, and escapes everything else."""

import re

from markupsafe import Markup, escape

_URL = re.compile(r"""https?://[^\s<>"'«»“”„`{}|\\^]+""", re.IGNORECASE)
# What ends a sentence around a URL rather than the URL itself, in the scripts that people reply in.
_PUNCTUATION = ".,;:!?…'\"*_~،؛؟。、，；：！？।॥"
_BRACKETS = {")": "(", "]": "[", "）": "（", "」": "「"}
# Characters that turn the direction of what follows: in a link they would let its text lie about its target.
_BIDI_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def contains_link(text: str) -> bool:
    """Tell whether ``linkify`` would make a link of any part of ``text``."""
    return any(_url_end(match.group()) for match in _URL.finditer(text))


def linkify(text: str) -> Markup:
    """Return ``text`` as safe HTML in which each http or https URL can be clicked."""
    parts: list[Markup] = []
    done = 0
    for match in _URL.finditer(text):
        end = match.start() + _url_end(match.group())
        if end == match.start():
            continue
        url = text[match.start() : end]
        parts.append(escape(text[done : match.start()]))
        # dir: a URL reads from left to right within an Arabic or Hebrew sentence, too.
        parts.append(Markup('<a href="{0}" rel="nofollow noreferrer" dir="ltr">{0}</a>').format(url))
        done = end
    parts.append(escape(text[done:]))
    return Markup("").join(parts)


def _url_end(candidate: str) -> int:
    """Return how many of the candidate's characters belong to the URL; 0 if it is none."""
    control = _BIDI_CONTROLS.search(candidate)
    end = control.start() if control else len(candidate)
    while end:
        last = candidate[end - 1]
        opening = _BRACKETS.get(last)
        if opening is not None:
            if candidate.count(opening, 0, end) >= candidate.count(last, 0, end):
                break
        elif last not in _PUNCTUATION:
            break
        end -= 1
    return end if candidate[:end].partition("//")[2] else 0
