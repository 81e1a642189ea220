"""Where organizations, locations, agents and reviews are written."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from care_rules.entities.agent import Agent
from care_rules.entities.review import Review
from care_rules.organizations import Location, Organization
from care_rules.scheduling import ScheduledDecision
from care_rules.settings import SettingsRevision
from care_service.usecases.ports.idempotency import (
    IdempotencyRecord,
    RequestKey,
    StoredResponse,
)


class Directory(Protocol):
    """Writes of everything but tickets. Each is one transaction, together with the stored response."""

    async def answer(self, key: RequestKey) -> StoredResponse | None:
        """Returns the response that is stored for a request; None if there is none."""
        ...

    async def ensure_organization(self, organization: str, now: datetime) -> None:
        """Makes the organization's entry if it does not exist."""
        ...

    async def ensure_agent(self, organization: str, agent: str, display_name: str, now: datetime) -> None:
        """Makes the agent's entry, and the organization's, if they do not exist."""
        ...

    async def put_organization(
        self,
        organization: Organization,
        changed: Collection[str],
        record: IdempotencyRecord | None,
        revision: SettingsRevision | None = None,
    ) -> None:
        """Writes the fields `changed` of an existing organization; changes of other fields by other calls stay.

        With a `revision`, writes its settings too. Raises StaleError where those changed since the load.
        """
        ...

    async def put_location(
        self,
        location: Location,
        changed: Collection[str],
        record: IdempotencyRecord | None,
        revision: SettingsRevision | None = None,
    ) -> None:
        """Writes a new location, or the fields `changed` of an existing one. `revision` is as above."""
        ...

    async def put_agent(self, agent: Agent, changed: Collection[str], record: IdempotencyRecord | None) -> None:
        """Writes the fields `changed` of an existing agent."""
        ...

    async def put_review(
        self,
        review: Review,
        record: IdempotencyRecord | None,
        *,
        is_new: bool,
        noted: ScheduledDecision | None = None,
        raised: ScheduledDecision | None = None,
    ) -> None:
        """Writes a review and its location's entry; what its ticket notes about an edit; the ticket that it raises.

        Raises StaleError where a newer edit is stored, or the ticket has changed.
        """
        ...
