"""The public reply's text: its placeholder for the link, what sites take, and what remains without the link."""

from __future__ import annotations

import re
from typing import Final

FORM_LINK: Final = "{form_link}"
CHAT_LINK: Final = "{chat_link}"
"""Stands in a greeting for the private link, which nothing stored holds."""

_DEFAULT_LIMIT: Final = 4096
_BYTE_LIMITS: Final[dict[str, int]] = {"google": 4096, "local": 4096}
"""Bytes of UTF-8 that a site takes as a reply. Google: Business Profile API, `ReviewReply.comment`, 4,096 bytes."""


def byte_limit(site: str) -> int:
    """Returns how many bytes of UTF-8 `site` takes as a reply; sites that we know nothing of count like Google."""
    return _BYTE_LIMITS.get(site, _DEFAULT_LIMIT)


def insert_link(reply_text: str, link: str) -> str:
    """Returns the reply as the public sees it."""
    return reply_text.replace(FORM_LINK, link)


def _placeholder_pattern(placeholder: str) -> re.Pattern[str]:
    return re.compile(
        r"(?P<colon>[ \t]*[:\uFF1A])?[ \t]*[(\[<]?" + re.escape(placeholder) + r"[)\]>]?(?P<stop>[ \t]*[.!?,;])?"
    )


_FORM_PLACEHOLDER: Final = _placeholder_pattern(FORM_LINK)
_CHAT_PLACEHOLDER: Final = _placeholder_pattern(CHAT_LINK)


def remove_link(reply_text: str) -> str:
    """Returns the reply without its placeholder and the brackets around it; a colon before it becomes a full stop."""
    return _remove_placeholder(reply_text, _FORM_PLACEHOLDER)


def _remove_placeholder(text: str, leading: re.Pattern[str]) -> str:
    def closed(match: re.Match[str]) -> str:
        stop = (match["stop"] or "").strip()
        return stop or ("." if match["colon"] else "")

    text = leading.sub(closed, text)
    return re.sub(r"[ \t]+(?=\n|$)", "", text).strip()


def remove_chat_link(text: str) -> str:
    """Returns a message as it reads on the chat's own page, which needs no link to itself."""
    return _remove_placeholder(text, _CHAT_PLACEHOLDER)
