"""Runs the program `care` as a user does, for commands that end without a signal."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from care_dev.stack.processes import inherited_environment
from tests.support import forked

TIMEOUT: Final = 20.0
"""Seconds that a program has for starting and for reporting an error."""


@dataclass(frozen=True)
class CompletedProgram:
    """The exit status and the output of a program that has ended."""

    status: int | None
    output: str
    errors: str

    def assert_refused(self, *expected: str) -> None:
        """Checks that the program failed with one line of error, which contains each of `expected`."""
        assert self.status not in (0, None)
        [line] = [line for line in self.errors.splitlines() if not _is_log(line)]
        assert [text for text in expected if text not in line] == [], line
        assert "Traceback" not in line


def _is_log(line: str) -> bool:
    """Returns whether the line is a log line of level info, which a role may write before the error."""
    return line.startswith("{") and json.loads(line)["level"] == "info"


async def run_care(
    *arguments: str, variables: Mapping[str, str] = {}, stdin: str = "", timeout: float = TIMEOUT
) -> CompletedProgram:
    """Runs `care`, and waits until the process ends. `stdin` is the text of its standard input.

    Of the variables that configure Care, Temporal and PostgreSQL, the process has only `variables`. Fails the test if
    the process has not ended after `timeout` seconds.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "care_cli", *arguments),
        env={**inherited_environment(), **variables},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(timeout):
            output, errors = await process.communicate(stdin.encode())
    except TimeoutError:
        process.kill()
        output, errors = await process.communicate()
        pytest.fail(f"care {' '.join(arguments)} has not ended: {output.decode()}{errors.decode()}")
    return CompletedProgram(process.returncode, output.decode(), errors.decode())


async def run_forked_care(
    *arguments: str, variables: Mapping[str, str] = {}, stdin: str = "", timeout: float = TIMEOUT
) -> CompletedProgram:
    """Does the same as `run_care` in less time, because it forks a process that has already imported the program."""
    with tempfile.TemporaryDirectory(prefix="care-program-") as name:
        folder = Path(name)
        (folder / "input").write_text(stdin, encoding="utf-8")
        environment = {**inherited_environment(), **variables}
        status = await asyncio.to_thread(forked.run, arguments, environment, folder, timeout)
        output, errors = ((folder / each).read_text(encoding="utf-8") for each in ("output", "errors"))
    if status is None:
        pytest.fail(f"care {' '.join(arguments)} has not ended: {output}{errors}")
    return CompletedProgram(status, output, errors)
