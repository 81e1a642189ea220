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
    """Writes of what is no ticket. Each is one transaction, together with the record of its answer."""

    async def answer(self, key: RequestKey) -> StoredResponse | None:
        """Returns the answer kept for a request."""
        ...

    async def ensure_organization(self, organization: str, now: datetime) -> None:
        """Makes the organization's entry where it is missing."""
        ...

    async def ensure_agent(self, organization: str, agent: str, display_name: str, now: datetime) -> None:
        """Makes the agent's entry, and the organization's, where they are missing."""
        ...

    async def put_organization(
        self,
        organization: Organization,
        changed: Collection[str],
        record: IdempotencyRecord | None,
        revision: SettingsRevision | None = None,
    ) -> None:
        """Writes the fields `changed` of an existing organization, so that others' changes of other fields stay.

        With a `revision` its settings as well; raises StaleError where they were changed since it was loaded.
        """
        ...

    async def put_location(
        self,
        location: Location,
        changed: Collection[str],
        record: IdempotencyRecord | None,
        revision: SettingsRevision | None = None,
    ) -> None:
        """Writes a location, new or not; of an existing one the fields `changed`. With a `revision` as above."""
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
        """Writes a review, what its ticket notes of that, the ticket that it raises, and its location's entry.

        Raises StaleError where a newer edit is stored, or the ticket has changed.
        """
        ...
