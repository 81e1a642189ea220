"""Tries edits on a copy of the checkout, so that the developer's files do not change."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tools.mutants.edit import TYPES, Edit

ROOT: Final = Path(__file__).resolve().parents[2]
_PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_SOURCES: Final[list[str]] = _PROJECT["tool"]["hatch"]["build"]["dev-mode-dirs"]
"""The folders that an editable installation puts on the import path."""
_TYPE_CACHE: Final = ".mypy_cache"
_FIRST_FAILURE: Final = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_FIRST_TYPE_ERROR: Final = re.compile(r"^(\S+?:\d+): error:", re.MULTILINE)
_LIMIT: Final = 240
"""Seconds for one check. A test that waits because of an edit is stopped earlier by its own timeout, unless its cleanup
waits too."""
_GRACE: Final = 30
"""Seconds in which a stopped check can end the servers that it started."""


class BrokenBaselineError(Exception):
    """A check fails without any edit, so a failure after an edit proves nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of trying one edit."""

    edit: Edit
    noticed_by: str
    """The test or the place of the type error that noticed the edit. Empty if nothing noticed it."""
    seconds: float

    @property
    def survived(self) -> bool:
        """Whether no check noticed the edit."""
        return not self.noticed_by


class Copy:
    """A copy of the checkout. Its checks run with the interpreter of the caller, and import the copy's sources."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # The installation's own folders come after these on the import path.
        path = os.pathsep.join(str(root / folder) for folder in (".", *_SOURCES))
        # Python uses cached bytecode if the source has the same size and the same modification time in seconds. This
        # can be true after an edit.
        self._environment = dict(os.environ) | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        self._process: subprocess.Popen[str] | None = None

    def check(self, *what: str) -> str:
        """Runs TYPES, or tests; returns the first failure, or an empty string."""
        if what == (TYPES,):
            status, output = self._run("mypy", "--no-error-summary")
            first = _FIRST_TYPE_ERROR
        else:
            status, output = self._run("pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *what)
            first = _FIRST_FAILURE
        if status == 0:
            return ""
        reason = "stopped" if status is None else f"exit status {status}"
        found = first.search(output)
        return found.group(1) if found else f"{' '.join(what)} ({reason})"

    def _run(self, module: str, *arguments: str) -> tuple[int | None, str]:
        """Returns the exit status and the output. The status is None if the limit was reached."""
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=self.root,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # so that `stop` also ends the processes that the tests start
        )
        try:
            output, _ = process.communicate(timeout=_LIMIT)
        except subprocess.TimeoutExpired:
            self.stop()
            return None, process.communicate()[0]
        return process.returncode, output

    def stop(self) -> None:
        """Ends the check that is running, if there is one, with everything that it started."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def copied_checkout() -> Iterator[Copy]:
    """Copies the files that git tracks or would track, as they are now, and the type checker's cache."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - the developer's git
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    with TemporaryDirectory(prefix="care-mutants-") as folder:
        root = Path(folder)
        root.chmod(0o755)  # the account that PostgreSQL runs as must be able to enter
        for name in filter(None, listed.split("\0")):
            source, target = ROOT / name, root / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        if (ROOT / _TYPE_CACHE).is_dir():
            # The cache is valid for the copy, because copied files keep their times. Without it, mypy needs minutes.
            shutil.copytree(ROOT / _TYPE_CACHE, root / _TYPE_CACHE)
        copy = Copy(root)
        try:
            yield copy
        finally:
            copy.stop()


def check_baseline(copy: Copy, edits: Iterable[Edit]) -> None:
    """Runs the checks of all edits without an edit; raises BrokenBaselineError if one fails."""
    checks = dict.fromkeys(check for edit in edits for check in edit.checks)
    tests = [check for check in checks if check != TYPES]
    # All tests run together, so that PostgreSQL and Temporal start only once.
    for group in ([TYPES] if TYPES in checks else [], tests):
        if group and (failure := copy.check(*group)):
            raise BrokenBaselineError(f"{failure} fails without any edit")


def try_edit(copy: Copy, edit: Edit) -> Outcome:
    """Applies an edit, runs its checks until one fails, and undoes the edit."""
    begin = time.monotonic()
    with edit.applied(copy.root):
        noticed_by = next(filter(None, map(copy.check, edit.checks)), "")
    return Outcome(edit, noticed_by, time.monotonic() - begin)
