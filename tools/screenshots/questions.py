"""Reads the questions of docs/runbook.md, with their filters and screenshots."""

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
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


@dataclass(frozen=True)
class Question:
    """A question of an operator, and where to find the answer."""

    number: int
    title: str
    filters: Sequence[str]
    """Queries of Temporal's visibility store for the list of workflows."""
    images: Sequence[Path]


def parse_questions(text: str) -> list[Question]:
    """Returns the questions of the page in order."""
    headings = list(_QUESTION.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    questions = []
    for heading, end in zip(headings, ends, strict=True):
        body = text[heading.end() : end]
        filters = [each["text"] for each in _FILTER.finditer(body)]
        images = [PAGE.parent / each["path"] for each in _IMAGE.finditer(body)]
        questions.append(Question(int(heading["number"]), heading["title"], filters, images))
    return questions


def shift_times(text: str, now: datetime) -> str:
    """Returns the page with all times shifted so that the first one, the time of the examples, is `now`.

    Filters need absolute times, because Temporal's visibility store has no relative ones.
    """
    first = _TIME.search(text)
    if first is None:
        raise ValueError("the page does not contain the time of its examples")
    shift = now.astimezone(UTC).replace(microsecond=0) - datetime.fromisoformat(first[0])
    return _TIME.sub(lambda match: f"{datetime.fromisoformat(match[0]) + shift:%Y-%m-%dT%H:%M:%SZ}", text)
