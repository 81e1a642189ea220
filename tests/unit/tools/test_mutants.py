"""The edits fit the present sources, and an edit that no check notices is reported."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

from tools.mutants import running
from tools.mutants.__main__ import main
from tools.mutants.edit import TYPES, Edit, EditError
from tools.mutants.edits import EDITS
from tools.mutants.running import ROOT

PRODUCT = "def area(width, height):\n    return width * height\n"
TEST = "from product import area\n\n\ndef test_area():\n    assert area({width}, {height}) == {area}\n"


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_replaces_one_text_of_the_present_sources_by_valid_code(edit: Edit) -> None:
    edited = edit.edited(ROOT)
    assert edited != (ROOT / edit.path).read_text(encoding="utf-8")
    ast.parse(edited)


@pytest.mark.parametrize("check", sorted({check for edit in EDITS for check in edit.checks} - {TYPES}))
def test_each_check_is_an_existing_test(check: str) -> None:
    path, _, test = check.partition("::")
    assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8") if test else (ROOT / path).is_file()


def test_names_are_unique_and_a_few_edits_are_short() -> None:
    assert len({edit.name for edit in EDITS}) == len(EDITS)
    assert 0 < sum(edit.is_short for edit in EDITS) <= 10


def test_each_edit_names_a_check() -> None:
    assert [edit.name for edit in EDITS if not edit.checks] == []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one function and three tests: one notices `+` for `*`, one does not, and one is wrong."""
    (tmp_path / "product.py").write_text(PRODUCT, encoding="utf-8")
    (tmp_path / "test_weak.py").write_text(TEST.format(width=2, height=2, area=4), encoding="utf-8")
    (tmp_path / "test_strong.py").write_text(TEST.format(width=2, height=3, area=6), encoding="utf-8")
    (tmp_path / "test_wrong.py").write_text(TEST.format(width=2, height=3, area=7), encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)  # noqa: S607 - the developer's git
    monkeypatch.setattr(running, "ROOT", tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # these tests need none
    return tmp_path


def adds(name: str, *checks: str, old: str = "width * height") -> Edit:
    return Edit(name, "product.py", old, "width + height", checks)


def test_an_edit_that_no_check_notices_is_reported(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weak, strong = adds("a weak test", "test_weak.py"), adds("a strong test", "test_weak.py", "test_strong.py")
    assert main(["--jobs", "2"], [weak, strong]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "all checks pass" in lines[0]
    assert [line.partition(" s  ")[2] for line in lines[1:3]] == [
        "SURVIVED",
        "noticed by test_strong.py::test_area",
    ]
    assert lines[3:] == ["2 edits, 1 survived"]
    assert (project / "product.py").read_text(encoding="utf-8") == PRODUCT


def test_only_the_requested_edits_are_tried(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weak, strong = adds("a weak test", "test_weak.py"), adds("a strong test", "test_strong.py")
    assert main(["--only", "strong"], [weak, strong]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 edits, 0 survived"
    assert main(["--list", "--short"], [weak, strong]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (adds("a test that fails", "test_wrong.py"), "test_wrong.py::test_area fails without any edit"),
        (adds("a test that is missing", "test_missing.py"), "test_missing.py (exit status 4) fails without any edit"),
        (adds("a text that is missing", "test_weak.py", old="width / height"), "0 times, not once"),
        (adds("a text that stands there twice", "test_weak.py", old="width"), "2 times, not once"),
    ],
)
def test_an_edit_that_proves_nothing_is_an_error(
    project: Path, capsys: pytest.CaptureFixture[str], edit: Edit, expected: str
) -> None:
    assert main([], [edit]) == 2
    assert expected in capsys.readouterr().err


def test_a_file_is_restored_with_its_modification_time(project: Path) -> None:
    file = project / "product.py"
    before = file.stat().st_mtime_ns
    with adds("an edit").applied(project):
        assert "width + height" in file.read_text(encoding="utf-8")
    assert file.read_text(encoding="utf-8") == PRODUCT
    assert file.stat().st_mtime_ns == before
    with pytest.raises(EditError):
        adds("no edit", old="depth").edited(project)
