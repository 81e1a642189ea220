"""Reads the `parent` of lists and streams, and checks that the caller may read the parent."""

from __future__ import annotations

from care_rules import names
from care_rules.callers import Caller
from care_rules.names import TicketName
from care_rules.refusals import not_found
from care_service.rpc.fields import Fields
from care_service.usecases.ports.reader import Reader


def list_parent(fields: Fields, parent: str, caller: Caller) -> str | None:
    """Returns the organization of a list; None for all organizations.

    Only a caller whose token names no organization may read all organizations. Call this function after the other
    fields are read, because it also refuses their violations.
    """
    if parent == names.ALL_ORGANIZATIONS:
        if caller.organization is not None:
            fields.reject(
                "parent",
                "must name the organization of your token; only a token without an organization can read all of them",
            )
        fields.check()
        return None
    organization = fields.name("parent", parent, names.parse_organization, "")
    fields.check()
    caller.check_organization(organization, parent)
    return organization


async def check_ticket(reader: Reader, caller: Caller, name: TicketName) -> None:
    """Refuses with RESOURCE_NOT_FOUND if the ticket does not exist or belongs to another organization."""
    caller.check_organization(name.organization, str(name))
    if not await reader.ticket_exists(name):
        raise not_found(str(name))
