"""The home folder of a stack: the lock of the process that runs in it (`stack.lock`), and its state (`stack.json`)."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from care_dev.stack.errors import StackError, convert_os_errors
from care_dev.stack.ports import Ports

DEFAULT: Final = Path(".care")

_LOCK: Final = "stack.lock"
_STATE: Final = "stack.json"

_PROBE_PATIENCE: Final = 0.5
"""How many seconds to retry taking the lock. `is_held`, called in another process, may hold the lock for a moment."""


@dataclass(frozen=True)
class State:
    """A healthy stack, as published for other programs."""

    pid: int
    """The id of the process that runs the stack."""
    ports: Ports


@contextmanager
def hold(home: Path) -> Iterator[Path]:
    """Locks `home` for this stack, and yields its absolute path. However the process ends, the lock is released.

    Raises StackError if another stack has the lock. The message names its process.
    """
    with convert_os_errors(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Unbuffered, so that closing the file does not repeat a write that a full disk refused.
        lock = (home / _LOCK).open("ab", buffering=0)
    with lock:
        deadline = time.monotonic() + _PROBE_PATIENCE
        while not _locked(lock.fileno()):
            if time.monotonic() > deadline:
                raise StackError(_running_already(home))
            time.sleep(0.02)
        with convert_os_errors(home):
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n".encode("ascii"))
            # A stack that was killed leaves its state behind.
            (home / _STATE).unlink(missing_ok=True)
        try:
            yield home.absolute()
        finally:
            (home / _STATE).unlink(missing_ok=True)
            lock.truncate(0)


def publish(home: Path, ports: Ports) -> None:
    """Publishes that the stack of this process is healthy."""
    new = home / f"{_STATE}.new"
    with convert_os_errors(home / _STATE):
        new.write_text(json.dumps({"pid": os.getpid(), "ports": ports.as_dict()}, indent=2) + "\n", encoding="utf-8")
        new.replace(home / _STATE)


def state(home: Path) -> State | None:
    """Returns the state of the healthy stack that runs in `home`; None if there is none."""
    if not is_held(home):
        return None
    with convert_os_errors(home / _STATE), suppress(FileNotFoundError):
        values = json.loads((home / _STATE).read_text(encoding="utf-8"))
        return State(pid=int(values["pid"]), ports=Ports(**values["ports"]))
    return None


def is_held(home: Path) -> bool:
    """Tells whether a stack runs or starts in `home`."""
    with convert_os_errors(home), suppress(FileNotFoundError), (home / _LOCK).open("rb") as lock:
        return not _locked(lock.fileno())
    return False


def _locked(descriptor: int) -> bool:
    """Tries to take the lock, and tells whether it succeeded. Closing the file releases the lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _running_already(home: Path) -> str:
    owner = (home / _LOCK).read_text(encoding="ascii").strip()
    if not owner:
        return f"a stack is just starting or stopping in {home}: try again, or choose another folder with --home"
    return f"a stack runs in {home} already (process {owner}): press Ctrl-C in its terminal, or run: kill {owner}"
