"""Each path, test, command, module and link that the documents name exists."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

from tests.unit.vocabulary.source import ROOT

PAGES = [
    "CONTRIBUTING.md",
    "README.md",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))),
]
FULL_OF_PATHS = ("CONTRIBUTING.md", "docs/recipes.md")
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()}
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
NOT_COMMITTED = {".venv", ".env"}


def code(page: str) -> list[str]:
    """Returns the texts in backticks and the lines of code blocks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [*re.findall(r"`([^`\n]+)`", text), *"".join(blocks).splitlines()]


@pytest.mark.parametrize("page", PAGES)
def test_each_path_exists(page: str) -> None:
    words = {word.removeprefix("ARGS=") for part in code(page) for word in part.split()}
    paths = {word for word in words if word.partition("/")[0] in FOLDERS - NOT_COMMITTED}
    assert len(paths) > 5 or page not in FULL_OF_PATHS
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


@pytest.mark.parametrize("page", PAGES)
def test_each_link_has_a_target(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text.replace("](0002-name.md)", ""))  # an example of the format
    assert sorted(link for link in links if not (ROOT / page).parent.joinpath(link).exists()) == []


@pytest.mark.parametrize("page", PAGES)
def test_each_make_target_exists(page: str) -> None:
    targets = {target for part in code(page) for target in re.findall(r"\bmake ([a-z][a-z-]*)", part)}
    assert sorted(targets - set(TARGETS)) == []


@pytest.mark.parametrize("page", PAGES)
def test_each_module_exists(page: str) -> None:
    modules = {name for part in code(page) for name in re.findall(r"^care_\w+(?:\.\w+)+$", part)}
    assert sorted(name for name in modules if find_spec(name) is None) == []
    # A test file that is named without its folder may be in any folder of the tests.
    tests = {name for part in code(page) for name in re.findall(r"^test_\w+\.py$", part)}
    assert sorted(name for name in tests if not any((ROOT / "tests").rglob(name))) == []
