"""A home has at most one stack. Other programs can read its addresses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from care_dev.stack import home as homes
from care_dev.stack.errors import StackError
from care_dev.stack.ports import Ports
from care_dev.stack.stack import Stack

HOLD = """
import sys
from pathlib import Path
from care_dev.stack import home
from care_dev.stack.ports import Ports
with home.hold(Path(sys.argv[1])) as held:
    home.publish(held, Ports.plan(20000))
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_stack_names_the_owner_of_the_home_and_a_killed_one_frees_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == "held\n"

        with pytest.raises(StackError) as refused, homes.hold(tmp_path):
            pass
        assert f"(process {owner.pid})" in str(refused.value)
        assert f"kill {owner.pid}" in str(refused.value)
        assert "\n" not in str(refused.value)
        found = Stack.running(tmp_path)
        assert found
        assert (found.pid, found.ports) == (owner.pid, Ports.plan(20000))

        owner.kill()
        owner.wait()
    assert Stack.running(tmp_path) is None
    with homes.hold(tmp_path):
        assert Stack.running(tmp_path) is None, "what the killed one wrote must not count for its successor"


def test_a_stack_is_visible_to_other_programs_while_it_is_healthy(tmp_path: Path) -> None:
    assert Stack.running(tmp_path) is None
    with homes.hold(tmp_path):
        assert Stack.running(tmp_path) is None
        homes.publish(tmp_path, Ports.plan(None))
        found = Stack.running(tmp_path)
        assert found
        assert found.pid == os.getpid()
        assert found.urls.web == "http://127.0.0.1:8080"
    assert Stack.running(tmp_path) is None


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match="choose another folder with --home"), homes.hold(tmp_path / "file"):
        pass
