"""Who calls: the bearer of a token, a workflow's worker, or a customer with a link."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from care_rules.entities.activity import ActorKind
from care_rules.refusals import not_found


class Role(StrEnum):
    """What a token's `roles` claim can name."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    SERVICE = "service"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Caller:
    """The one who calls."""

    kind: ActorKind
    id: str
    """The token's `sub`; for a customer, the recovery that the link belongs to."""
    organization: str | None
    """None only for services and workers that serve all organizations, and for customers, who know none."""
    roles: frozenset[Role]
    display_name: str
    acting_service: str = ""
    """The service that calls on the agent's behalf: the `sub` of the token's `act` claim (RFC 8693, section 4.1)."""

    @property
    def is_agent(self) -> bool:
        """Whether the caller is a person of the team; supervisors are."""
        return self.kind is ActorKind.AGENT

    def check_organization(self, organization: str, resource: str) -> None:
        """Refuses with RESOURCE_NOT_FOUND a `resource` of an organization that is not the caller's."""
        if self.organization is not None and self.organization != organization:
            raise not_found(resource)

    @property
    def actor(self) -> str:
        """What the activity log calls them: the id of an agent or service, nothing for workflows and customers."""
        return self.id if self.kind in {ActorKind.AGENT, ActorKind.SERVICE} else ""


def customer_caller(link_id: str) -> Caller:
    """Makes the caller who holds a link; `link_id` is the id of the resource behind it."""
    return Caller(ActorKind.CUSTOMER, link_id, None, frozenset(), "")
