"""Recognizes Care's replies at Google by their text, and removes the links to forms from them."""

import re
from typing import Final

_LINK: Final = re.compile(r"https?://\S+", re.IGNORECASE)
_FORM_LINK: Final = re.compile(r"(https?://\S+/f/)[^\s./]+\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{22}")
"""Matches a link to a form. The group is the link's address: the part before the token.

The token is a key id, a UUID (16 bytes) and a MAC (16 bytes), separated by dots. The UUID and the MAC are in base64url.
`care_service.usecases.links` builds these links.
"""


def is_by_care(present: str, text: str) -> bool:
    """Tells whether Care wrote the reply ``present``. Compares it with ``text``, the reply that is to replace it.

    If the two differ only in links, punctuation and case, ``present`` is the same reply with an earlier link. If both
    link to forms at the same address, ``present`` is the reply of an earlier recovery. Care wrote both kinds.
    """
    return (_wording(text) != "" and is_same_wording(present, text)) or have_same_form(present, text)


def is_same_wording(one: str, other: str) -> bool:
    """Tells whether two texts differ only in links, punctuation and case."""
    return _wording(one) == _wording(other)


def have_same_form(one: str, other: str) -> bool:
    """Tells whether two texts link to forms at the same address. The tokens in the links may differ."""
    return not _form_addresses(one).isdisjoint(_form_addresses(other))


def remove_form_links(text: str, link: str) -> str:
    """Returns ``text`` without its links to forms at the address of ``link``, whatever their tokens are."""
    addresses = _form_addresses(link)

    def replacement(match: re.Match[str]) -> str:
        return "" if match[1] in addresses else match[0]

    return re.sub(rf"[ \t]*{_FORM_LINK.pattern}", replacement, text).strip()


def _wording(text: str) -> str:
    """Returns the letters and digits outside of links, case-folded."""
    return "".join(character for character in _LINK.sub("", text).casefold() if character.isalnum())


def _form_addresses(text: str) -> set[str]:
    """Returns the addresses of the links to forms in a text: the links without their tokens."""
    return set(_FORM_LINK.findall(text))
