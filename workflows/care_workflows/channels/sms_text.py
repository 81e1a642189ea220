"""Fits a message into an SMS: the link is kept, and of a text that is too long the beginning."""

from typing import Final

LONGEST_SMS: Final = 1600
"""The most that the provider takes as one message, in UTF-16 code units, as SMS counts text outside of GSM 7-bit.

https://www.twilio.com/docs/api/errors/21617
"""

_ELLIPSIS: Final = "…"


def fit(text: str, link: str) -> str:
    """Return ``text`` with ``link`` in it; one that is too long ends at a word, and an ellipsis says so.

    The whole text is on the page that the link leads to.
    """
    whole = text if link in text else f"{text}\n{link}"
    if _length(whole) <= LONGEST_SMS:
        return whole
    ending = f"{_ELLIPSIS}\n{link}"
    room = LONGEST_SMS - _length(ending)
    if link in _cut(text, room):
        return _cut(text, LONGEST_SMS - _length(_ELLIPSIS)) + _ELLIPSIS
    # Not with the first part of a link at its end, which would lead nowhere.
    return _cut(text.partition(link)[0], room) + ending


def _length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, room: int) -> str:
    """Return the beginning of ``text`` that ends at a word, if it does not lose half of it by that."""
    # A character that is cut in two at the end is left out.
    kept = text.encode("utf-16-le")[: 2 * room].decode("utf-16-le", "ignore")
    if len(kept) < len(text) and not text[len(kept)].isspace():
        words = kept.rsplit(maxsplit=1)
        if len(words) > 1 and 2 * len(words[0]) > len(kept):
            kept = words[0]
    return kept.rstrip()
