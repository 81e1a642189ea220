"""Runs the program `care` in a process that is forked after the imports, which take most of a short command's time."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final

_IMPORTED: Final = ("pytest", "care_cli.app", "care_cli.ticket.app", __name__)
"""The modules that are imported before the fork. multiprocessing imports the parent's main module, which is pytest."""
_STANDARD_INPUT, _STANDARD_OUTPUT, _STANDARD_ERRORS = 0, 1, 2


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_IMPORTED))
    return context


_CONTEXT: Final = _context()


def run(arguments: Sequence[str], variables: Mapping[str, str], folder: Path, timeout: float) -> int | None:
    """Runs the program and returns its exit status, or None if it was killed after `timeout` seconds.

    The files `input`, `output` and `errors` in `folder` are the program's standard streams.
    """
    process = _CONTEXT.Process(target=_care, args=(list(arguments), dict(variables), folder), daemon=True)
    process.start()
    process.join(timeout)
    if process.is_alive():
        process.kill()
        process.join()
        return None
    return process.exitcode


def _care(arguments: list[str], variables: dict[str, str], folder: Path) -> None:
    os.environ.clear()
    os.environ.update(variables)
    for number, name, flags in (
        (_STANDARD_INPUT, "input", os.O_RDONLY),
        (_STANDARD_OUTPUT, "output", os.O_WRONLY | os.O_CREAT),
        (_STANDARD_ERRORS, "errors", os.O_WRONLY | os.O_CREAT),
    ):
        os.dup2(os.open(folder / name, flags), number)
    sys.stdin = open(_STANDARD_INPUT, encoding="utf-8", closefd=False)  # noqa: SIM115 - until the process ends
    sys.stdout = open(_STANDARD_OUTPUT, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(_STANDARD_ERRORS, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    sys.argv = ["care", *arguments]
    from care_cli.app import main

    main()
