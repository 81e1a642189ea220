"""docs/decisions: each file begins in the format that README.md describes, and README.md lists all files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs" / "decisions"
FILES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
NAME = re.compile(r"(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.md")
HEAD = re.compile(r"# (?P<number>\d{4})\. (?P<title>\S[^\n]*)\n\n\*\*Status:\*\* (?P<status>[^\n]+)\n\n\S")
LINK = r"\[(\d{4})\]\((\d{4}-[a-z0-9-]+\.md)\)"
STATUS = re.compile(rf"Accepted|(?:Amended|Superseded) by {LINK}(?:, {LINK})*")
ROW = re.compile(r"^\| (\d{4}) \| \[(.+)\]\((.+)\) \| (.+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Decision:
    number: str
    title: str
    file: str
    status: str


def read(path: Path) -> Decision:
    found = HEAD.match(path.read_text(encoding="utf-8"))
    assert found, f"{path.name} must begin as README.md says"
    return Decision(found["number"], found["title"], path.name, found["status"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_decision_has_its_number_and_a_status(path: Path) -> None:
    decision = read(path)
    name = NAME.fullmatch(path.name)
    assert name
    assert name[1] == decision.number
    assert STATUS.fullmatch(decision.status)
    for number, file in re.findall(LINK, decision.status):
        assert file.startswith(number)
        assert number > decision.number
        # The later decision names this one.
        assert f"decision {decision.number}" in (FOLDER / file).read_text(encoding="utf-8").lower()


def test_no_number_is_missing_or_used_twice() -> None:
    numbers = [int(path.name.partition("-")[0]) for path in FILES]
    assert numbers == list(range(1, len(FILES) + 1))


def test_the_table_lists_every_decision() -> None:
    rows = ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))
    listed = [Decision(number, title, file, status) for number, title, file, status in rows]
    assert listed == [read(path) for path in FILES]
