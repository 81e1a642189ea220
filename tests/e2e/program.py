"""The program `care` as somebody types it, for commands that end by themselves."""

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

PATIENCE: Final = 20.0
"""Seconds until a program that refuses to run has said so; the slowest part is its start."""


@dataclass(frozen=True)
class Ended:
    """A program that has ended."""

    status: int | None
    output: str
    errors: str

    def refused(self, *words: str) -> None:
        """It did nothing but say, in one line, what is wrong: `words` are in it."""
        assert self.status not in (0, None)
        [line] = [line for line in self.errors.splitlines() if not _is_log(line)]
        assert [word for word in words if word not in line] == [], line
        assert "Traceback" not in line


def _is_log(line: str) -> bool:
    """Whether the line only tells what a role did before it came to what is wrong."""
    return line.startswith("{") and json.loads(line)["level"] == "info"


async def care(
    *arguments: str, variables: Mapping[str, str] = {}, given: str = "", patience: float = PATIENCE
) -> Ended:
    """Run `care` to its end, which has to come by itself, with these variables and none of ours.

    `given` is what it reads from standard input.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "care_cli", *arguments),
        env={**inherited_environment(), **variables},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(patience):
            output, errors = await process.communicate(given.encode())
    except TimeoutError:
        process.kill()
        output, errors = await process.communicate()
        pytest.fail(f"care {' '.join(arguments)} goes on: {output.decode()}{errors.decode()}")
    return Ended(process.returncode, output.decode(), errors.decode())


async def forked_care(
    *arguments: str, variables: Mapping[str, str] = {}, given: str = "", patience: float = PATIENCE
) -> Ended:
    """Do as `care` does, at a fraction of its cost: the process has imported the program before it knows what to do."""
    with tempfile.TemporaryDirectory(prefix="care-program-") as name:
        folder = Path(name)
        (folder / "input").write_text(given, encoding="utf-8")
        environment = {**inherited_environment(), **variables}
        status = await asyncio.to_thread(forked.run, arguments, environment, folder, patience)
        output, errors = ((folder / each).read_text(encoding="utf-8") for each in ("output", "errors"))
    if status is None:
        pytest.fail(f"care {' '.join(arguments)} goes on: {output}{errors}")
    return Ended(status, output, errors)
