"""The call that is being served: who calls, and when. Set by the interceptor, read by handlers."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from care_rules.callers import Caller
from care_rules.refusals import not_found


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler knows of the call beside its request."""

    method: str
    """`care.v1.TicketService/GetTicket`."""
    caller: Caller
    now: datetime
    """One instant for the whole call, in UTC."""
    expiry: float | None = None
    """When the token's time is over, as a Unix time; None where none was asked for."""

    def enter(self, organization: str, resource: str) -> None:
        """Refuses with RESOURCE_NOT_FOUND where `resource` belongs to an organization that is not the caller's."""
        if self.caller.organization is not None and self.caller.organization != organization:
            raise not_found(resource)


_CURRENT: Final[ContextVar[Call]] = ContextVar("care_call")


def current_call() -> Call:
    """Returns the call that is being served."""
    return _CURRENT.get()


def set_call(call: Call) -> None:
    """Makes `call` the current one of this task."""
    _CURRENT.set(call)
