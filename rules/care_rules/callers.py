"""The caller of a method: the bearer of a token, a workflow's worker, or a customer with a link."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from care_rules.entities.activity import ActorKind
from care_rules.refusals import not_found


class Role(StrEnum):
    """A role that a token's `roles` claim can contain."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    SERVICE = "service"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity behind a call."""

    kind: ActorKind
    id: str
    """The token's `sub`; for a customer, the id of the resource behind the link."""
    organization: str | None
    """None only for customers, and for services and workers that serve all organizations."""
    roles: frozenset[Role]
    display_name: str
    acting_service: str = ""
    """The service that calls on behalf of the bearer: the `sub` of the token's `act` claim (RFC 8693, section 4.1)."""

    @property
    def is_agent(self) -> bool:
        """Whether the caller is a member of the team. Supervisors are agents, too."""
        return self.kind is ActorKind.AGENT

    def check_organization(self, organization: str, resource: str) -> None:
        """Refuses with RESOURCE_NOT_FOUND if `resource` belongs to another organization than the caller."""
        if self.organization is not None and self.organization != organization:
            raise not_found(resource)

    @property
    def actor(self) -> str:
        """The actor in the activity log: the id of an agent or service; empty for workflows and customers."""
        return self.id if self.kind in {ActorKind.AGENT, ActorKind.SERVICE} else ""


def customer_caller(link_id: str) -> Caller:
    """Returns the caller for the holder of a link. `link_id` is the id of the resource behind the link."""
    return Caller(ActorKind.CUSTOMER, link_id, None, frozenset(), "")
