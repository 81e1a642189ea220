"""Shortens a message to the length of an SMS, keeping the link."""

from typing import Final

MAX_SMS_LENGTH: Final = 1600
"""The maximum length of a message that the provider accepts, in UTF-16 code units.

SMS counts in these units if a text has characters outside of the GSM 7-bit alphabet.
https://www.twilio.com/docs/api/errors/21617
"""

_ELLIPSIS: Final = "…"


def fit_sms(text: str, link: str) -> str:
    """Returns ``text``, with ``link`` added if ``text`` does not contain it.

    A text that is too long is cut after a word and gets an ellipsis. The page behind the link shows the whole text.
    """
    complete = text if link in text else f"{text}\n{link}"
    if _length(complete) <= MAX_SMS_LENGTH:
        return complete
    ending = f"{_ELLIPSIS}\n{link}"
    room = MAX_SMS_LENGTH - _length(ending)
    if link in _cut(text, room):
        return _cut(text, MAX_SMS_LENGTH - _length(_ELLIPSIS)) + _ELLIPSIS
    # Cut before the link, because a part of a link leads nowhere.
    return _cut(text.partition(link)[0], room) + ending


def _length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, room: int) -> str:
    """Returns as much of the beginning of ``text`` as fits into ``room`` code units.

    Cuts after a word, unless that would leave less than half of what fits.
    """
    # `ignore` drops half of a surrogate pair at the end.
    beginning = text.encode("utf-16-le")[: 2 * room].decode("utf-16-le", "ignore")
    if len(beginning) < len(text) and not text[len(beginning)].isspace():
        words = beginning.rsplit(maxsplit=1)
        if len(words) > 1 and 2 * len(words[0]) > len(beginning):
            beginning = words[0]
    return beginning.rstrip()
