"""The access rules of methods, read from their `access` options. There is no other list of access rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from care.v1 import (
    access_pb2,
    conversation_service_pb2,
    customer_service_pb2,
    directory_service_pb2,
    lifecycle_service_pb2,
    review_service_pb2,
    settings_service_pb2,
    ticket_service_pb2,
    worker_service_pb2,
)
from care_rules.callers import Caller, Role
from care_rules.refusals import Reason, Refusal
from care_service.rpc import enums

SERVICES: Final[tuple[ServiceDescriptor, ...]] = tuple(
    module.DESCRIPTOR.services_by_name[name]
    for module, name in (
        (ticket_service_pb2, "TicketService"),
        (conversation_service_pb2, "ConversationService"),
        (customer_service_pb2, "CustomerService"),
        (review_service_pb2, "ReviewService"),
        (directory_service_pb2, "DirectoryService"),
        (settings_service_pb2, "SettingsService"),
        (worker_service_pb2, "WorkerService"),
        (lifecycle_service_pb2, "LifecycleService"),
    )
)


class MissingAccessError(Exception):
    """The `access` option of a method is missing or empty, or has both roles and `public`."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The access rule of one method."""

    method: str
    """The full name, such as `care.v1.TicketService/GetTicket`."""
    public: bool
    """Whether the method needs no token."""
    roles: frozenset[Role]

    def check(self, caller: Caller) -> None:
        """Refuses with ROLE_NOT_ALLOWED if the caller has none of the roles."""
        if self.roles & caller.roles:
            return
        allowed = ",".join(sorted(self.roles))
        metadata = {"method": self.method, "roles": ",".join(sorted(caller.roles)), "allowed": allowed}
        raise Refusal(Reason.ROLE_NOT_ALLOWED, f"{self.method} needs one of the roles {allowed}.", metadata)


def policy_of(method: MethodDescriptor) -> Policy:
    """Returns a method's access rule. Raises MissingAccessError if the `access` option is not valid."""
    access = method.GetOptions().Extensions[access_pb2.access]
    roles = frozenset(role for number in access.roles if (role := enums.ROLE.from_contract(number)))
    name = f"{method.containing_service.full_name}/{method.name}"
    if access.public == bool(roles):
        raise MissingAccessError(f"{name} needs an access option: either roles, or public")
    return Policy(name, access.public, roles)


def policies() -> dict[str, Policy]:
    """Returns the access rule of every method, by its path (`/care.v1.TicketService/GetTicket`)."""
    return {
        f"/{service.full_name}/{method.name}": policy_of(method) for service in SERVICES for method in service.methods
    }
