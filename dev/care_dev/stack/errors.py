"""The error that the stack raises. Its text is one line for a person, and says what to do."""

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
    """The stack or a part of it cannot run. `str(error)` is one line for the console."""


@contextmanager
def convert_os_errors(path: Path) -> Iterator[None]:
    """Turns an OSError of the block into a StackError that names `path`, a file or folder in the home folder."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "choose another folder with --home")
        raise StackError(f"{path} cannot be used ({error.strerror or error}): {advice}") from error
