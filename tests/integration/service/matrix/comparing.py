"""Compares the outcome of a cell with the expected one. Each difference is one readable line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo

from care.v1 import activity_pb2, recovery_pb2, ticket_pb2
from care.v1.ticket_pb2 import Ticket
from care_client.errors import CareError
from tests.integration.service.matrix.axes import Caller
from tests.integration.service.matrix.expectations import Created, Done, Expected
from tests.integration.service.matrix.looking import Seen
from tests.integration.service.matrix.requests import Place
from tests.support.design_tables import CODES

_LISTS: Final = frozenset({"allowed", "roles"})
"""Metadata keys whose values are comma-separated sets."""


@dataclass(frozen=True)
class Refusal:
    """The refusal of a call, or of the only item of a batch."""

    code: grpc.StatusCode
    reason: str
    metadata: Mapping[str, str]


def refusal_of(response: Message | CareError) -> Refusal | None:
    """Returns the refusal in a response, None for a success."""
    if isinstance(response, CareError):
        return Refusal(response.code, response.reason, response.metadata)
    results = getattr(response, "results", None)
    if not results or results[0].status.code == grpc.StatusCode.OK.value[0]:
        return None
    status, info = results[0].status, ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "care"
    assert not results[0].HasField("ticket")
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    return Refusal(code, info.reason, info.metadata)


def ticket_in(response: Message) -> Ticket | None:
    """Returns the ticket in a response, None if the method returns none."""
    results = getattr(response, "results", None)
    ticket = getattr(results[0] if results else response, "ticket", None)
    return ticket if isinstance(ticket, Ticket) else None


def refusal_differences(response: Message | CareError, reason: str, metadata: Mapping[str, str]) -> list[str]:
    """Returns the differences of a response from the expected refusal: its reason, code or metadata."""
    found = refusal_of(response)
    if found is None:
        return [f"a success, not {reason}"]
    if (found.reason, found.code) != (reason, CODES[reason]):
        return [f"{found.code.name} {found.reason}, not {reason}"]
    if _sets(found.metadata) != _sets(metadata):
        return [f"{reason} with {dict(found.metadata)}, not {dict(metadata)}"]
    return []


def _sets(metadata: Mapping[str, str]) -> dict[str, object]:
    return {key: frozenset(value.split(",")) if key in _LISTS else value for key, value in metadata.items()}


def ticket_differences(before: Seen, after: Seen, caller: Caller, expected: Expected) -> list[str]:
    """Returns the differences of a ticket after a success from the expected ticket."""
    if not isinstance(expected, Done):
        unlinked = Ticket()
        unlinked.CopyFrom(after.ticket)
        if isinstance(expected, Created) and expected.followed:
            unlinked.ClearField("follow_up")
        same = (unlinked, after.log, after.recovery) == (before.ticket, before.log, before.recovery)
        return [] if same else ["it changed what is seen of the ticket"]
    wanted = _values(before) | {
        name: value
        for name, value in (
            ("status", expected.status),
            ("contact_state", expected.contact_state),
            ("named", expected.named),
            ("assignee", expected.assignee),
        )
        if value is not None
    }
    found = _values(after)
    return [f"{name} is {found[name]}, not {wanted[name]}" for name in wanted if found[name] != wanted[name]] + _log(
        before, after, caller, expected
    )


def _values(seen: Seen) -> dict[str, str]:
    ticket, named = seen.ticket, seen.recovery
    return {
        "status": ticket_pb2.TicketStatus.Name(ticket.status).removeprefix("TICKET_STATUS_"),
        "contact_state": ticket_pb2.ContactState.Name(ticket.contact_state).removeprefix("CONTACT_STATE_"),
        "named": recovery_pb2.RecoveryState.Name(named.state).removeprefix("RECOVERY_STATE_") if named else "",
        "assignee": ticket.assignee.rpartition("/")[2],
    }


def _log(before: Seen, after: Seen, caller: Caller, expected: Done) -> list[str]:
    if after.log[1:] != before.log:
        return [f"{len(after.log) - len(before.log)} activities were added, not 1; or an old one changed"]
    newest, number = after.log[0], int(before.ticket.etag) + 1
    found = {
        "activity": activity_pb2.ActivityType.Name(newest.type).removeprefix("ACTIVITY_TYPE_"),
        "actor": activity_pb2.ActorKind.Name(newest.actor_kind).removeprefix("ACTOR_KIND_"),
        "number": newest.name.rpartition("/")[2],
        "etag": after.ticket.etag,
    }
    wanted = {
        "activity": expected.activity,
        "actor": actor_kind(expected.activity, caller),
        "number": str(number),
        "etag": str(number),
    }
    return [f"{name} is {found[name]}, not {wanted[name]}" for name in wanted if found[name] != wanted[name]]


def actor_kind(activity: str, caller: Caller) -> str:
    """Returns the kind of actor in the log. What customers submit and write is theirs, even if a service sends it."""
    if activity in {"CONTACT_SUBMITTED", "CONTACT_CLAIMED", "MESSAGE_RECEIVED"}:
        return "CUSTOMER"
    return {"worker": "WORKFLOW", "service": "SERVICE"}.get(caller.roles[0], "AGENT")


def new_ticket_differences(created: Seen, place: Place, expected: Created) -> list[str]:
    """Returns the differences of a ticket, created after that of `place` was CLOSED, from the expected ticket."""
    ticket, before = created.ticket, place.ticket
    found = {
        "review": ticket.review,
        "status": ticket_pb2.TicketStatus.Name(ticket.status),
        "contact_state": ticket_pb2.ContactState.Name(ticket.contact_state),
        "assignee": ticket.assignee,
        "follow_up_of": ticket.follow_up_of,
        "etag": ticket.etag,
        "log": [activity_pb2.ActivityType.Name(entry.type) for entry in created.log],
    }
    wanted = {
        "review": before.review,
        "status": "TICKET_STATUS_OPEN",
        "contact_state": f"CONTACT_STATE_{'CONTACT_RECEIVED' if expected.followed else 'NO_CONTACT'}",
        "assignee": before.assignee if expected.followed else "",
        "follow_up_of": before.name if expected.followed else "",
        "etag": "1",
        "log": ["ACTIVITY_TYPE_CREATED"],
    }
    return [
        f"the new ticket's {name} is {found[name]}, not {wanted[name]}"
        for name in wanted
        if found[name] != wanted[name]
    ]
