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
    """Writes organizations, locations, agents and reviews. Each write commits with the record of its response."""

    async def answer(self, key: RequestKey) -> StoredResponse | None:
        """Returns the response stored for a request."""
        ...

    async def ensure_organization(self, organization: str, now: datetime) -> None:
        """Creates the organization's entry if it is missing."""
        ...

    async def ensure_agent(self, organization: str, agent: str, display_name: str, now: datetime) -> None:
        """Creates the entries of the agent and the organization if they are missing."""
        ...

    async def put_organization(
        self,
        organization: Organization,
        changed: Collection[str],
        record: IdempotencyRecord | None,
        revision: SettingsRevision | None = None,
    ) -> None:
        """Writes the fields `changed` of an existing organization. Concurrent changes of other fields stay.

        With a `revision`, writes the settings, too. Raises StaleError if the settings changed since they were loaded.
        """
        ...

    async def put_location(
        self,
        location: Location,
        changed: Collection[str],
        record: IdempotencyRecord | None,
        revision: SettingsRevision | None = None,
    ) -> None:
        """Writes a new location, or the fields `changed` of an existing one. `revision` is as in `put_organization`."""
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
        """Writes a review, the decision on its ticket, the ticket that it raises, and the entry of its location.

        Raises StaleError if a newer edit is stored, or if the ticket has changed.
        """
        ...
