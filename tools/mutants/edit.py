"""Defines an edit: one mistake put into one file of the product, and the checks that must notice it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TYPES: Final = "mypy"
"""In `Edit.checks`, stands for mypy on the whole project."""


class EditError(Exception):
    """The text that an edit replaces is not in its file, or is there more than once."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces one text of one file."""

    name: str
    """The mistake that the edit makes, in a few words."""
    path: str
    """The file, relative to the root of the checkout."""
    old: str
    """Must be in the file exactly once, in code and not in a comment."""
    new: str
    checks: tuple[str, ...]
    """The checks to run, in order. Each is TYPES, or a test file or a test for pytest."""
    is_short: bool = False
    """Whether CI tries the edit, too."""

    def edited(self, root: Path) -> str:
        """Returns the edited text of the file below `root`. Raises EditError if `old` is not in it exactly once."""
        text = (root / self.path).read_text(encoding="utf-8")
        if (count := text.count(self.old)) != 1:
            raise EditError(f"{self.name}: {self.path} has {self.old!r} {count} times, not once")
        return text.replace(self.old, self.new)

    @contextmanager
    def applied(self, root: Path) -> Iterator[None]:
        """Edits the file below `root`, and restores it at the end. Raises EditError as `edited` does."""
        file = root / self.path
        before, status = file.read_bytes(), file.stat()
        file.write_text(self.edited(root), encoding="utf-8")
        try:
            yield
        finally:
            file.write_bytes(before)
            # Python and mypy compare a file's modification time with the one in their caches. The old time keeps the
            # caches valid.
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
