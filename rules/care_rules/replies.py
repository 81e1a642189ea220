"""Texts with a placeholder for a link: the public reply and the greeting of a chat."""

from __future__ import annotations

import re
from typing import Final

FORM_LINK: Final = "{form_link}"
CHAT_LINK: Final = "{chat_link}"
"""The placeholder of the private link in a greeting. The link itself is never stored."""

_DEFAULT_LIMIT: Final = 4096
_BYTE_LIMITS: Final[dict[str, int]] = {"google": 4096, "local": 4096}
"""The limit of a site for replies, in bytes of UTF-8. Google: Business Profile API, `ReviewReply.comment`."""


def byte_limit(site: str) -> int:
    """Returns the limit of `site` for replies, in bytes of UTF-8. Unknown sites have Google's limit."""
    return _BYTE_LIMITS.get(site, _DEFAULT_LIMIT)


def insert_link(reply_text: str, link: str) -> str:
    """Returns the reply with the link in place of its placeholder."""
    return reply_text.replace(FORM_LINK, link)


def _placeholder_pattern(placeholder: str) -> re.Pattern[str]:
    return re.compile(
        r"(?P<colon>[ \t]*[:\uFF1A])?[ \t]*[(\[<]?" + re.escape(placeholder) + r"[)\]>]?(?P<stop>[ \t]*[.!?,;])?"
    )


_FORM_PLACEHOLDER: Final = _placeholder_pattern(FORM_LINK)
_CHAT_PLACEHOLDER: Final = _placeholder_pattern(CHAT_LINK)


def remove_link(reply_text: str) -> str:
    """Returns the reply without the placeholder and its brackets. A colon before them becomes a full stop."""
    return _remove_placeholder(reply_text, _FORM_PLACEHOLDER)


def _remove_placeholder(text: str, leading: re.Pattern[str]) -> str:
    def closed(match: re.Match[str]) -> str:
        stop = (match["stop"] or "").strip()
        return stop or ("." if match["colon"] else "")

    text = leading.sub(closed, text)
    return re.sub(r"[ \t]+(?=\n|$)", "", text).strip()


def remove_chat_link(text: str) -> str:
    """Returns the greeting as the chat page shows it, without the link to that page."""
    return _remove_placeholder(text, _CHAT_PLACEHOLDER)
