"""The port for writes of organizations, locations, agents and reviews."""

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
    """Writes organizations, locations, agents and reviews. Each write with a `record` stores it in the same commit.

    Such a write raises StaleError if the same request committed first.
    """

    async def find_response(self, key: RequestKey) -> StoredResponse | None:
        """Returns the response that is stored for a request; None if there is none."""
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
        """Writes the fields `changed` of an existing organization. Keeps concurrent changes of other fields.

        With a `revision`, also writes the settings. Then raises StaleError if they changed since they were loaded.
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
        edit_entry: ScheduledDecision | None = None,
        new_ticket: ScheduledDecision | None = None,
    ) -> None:
        """Writes a review, and the entry of its location if that is missing.

        `edit_entry` is the decision that records an edit in the review's ticket. `new_ticket` is the decision on the
        ticket that the review gets. Both commit with the review. Raises StaleError if a newer edit is stored, or if the
        ticket has changed.
        """
        ...
