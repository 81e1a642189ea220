"""The call in progress: who calls, and when. The interceptor sets the call, and handlers read it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from care_rules.callers import Caller


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler knows about a call besides its request."""

    method: str
    """The full name, such as `care.v1.TicketService/GetTicket`."""
    caller: Caller
    now: datetime
    """The time of the call, in UTC. Everything that the call writes has this time."""
    expiry: float | None = None
    """When the token expires, as a Unix time; None if the method needs no token."""


_CURRENT: Final[ContextVar[Call]] = ContextVar("care_call")


def current_call() -> Call:
    """Returns the call in progress."""
    return _CURRENT.get()


def set_call(call: Call) -> None:
    """Sets the current call of this task."""
    _CURRENT.set(call)
