"""The one error that the stack raises: its text is the line a person reads, and says what to do."""

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
    """The stack, or a part of it, cannot run; `str(error)` is meant for the console as it is."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a StackError that names `path`, a file or folder of the home."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "choose another folder with --home")
        raise StackError(f"{path} cannot be used ({error.strerror or error}): {advice}") from error
