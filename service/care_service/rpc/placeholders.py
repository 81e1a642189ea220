"""Placeholders for invalid names, until `Fields.check` refuses the request."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from care_rules.names import Child, MessageName, RecoveryName, ReviewName, TicketName

NO_TICKET: Final = TicketName("", 0)
NO_RECOVERY: Final = RecoveryName("", 0, UUID(int=0))
NO_MESSAGE: Final = MessageName("", 0, UUID(int=0))
NO_REVIEW: Final = ReviewName("", UUID(int=0))
NO_CHILD: Final = Child("", "")
