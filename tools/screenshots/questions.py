"""Reads docs/runbook.md: its questions, with the filters that answer them and the screenshots that show it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "runbook.md"

_QUESTION: Final = re.compile(r"^## (?P<number>\d+)\. (?P<title>.+\?)$", re.MULTILINE)
_FILTER: Final = re.compile(r"^```sql\n(?P<text>.+)\n```$", re.MULTILINE)
_IMAGE: Final = re.compile(r"^!\[[^\]]+\]\((?P<path>[^)]+\.png)\)$", re.MULTILINE)
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


@dataclass(frozen=True)
class Question:
    """What an operator asks, and where the answer stands."""

    number: int
    title: str
    filters: Sequence[str]
    """Each a query of Temporal's visibility store, for the list of workflows."""
    images: Sequence[Path]


def read(text: str) -> list[Question]:
    """Returns the questions of a page in their order."""
    marks = list(_QUESTION.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    found = []
    for mark, end in zip(marks, ends, strict=True):
        body = text[mark.end() : end]
        filters = [each["text"] for each in _FILTER.finditer(body)]
        images = [PAGE.parent / each["path"] for each in _IMAGE.finditer(body)]
        found.append(Question(int(mark["number"]), mark["title"], filters, images))
    return found


def at(text: str, now: datetime) -> str:
    """Returns the page as it reads at `now`: its first instant is the time of its examples, the others follow it.

    Filters have to name instants, as Temporal's store knows no "today".
    """
    first = _INSTANT.search(text)
    if first is None:
        raise ValueError("the page does not say at what time its examples are")
    moved = now.astimezone(UTC).replace(microsecond=0) - datetime.fromisoformat(first[0])
    return _INSTANT.sub(lambda each: f"{datetime.fromisoformat(each[0]) + moved:%Y-%m-%dT%H:%M:%SZ}", text)
