"""Recognizes Care's replies at Google by their text, and removes the links to forms from them."""

import re
from typing import Final

_LINK: Final = re.compile(r"https?://\S+", re.IGNORECASE)
_FORM_LINK: Final = re.compile(r"(https?://\S+/f/)[^\s./]+\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{22}")
"""A link to a form ends with a key id, the 16 bytes of a UUID and the 16 of a MAC, in base64url.

The service builds it in `care_service.usecases.links`.
"""


def is_by_care(present: str, text: str) -> bool:
    """Tells whether Care wrote the ``present`` reply, by comparing it with the ``text`` that is to replace it.

    Care wrote it if both differ only in links and punctuation: then it is the same reply with an earlier link. Care
    also wrote it if both link to forms at the same address: then it is the reply of an earlier recovery.
    """
    return (_wording(text) != "" and is_same_wording(present, text)) or have_same_form(present, text)


def is_same_wording(one: str, other: str) -> bool:
    """Tells whether two texts differ only in links, punctuation and case."""
    return _wording(one) == _wording(other)


def have_same_form(one: str, other: str) -> bool:
    """Tells whether two texts link to forms at the same address; their tokens may differ."""
    return not _form_addresses(one).isdisjoint(_form_addresses(other))


def remove_form_links(text: str, link: str) -> str:
    """Returns ``text`` without the links to forms at the address of ``link``; their tokens may differ."""
    addresses = _form_addresses(link)

    def replacement(match: re.Match[str]) -> str:
        return "" if match[1] in addresses else match[0]

    return re.sub(rf"[ \t]*{_FORM_LINK.pattern}", replacement, text).strip()


def _wording(text: str) -> str:
    """Returns the letters and digits outside of links, without case."""
    return "".join(character for character in _LINK.sub("", text).casefold() if character.isalnum())


def _form_addresses(text: str) -> set[str]:
    """Returns the links to forms in a text, without their tokens."""
    return set(_FORM_LINK.findall(text))
