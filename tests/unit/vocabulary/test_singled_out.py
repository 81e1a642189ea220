"""Each set of enum members and each comparison with a member is reviewed when a new member is added.

A set or a comparison has no entry for each member, so neither mypy nor `check_complete` sees whether a new member
belongs there. This test lists all of these places when there is a new member.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

import pytest

from tests.unit.vocabulary.contract import enums_of_the_contract, value_names
from tests.unit.vocabulary.source import Module, enum_of, enums, members, modules, place, read

REVIEWED: dict[str, str] = {
    "care.v1.ChatAuthor": "BUSINESS CUSTOMER",
    "care.v1.ChatState": "OPEN CLOSED",
    "care.v1.DeadlineStep": "FIRE WAIT DONE",
    "care.v1.DeliveryState": "QUEUED SENT DELIVERED FAILED",
    "care.v1.DeliveryStep": "SEND CHECK WAIT DONE",
    "care.v1.RecoveryState": (
        "FORM_REQUESTED AWAITING_CONTACT CONTACT_RECEIVED CHAT_UNLOCKED REFUSED WITHDRAWN EXPIRED REJECTED "
        "REPLACED ENDED_BY_CLOSE"
    ),
    "care.v1.RecoveryStep": "POST HOLD READ UNLOCK WAIT RETRACT EXPIRE DONE REMIND",
    "care_dev.EventKind": "PUT DELETE TAKE_DOWN",
    "care_dev.Mode": "ACCEPT REFUSE_TOO_LONG REFUSE_LINKS DOWN SLOW INHERIT",
    "care_dev.Role": "AGENT SUPERVISOR SERVICE WORKER",
    "care_rules.ActivityType": (
        "CREATED UPDATED TAKEN ASSIGNED ASSIGNED_BY_OVERRIDE RELEASED STARTED RESOLVED CLOSED REOPENED "
        "FORM_REQUESTED FORM_POSTED FORM_REFUSED FORM_WITHDRAWN FORM_EXPIRED REPLY_RETRACTED RETRACTION_REFUSED "
        "CONTACT_SUBMITTED CONTACT_CLAIMED CONTACT_ADDED CONTACT_REJECTED CHAT_UNLOCKED NOTE_ADDED MESSAGE_SENT "
        "MESSAGE_RECEIVED DELIVERY_SENT DELIVERY_CONFIRMED DELIVERY_FAILED CONTACT_VERIFIED REVIEW_EDITED "
        "REVIEW_DELETED FORM_REMINDED FIRST_RESPONSE_MISSED RESOLUTION_MISSED INACTIVITY_WARNED AUTO_CLOSED"
    ),
    "care_rules.ActorKind": "AGENT SERVICE WORKFLOW CUSTOMER",
    "care_rules.AutoAssign": "OFF ROUND_ROBIN LEAST_LOADED",
    "care_rules.ChatState": "OPEN CLOSED",
    "care_rules.Command": (
        "TAKE ASSIGN RELEASE UPDATE START RESOLVE CLOSE REOPEN SEND_FORM WITHDRAW_FORM ADD_CONTACT REJECT_CONTACT "
        "SEND_MESSAGE ADD_NOTE"
    ),
    "care_rules.Comparator": "LESS_OR_EQUAL LESS GREATER_OR_EQUAL GREATER NOT_EQUAL EQUAL HAS",
    "care_rules.DeadlineKind": (
        "FORM_REMINDER FIRST_RESPONSE RESOLUTION INACTIVITY_WARNING INACTIVITY_CLOSE GRACE_CLOSE"
    ),
    "care_rules.DeliveryState": "QUEUED SENT DELIVERED FAILED",
    "care_rules.DeliveryStep": "SEND CHECK WAIT DONE",
    "care_rules.FormState": "OPEN ANSWERED EXPIRED WITHDRAWN REPLACED CLOSED",
    "care_rules.TokenKind": "WORD STRING COMPARATOR OPEN CLOSE MINUS END",
    "care_rules.MessageKind": "REVIEW REVIEW_REPLY RECOVERY_FORM NOTE AGENT_MESSAGE CUSTOMER_MESSAGE",
    "care_rules.Moves": "DEADLINES REMINDERS",
    "care_rules.OrderField": "NUMBER CREATE_TIME UPDATE_TIME PRIORITY",
    "care_rules.Party": "ASSIGNEE SERVICE CUSTOMER WORKFLOW SYSTEM",
    "care_rules.Reason": (
        "INVALID_FIELD INVALID_PAGE_TOKEN INVALID_FILTER TOKEN_MISSING TOKEN_INVALID TOKEN_EXPIRED "
        "TOKEN_KEYS_UNAVAILABLE ROLE_NOT_ALLOWED NOT_ASSIGNEE NOT_ASSIGNABLE REPORTER_NOT_ALLOWED RESOURCE_NOT_FOUND "
        "LINK_UNKNOWN REQUEST_ID_REUSED TICKET_EXISTS ILLEGAL_TRANSITION UNASSIGNED ALREADY_ASSIGNED CHAT_LOCKED "
        "TICKET_CLOSED NO_REVIEW FORM_LIVE LINK_EXPIRED LINK_WITHDRAWN ETAG_MISMATCH CONTENDED RATE_LIMITED "
        "DATABASE_UNAVAILABLE TIME_LIMIT_EXCEEDED OVERLOADED DRAINING"
    ),
    "care_rules.RecoveryKind": "FORM DIRECT",
    "care_rules.RecoveryStep": "POST HOLD READ UNLOCK WAIT RETRACT EXPIRE DONE REMIND",
    "care_rules.RecoveryState": (
        "NO_CONTACT FORM_REQUESTED AWAITING_CONTACT CONTACT_RECEIVED CHAT_UNLOCKED REFUSED WITHDRAWN EXPIRED "
        "REJECTED REPLACED ENDED_BY_CLOSE"
    ),
    "care_rules.Relation": "MINE OTHERS UNASSIGNED",
    "care_rules.ReplyState": "NONE POSTING RETRACTING POSTED NOT_PUBLIC RETRACTED",
    "care_rules.Role": "AGENT SUPERVISOR SERVICE WORKER",
    "care_rules.TicketStatus": "OPEN IN_PROGRESS RESOLVED CLOSED",
    "care_rules.Trigger": (
        "START RESOLVE CLOSE REOPEN AUTO_CLOSE REQUEST_FORM ADD_CONTACT REPLACE_FORM RECORD_POSTED RECORD_REFUSED "
        "SUBMIT_CONTACT UNLOCK_CHAT WITHDRAW_FORM EXPIRE_FORM REJECT_CONTACT TICKET_CLOSED"
    ),
    "care_web.FormState": "OPEN ANSWERED EXPIRED WITHDRAWN REPLACED CLOSED",
    "care_workflows.DeliveryFailure": (
        "ADDRESS_REFUSED UNSUBSCRIBED CONTENT_REFUSED NOT_PERMITTED NO_CHANNEL BOUNCED OTHER"
    ),
    "care_workflows.Progress": "SENT DELIVERED",
    "care_workflows.RefusalReason": "TOO_LONG LINKS_NOT_ALLOWED REVIEW_NOT_FOUND NOT_PERMITTED OTHER",
}
"""The members of each enum for which every place has been reviewed."""


def places(module: Module) -> Iterator[tuple[str, str]]:
    """Yields each place that names some members of an enum but not all: the full name of the enum, and the place."""
    for node, parents in module.nodes:
        match node:
            case ast.Compare():
                named = [node.left, *node.comparators]
            case ast.Set() | ast.Tuple() | ast.List():
                named = node.elts
            case ast.Dict():
                named = [key for key in node.keys if key]
            case _:
                continue
        singled_out = [found for each in named if (found := enum_of(module, each))]
        for enum in {enum for enum, _ in singled_out}:
            if not members(module, enum) <= {member for found, member in singled_out if found == enum}:
                yield _full_name(module, enum), f"{module.path}:{node.lineno} {place(parents)}"


def _full_name(module: Module, enum: str) -> str:
    if enum in enums_of_the_contract():
        return enum
    name = module.names.get(enum, enum)
    return f"{module.package if name in enums(module.package) else 'care_rules'}.{name}"


def _members(enum: str) -> set[str]:
    package, _, name = enum.rpartition(".")
    return set(value_names(enum) if enum in enums_of_the_contract() else enums(package)[name])


def singled_out() -> Mapping[str, list[str]]:
    """Returns the places of each enum."""
    found: dict[str, list[str]] = {}
    for module in modules():
        for enum, where in places(module):
            found.setdefault(enum, []).append(where)
    return found


@pytest.mark.parametrize("enum", sorted(singled_out()))
def test_each_place_was_reviewed_for_each_member(enum: str) -> None:
    new = sorted(_members(enum) - set(REVIEWED.get(enum, "").split()))
    looked_at = "\n".join(singled_out()[enum])
    assert new == [], f"decide at each place what {new} mean there, then add them to REVIEWED:\n{looked_at}"


def test_no_unknown_member_is_listed_as_reviewed() -> None:
    found = {enum: _members(enum) for enum in singled_out()}
    assert {enum: set(text.split()) - found.get(enum, set()) for enum, text in REVIEWED.items()} == {
        enum: set() for enum in found
    }


@pytest.mark.parametrize(
    "text",
    ["T = {Priority.LOW, Priority.HIGH}", "if x is Priority.LOW: a()", "T = {Priority.LOW: 1}", "x in (Priority.LOW,)"],
)
def test_a_place_that_names_some_members_is_found(text: str) -> None:
    module = read("care_service", "made_up.py", f"from care_rules.entities.ticket import Priority\n{text}")
    assert {enum for enum, _ in places(module)} == {"care_rules.Priority"}
