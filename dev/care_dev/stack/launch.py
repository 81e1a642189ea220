"""Starts a program that ends with its parent, under another account if requested: `python launch.py …`.

The parent runs the result of `command(…)`. This file then runs as a program in the new process, changes the settings of
the process, and replaces itself with the requested program. A parent with threads can't safely do this between fork and
exec (`subprocess`'s `preexec_fn`). The file imports only the standard library, and starts in about twenty milliseconds.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from signal import SIGKILL, Signals
from typing import Final, NamedTuple, NoReturn

# linux/prctl.h, linux/securebits.h and linux/capability.h
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_KEEPCAPS: Final = 8
_PR_SET_SECUREBITS: Final = 28
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_RAISE: Final = 2
_SECBIT_NO_SETUID_FIXUP: Final = 1 << 2
_LINUX_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE: Final = 1

_PARENT_GONE: Final = 75
"""The exit status if the parent ended before the death signal was set (EX_TEMPFAIL of sysexits.h)."""


class Account(NamedTuple):
    """The user and group that a program runs as."""

    uid: int
    gid: int


def command(program: Sequence[str], *, death_signal: Signals = SIGKILL, account: Account | None = None) -> list[str]:
    """Wraps `program` so that the kernel sends it `death_signal` when the thread that starts it ends (Linux only).

    With an `account`, which only root can use, the program runs under that account. It can still enter folders that
    only root may enter, because the virtual environment or the data may be below root's home.
    """
    if account is None and sys.platform != "linux":
        return list(program)
    user = f"{account.uid}:{account.gid}" if account else "-"
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(death_signal)), user, "--", *program]


def refused(program: str, error: OSError) -> str:
    """Returns one line that says why `program` cannot be run, and what to do."""
    remedy = "install the package that it belongs to again, on a file system that allows programs"
    if error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
        remedy = "end other programs, or raise the limits of this account"
    return f"{program} cannot be run ({error.strerror}): {remedy}"


def _main(arguments: list[str]) -> NoReturn:
    parent, death_signal, user, _separator, *program = arguments
    if user != "-":
        uid, gid = user.split(":")
        root_can_run = os.access(program[0], os.X_OK)
        _become(int(uid), int(gid))
        # PostgreSQL's programs also use access(2) to find each other.
        if root_can_run and not os.access(program[0], os.X_OK):
            sys.exit(
                f"care: the account with id {uid}, used instead of root, cannot reach {program[0]}: "
                "run care as an account other than root, or install it in a folder that every account may enter"
            )
    if sys.platform == "linux":
        # This comes after the change of account, which clears the signal.
        _prctl(_PR_SET_PDEATHSIG, int(death_signal))
        # The parent may have ended before the signal was set.
        if os.getppid() != int(parent):
            sys.exit(_PARENT_GONE)
    try:
        os.execv(program[0], program)
    except OSError as error:
        sys.exit(f"care: {refused(program[0], error)}")


def _become(uid: int, gid: int) -> None:
    if sys.platform == "linux":
        # The program can read files as root does, so no set-user-ID program that it starts may gain more rights.
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        # With this, access(2) respects the capability. PostgreSQL's programs use access(2) to find each other.
        _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
        # If the kernel refuses the securebits, this keeps the capability during the change of account.
        _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if sys.platform == "linux":
        _keep_file_access()


def _keep_file_access() -> None:
    """Keeps CAP_DAC_OVERRIDE, and no other capability, across exec with the ambient set (capabilities(7)).

    If the kernel refuses this, the program has no capability at all, and needs ordinary permissions.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
    bit = 1 << _CAP_DAC_OVERRIDE
    data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; low word, then high
    if libc.capset(header, data) == 0:
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE)


def _prctl(option: int, *arguments: int) -> None:
    import ctypes

    padded = [*arguments, 0, 0, 0, 0][:4]
    ctypes.CDLL(None).prctl(ctypes.c_int(option), *(ctypes.c_ulong(argument) for argument in padded))


if __name__ == "__main__":
    _main(sys.argv[1:])
