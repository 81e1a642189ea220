"""Converts comments of the contract to Markdown paragraphs and table cells, with links."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tools.api_docs.contract import PACKAGE, Contract, Field, Service

ERRORS: Final = "errors.md"
MESSAGES: Final = "messages.md"
ERROR_REASON: Final = f"{PACKAGE}.ErrorReason"

_CODE: Final = re.compile(r"(`[^`]*`)")
_ERRORS: Final = "Errors:"


def page_name(service: Service) -> str:
    """Returns the file name of a service's page, such as `ticket_service.md`."""
    return f"{re.sub(r'(?<!^)(?=[A-Z])', '_', service.name).lower()}.md"


def anchor(heading: str) -> str:
    """Returns the anchor of a heading that is one word."""
    return heading.lower()


@dataclass(frozen=True, slots=True)
class Links:
    """Link targets, and functions that insert links."""

    types: Mapping[str, str]
    """The target by the full name of a message or enum. Requests and responses link to their method."""
    reasons: Sequence[str]
    """The error reasons, without the enum's prefix."""

    @classmethod
    def for_contract(cls, contract: Contract) -> Links:
        """Returns the links for a contract."""
        full_names = [*contract.messages, *contract.enums]
        types = {name: f"{MESSAGES}#{anchor(name.rpartition('.')[2])}" for name in full_names}
        for service in contract.services:
            for method in service.methods:
                types[method.request] = types[method.response] = f"{page_name(service)}#{anchor(method.name)}"
        types[ERROR_REASON] = ERRORS
        return cls(types, error_reasons(contract))

    def type(self, field: Field) -> str:
        """Returns a field's type, with a link if the contract defines it."""
        short = field.type.removeprefix(f"{PACKAGE}.").removeprefix("google.protobuf.")
        shown = f"[{short}]({self.types[field.type]})" if field.type in self.types else short
        return f"repeated {shown}" if field.repeated else shown

    def reasons_in(self, comment: str) -> list[str]:
        """Returns the error reasons in a comment, in the order of the comment."""
        words = re.findall(r"\b[A-Z_]{4,}\b", comment)
        return list(dict.fromkeys(word for word in words if word in self.reasons))

    def text(self, comment: str) -> str:
        """Returns a comment with links for error reasons. Text in backquotes is not changed."""
        reasons = self.reasons_in(comment)
        if not reasons:
            return comment
        pattern = re.compile(rf"\b({'|'.join(sorted(reasons, key=len, reverse=True))})\b")
        parts = _CODE.split(comment)
        return "".join(
            part if part.startswith("`") else pattern.sub(lambda word: f"[{word[0]}]({ERRORS}#{anchor(word[0])})", part)
            for part in parts
        )

    def paragraphs(self, comment: str) -> str:
        """Returns a comment as paragraphs."""
        return "\n\n".join(self.text(paragraph) for paragraph in split_paragraphs(comment))

    def cell(self, comment: str) -> str:
        """Returns a comment as a table cell."""
        return "<br>".join(self.text(paragraph) for paragraph in split_paragraphs(comment)).replace("|", "\\|")


def error_reasons(contract: Contract) -> list[str]:
    """Returns the error reasons without the enum's prefix and without UNSPECIFIED, in the order of the enum."""
    names = [value.removeprefix("ERROR_REASON_") for value in contract.enums[ERROR_REASON].values]
    return [name for name in names if name != "UNSPECIFIED"]


def split_paragraphs(comment: str) -> list[str]:
    """Returns the paragraphs of a comment, each on one line."""
    return [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", comment) if paragraph.strip()]


def first_sentence(comment: str) -> str:
    """Returns the first sentence of a comment."""
    paragraph = split_paragraphs(comment)[0]
    match = re.match(r".*?[.:](?=\s|$)", paragraph)
    return (match[0] if match else paragraph).rstrip(":.") + "."


def split_errors(comment: str) -> tuple[str, str]:
    """Returns a method's description and its errors, which may be empty."""
    description, _, errors = " ".join(comment.split()).partition(_ERRORS)
    return description.strip(), errors.strip()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
