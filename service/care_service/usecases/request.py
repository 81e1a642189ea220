"""The request for a command: the caller, the time, and what repeats of the request need.

The RPC layer makes a `Request`. No use case knows the bytes of a request or a response. See AIP-154 for etags, and
AIP-155 for request ids.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar
from uuid import UUID

from care_rules.callers import Caller
from care_rules.entities.ticket import Ticket
from care_rules.refusals import Reason, Refusal
from care_service.usecases.ports.idempotency import (
    REQUEST_ID_LIFETIME,
    IdempotencyRecord,
    RequestKey,
    StoredResponse,
    request_key,
)

OutcomeT = TypeVar("OutcomeT")

Replayable: TypeAlias = OutcomeT | StoredResponse
"""A command's outcome, or the stored response of an earlier call with the same request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[OutcomeT]):
    """One request for a command whose outcome is an `OutcomeT`."""

    caller: Caller
    now: datetime
    """The time of the call, in UTC. Everything that the command writes has this time."""
    id: UUID | None
    """The `request_id`; None if the caller gave none."""
    fingerprint: bytes
    """SHA-256 over the method and the request's bytes. Not used if the request has no id."""
    encode: Callable[[OutcomeT], bytes]
    """Converts the outcome to the response's bytes. Called only if the request has an id."""
    etag: str = ""
    """The version that the caller has seen; empty for any version."""

    @property
    def oldest(self) -> datetime:
        """Responses that were stored at this time or before have expired."""
        return self.now - REQUEST_ID_LIFETIME

    def by(self, caller: Caller) -> Request[OutcomeT]:
        """Returns the same request with `caller`, for a customer who is known only after their link is read."""
        return replace(self, caller=caller)

    def key(self, organization: str) -> RequestKey | None:
        """Returns the key of the stored response; None if the request has no id."""
        return request_key(organization, self.caller, self.id, self.oldest)

    def replay(self, stored: StoredResponse | None) -> StoredResponse | None:
        """Returns the stored response. Refuses with REQUEST_ID_REUSED if it belongs to another request."""
        if stored is not None and stored.fingerprint != self.fingerprint:
            message = "The request_id was used for another request. Choose a new one for each new request."
            raise Refusal(Reason.REQUEST_ID_REUSED, message, {"request_id": str(self.id)})
        return stored

    def record(self, organization: str, outcome: OutcomeT) -> IdempotencyRecord | None:
        """Returns the response to store with the commit; None if the request has no id."""
        key = self.key(organization)
        if key is None:
            return None
        return IdempotencyRecord(key, StoredResponse(self.fingerprint, self.encode(outcome)), self.now)

    def check_etag(self, ticket: Ticket) -> None:
        """Refuses with ETAG_MISMATCH if the caller has seen another version of the ticket."""
        if self.etag and self.etag != str(ticket.version):
            metadata = {"ticket": ticket.name, "etag": str(ticket.version)}
            raise Refusal(Reason.ETAG_MISMATCH, "The ticket has changed since you read it. Read it again.", metadata)
