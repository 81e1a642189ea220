"""Tests that share something expensive run in the same process: the marker `xdist_group`, with `--dist loadgroup`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = """
import os
import pytest

@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(4))
def test_worker(number):
    with open(os.environ["FOUND"], "a") as found:
        print(os.environ["PYTEST_XDIST_WORKER"], file=found)
"""


def test_the_tests_of_a_group_run_in_one_process(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / f"test_{name}.py").write_text(TESTS, encoding="utf-8")
    found = tmp_path / "found"
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-c", "/dev/null", "--rootdir", "."]
    environment = {"FOUND": str(found), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    workers = found.read_text(encoding="utf-8").split()
    assert len(workers) == 8
    assert len(set(workers)) == 1
