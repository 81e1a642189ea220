"""Turns the contract's comments into Markdown: paragraphs, cells of tables, and links to what they name."""

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
_REFUSALS: Final = "Refusals:"


def page(service: Service) -> str:
    """Returns the name of a service's page: `ticket_service.md`."""
    return f"{re.sub(r'(?<!^)(?=[A-Z])', '_', service.name).lower()}.md"


def anchor(heading: str) -> str:
    """Returns what a link to a heading of one word ends in."""
    return heading.lower()


@dataclass(frozen=True, slots=True)
class Links:
    """Where on the pages things are."""

    types: Mapping[str, str]
    """By full name; a request or an answer is where its method is."""
    reasons: Sequence[str]
    """The bare words of the error reasons."""

    @classmethod
    def of(cls, contract: Contract) -> Links:
        """Returns the links of the whole contract."""
        full_names = [*contract.messages, *contract.enums]
        types = {name: f"{MESSAGES}#{anchor(name.rpartition('.')[2])}" for name in full_names}
        for service in contract.services:
            for method in service.methods:
                types[method.request] = types[method.response] = f"{page(service)}#{anchor(method.name)}"
        types[ERROR_REASON] = ERRORS
        return cls(types, reasons(contract))

    def type(self, field: Field) -> str:
        """Returns a field's type, with a link if it is ours."""
        short = field.type.removeprefix(f"{PACKAGE}.").removeprefix("google.protobuf.")
        shown = f"[{short}]({self.types[field.type]})" if field.type in self.types else short
        return f"repeated {shown}" if field.repeated else shown

    def named_in(self, comment: str) -> list[str]:
        """Returns the reasons that a comment names, in the order in which it does."""
        words = re.findall(r"\b[A-Z_]{4,}\b", comment)
        return list(dict.fromkeys(word for word in words if word in self.reasons))

    def text(self, comment: str) -> str:
        """Returns a comment's words with each error reason as a link; what is in backquotes stays as it is."""
        named = self.named_in(comment)
        if not named:
            return comment
        pattern = re.compile(rf"\b({'|'.join(sorted(named, key=len, reverse=True))})\b")
        parts = _CODE.split(comment)
        return "".join(
            part if part.startswith("`") else pattern.sub(lambda word: f"[{word[0]}]({ERRORS}#{anchor(word[0])})", part)
            for part in parts
        )

    def paragraphs(self, comment: str) -> str:
        """Returns a comment as paragraphs."""
        return "\n\n".join(self.text(paragraph) for paragraph in split(comment))

    def cell(self, comment: str) -> str:
        """Returns a comment for one cell of a table."""
        return "<br>".join(self.text(paragraph) for paragraph in split(comment)).replace("|", "\\|")


def reasons(contract: Contract) -> list[str]:
    """Returns the bare words of the error reasons, the zero value excepted, in the order of the enum."""
    names = [value.removeprefix("ERROR_REASON_") for value in contract.enums[ERROR_REASON].values]
    return [name for name in names if name != "UNSPECIFIED"]


def split(comment: str) -> list[str]:
    """Returns the paragraphs of a comment, each in one line."""
    return [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", comment) if paragraph.strip()]


def first_sentence(comment: str) -> str:
    """Returns what a comment says first, for a table."""
    found = re.match(r".*?[.:](?=\s|$)", split(comment)[0])
    return (found[0] if found else split(comment)[0]).rstrip(":.") + "."


def refusals(comment: str) -> tuple[str, str]:
    """Returns a method's comment without its refusals, and these; they are empty where it names none of its own."""
    words = " ".join(comment.split())
    what, _, refused = words.partition(_REFUSALS)
    return what.strip(), refused.strip()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
