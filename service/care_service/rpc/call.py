"""The call that is being served: who calls, and when. The interceptor sets it, handlers read it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from care_rules.callers import Caller


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler knows about a call beside its request."""

    method: str
    """`care.v1.TicketService/GetTicket`."""
    caller: Caller
    now: datetime
    """The time of the call, in UTC: one instant for everything that it does."""
    expiry: float | None = None
    """When the token expires, as a Unix time; None where the method needs no token."""


_CURRENT: Final[ContextVar[Call]] = ContextVar("care_call")


def current_call() -> Call:
    """Returns the call that is being served."""
    return _CURRENT.get()


def set_call(call: Call) -> None:
    """Makes `call` the current one of this task."""
    _CURRENT.set(call)
