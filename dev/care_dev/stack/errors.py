"""The error that the stack raises. Its text is for a person: what is wrong and, where possible, what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_ADVICE: Final = {
    errno.ENOSPC: "free some space, or choose another folder with --home",
    errno.EDQUOT: "free some space, or choose another folder with --home",
    errno.EACCES: "use the account that made it, or choose another folder with --home",
    errno.EPERM: "use the account that made it, or choose another folder with --home",
}


class StackError(Exception):
    """The stack, or a command that uses it, failed. `str(error)` is for the console, and may have several lines."""


@contextmanager
def convert_os_errors(path: Path) -> Iterator[None]:
    """Turns an OSError of the block into a StackError that names `path`: the home folder, or something in it."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "choose another folder with --home")
        raise StackError(f"{path} cannot be used ({error.strerror or error}): {advice}") from error
