"""The `parent` of lists and streams: whose it is, and whether the caller may ask for it."""

from __future__ import annotations

from care_rules import names
from care_rules.names import TicketName
from care_rules.refusals import not_found
from care_service.rpc.call import Call
from care_service.rpc.fields import Fields
from care_service.usecases.ports import Reader


def list_parent(fields: Fields, parent: str, call: Call) -> str | None:
    """Checks a list's fields, the parent last; None stands for all, which only a caller without one may ask for."""
    if parent == names.ALL_ORGANIZATIONS:
        if call.caller.organization is not None:
            fields.wrong("parent", "all organizations are for services whose token has none: name yours")
        fields.check()
        return None
    organization = fields.name("parent", parent, names.parse_organization, "")
    fields.check()
    call.enter(organization, parent)
    return organization


async def enter_ticket(reader: Reader, call: Call, name: TicketName) -> None:
    """Refuses with RESOURCE_NOT_FOUND a ticket that does not exist or is another organization's."""
    call.enter(name.organization, str(name))
    if not await reader.ticket_exists(name):
        raise not_found(str(name))
