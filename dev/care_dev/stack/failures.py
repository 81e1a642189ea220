"""Explains in one line why a program of the stack failed to start and what to do, from the program's output."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_DISK_FULL: Final = "the disk is full: free some space, or choose another folder with --home"

_FULL: Final = 2**20
"""A disk with fewer free bytes counts as full."""

_KNOWN: Final = (
    (r"no space left on device|check free disk space|disk is full|disk quota exceeded", _DISK_FULL),
    (
        r"(?P<what>\d[\d.]*:\d+)\b.*address already in use",
        "another program listens on {what}: stop that, or choose other ports with --first-port N",
    ),
    (
        r"address already in use",
        "another program listens on one of its ports: stop that, or choose other ports with --first-port N",
    ),
    (
        r"read-?only (?:database|file system)|unable to open database file",
        "this account cannot write {data}: use the account that made it, or choose another folder with --home",
    ),
    (
        r"file is not a database|database disk image is malformed",
        "{data} is damaged: delete it (its data are lost), or choose another folder with --home",
    ),
    (
        r"no module named '(?P<what>[^']+)'",
        "the package {what} is missing: run pip install 'review-care[cli]'",
    ),
)
"""Patterns of error messages (SQLite, PostgreSQL, Go, Python; case-insensitive), each with the explanation to show."""

_OWN_LINE: Final = re.compile(r"care(?: [a-z-]+)?: (.+?)\.?")
"""A line with a configuration error of one of Care's roles. The message already says what to do."""

_ERROR_LINE: Final = re.compile(r".*\b(fatal|panic|error|detail|hint):\s+(.+?)\.?", re.IGNORECASE)
"""A line with an error mark of PostgreSQL, its programs or Temporal. Of several marks, the last one gives the cause."""


def explain(lines: Sequence[str], data: Path | None = None) -> str | None:
    """Returns one line that says what is wrong and what to do; None if `lines` show no known failure.

    `lines` are the last lines of the program's log, the oldest first. `data` is the file or folder of its data, if any.
    """
    for line in lines:
        for pattern, explanation in _KNOWN:
            if found := re.search(pattern, line, re.IGNORECASE):
                return explanation.format(data=data or "its data", **found.groupdict())
    return _own(lines) or _error(lines)


def explain_silence(log: Path) -> str | None:
    """Returns the reason why a program wrote nothing to `log`: the disk is full. None if it is not full."""
    return _DISK_FULL if shutil.disk_usage(log).free < _FULL else None


def _own(lines: Sequence[str]) -> str | None:
    for line in reversed(lines):
        if found := _OWN_LINE.fullmatch(line.strip()):
            return found[1]
    return None


def _error(lines: Sequence[str]) -> str | None:
    """Returns the first error, with PostgreSQL's details and hints, which say what to do."""
    errors = [(found[1].lower(), found[2]) for line in lines if (found := _ERROR_LINE.fullmatch(line.strip()))]
    error = next((text for kind, text in errors if kind not in ("detail", "hint")), None)
    advice = [text for kind, text in errors if kind in ("detail", "hint")]
    return ": ".join([error, *advice]) if error else None
