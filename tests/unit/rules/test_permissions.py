"""Every command is refused in the right order of refusals in every situation. The test implements the order again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from care_rules import commands
from care_rules.callers import Caller, Role
from care_rules.decide import decide, situation_of
from care_rules.entities.activity import ActorKind
from care_rules.lifecycle import LIVE, RecoveryState, TicketStatus
from care_rules.permissions import Command, Relation, Situation, actions, refusal_reason
from care_rules.refusals import Reason, Refusal
from care_rules.snapshot import TicketSnapshot
from tests.support import sample_tickets as samples
from tests.support.design_tables import COMMANDS, RECOVERY, STATUS, STATUS_VERBS

ROLES = (
    frozenset({Role.AGENT}),
    frozenset({Role.AGENT, Role.SUPERVISOR}),
    frozenset({Role.SERVICE}),
    frozenset({Role.WORKER}),
)


def test_each_role_is_among_the_situations() -> None:
    assert frozenset[Role]().union(*ROLES) == {*Role}


def situations() -> Iterator[Situation]:
    for status, state, relation, roles, has_review, can_be_assignee in product(
        TicketStatus, RecoveryState, Relation, ROLES, (True, False), (True, False)
    ):
        yield Situation(status, state, relation, roles, has_review, can_be_assignee)


def expected_reason(command: str, at: Situation) -> str | None:
    """Returns the first reason in the order role, CLOSED ticket, assignee, state machine, the rest. None if allowed."""
    agent, supervisor = Role.AGENT in at.roles, Role.SUPERVISOR in at.roles
    service = Role.SERVICE in at.roles and command == "AddContact"
    if not agent and not service:
        return "ROLE_NOT_ALLOWED"
    if at.status == "CLOSED":
        return "TICKET_CLOSED"
    assignee_alone = not service and command != "TakeTicket" and not (command == "AssignTicket" and supervisor)
    if assignee_alone and at.relation is Relation.UNASSIGNED:
        return "UNASSIGNED"
    if assignee_alone and at.relation is Relation.OTHERS:
        return "NOT_ASSIGNEE"
    if command == "TakeTicket" and at.relation is Relation.OTHERS:
        return "ALREADY_ASSIGNED"
    return expected_by_machine(command, at) or expected_otherwise(command, at)


def expected_by_machine(command: str, at: Situation) -> str | None:
    state, form_is_live = at.recovery_state, at.recovery_state in {"FORM_REQUESTED", "AWAITING_CONTACT"}
    match command:
        case "StartTicket" | "ResolveTicket" | "CloseTicket" | "ReopenTicket":
            possible = at.status in STATUS[STATUS_VERBS[command]][0]
        case "SendRecoveryForm":
            if form_is_live:
                return "FORM_LIVE"
            possible = state == "NO_CONTACT"
        case "WithdrawRecoveryForm":
            possible = state in RECOVERY["withdraw_form"][0]
        case "RejectContact":
            possible = state in RECOVERY["reject_contact"][0]
        case "SendMessage":
            return None if state == "CHAT_UNLOCKED" else "CHAT_LOCKED"
        case "AddContact":
            possible = state == "NO_CONTACT" or form_is_live
        case _:
            possible = True
    return None if possible else "ILLEGAL_TRANSITION"


def expected_otherwise(command: str, at: Situation) -> str | None:
    if command == "SendRecoveryForm" and not at.has_review:
        return "NO_REVIEW"
    # TakeTicket by the assignee changes nothing, so it succeeds even if the agent can no longer be assigned.
    takes = command == "TakeTicket" and at.relation is Relation.UNASSIGNED
    if (takes or command == "AssignTicket") and not at.can_be_assignee:
        return "NOT_ASSIGNABLE"
    return None


def test_the_commands_agree_with_the_contract() -> None:
    assert tuple(command.value for command in Command) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_the_reason_is_the_first_in_the_order_of_refusals(command: str) -> None:
    wrong = [at for at in situations() if refusal_reason(Command(command), at) != expected_reason(command, at)]
    assert wrong == []


def test_the_actions_of_a_ticket_are_the_refusals_of_its_commands() -> None:
    for at in situations():
        found = {command.value: reason for command, reason in actions(at)}
        assert found.pop("AssignTicket") == expected_reason("AssignTicket", replace(at, can_be_assignee=True))
        assert found == {command: expected_reason(command, at) for command in COMMANDS if command != "AssignTicket"}


MADE: dict[str, commands.AgentCommand] = {
    "TakeTicket": commands.TakeTicket(),
    "AssignTicket": commands.AssignTicket("bob"),
    "ReleaseTicket": commands.ReleaseTicket(),
    "UpdateTicket": commands.UpdateTicket(subject="New"),
    "StartTicket": commands.StartTicket(),
    "ResolveTicket": commands.ResolveTicket(),
    "CloseTicket": commands.CloseTicket(),
    "ReopenTicket": commands.ReopenTicket(),
    "SendRecoveryForm": commands.SendRecoveryForm(
        samples.REPLY, "https://care.example/f/x", "k1", samples.NEW_ID, samples.CONTACT_ID, samples.OTHER_ID
    ),
    "WithdrawRecoveryForm": commands.WithdrawRecoveryForm(),
    "AddContact": commands.AddContact("kim@example.com", "", "Kim", samples.NEW_ID, samples.OTHER_ID),
    "RejectContact": commands.RejectContact(),
    "SendMessage": commands.SendMessage("We looked into it", samples.NEW_ID),
    "AddNote": commands.AddNote("Called", samples.NEW_ID),
}


def load(at: Situation) -> tuple[TicketSnapshot, Caller]:
    """Returns a snapshot and a caller in the situation."""
    recovery = None if at.recovery_state is RecoveryState.NO_CONTACT else samples.form(at.recovery_state)
    assignee = {Relation.MINE: "alice", Relation.OTHERS: "carol", Relation.UNASSIGNED: None}[at.relation]
    ticket = replace(
        samples.TICKET,
        status=at.status,
        assignee=assignee,
        review_id=samples.REVIEW_ID if at.has_review else None,
    )
    kind = ActorKind.AGENT if Role.AGENT in at.roles else ActorKind.SERVICE
    caller = Caller(kind, "alice", "acme", at.roles, "Alice")
    owner = samples.agent("bob", can_be_assignee=at.can_be_assignee)
    return replace(samples.snapshot(recovery, ticket), agent=owner, contact=samples.contact()), caller


def refused_with(snapshot: TicketSnapshot, command: str, caller: Caller) -> str | None:
    try:
        decide(snapshot, MADE[command], caller, samples.NOW)
    except Refusal as found:
        return found.reason
    return None


def is_possible(at: Situation) -> bool:
    """Returns whether the situation is possible: a CLOSED ticket has no live recovery, and a service is no assignee."""
    owned_by_a_service = at.relation is Relation.MINE and Role.AGENT not in at.roles
    return not owned_by_a_service and not (at.status is TicketStatus.CLOSED and at.recovery_state in LIVE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_decision_is_refused_exactly_if_the_actions_say_so(command: str) -> None:
    for at in filter(is_possible, situations()):
        snapshot, caller = load(at)
        state = snapshot.target_recovery.state if snapshot.target_recovery else RecoveryState.NO_CONTACT
        assert situation_of(snapshot.ticket, state, caller, snapshot.agent) == at
        if command in {"WithdrawRecoveryForm", "RejectContact"} and snapshot.target_recovery is None:
            continue  # these commands are always loaded with the recovery that they name
        if (
            snapshot.target_recovery is not None
            and snapshot.live is None
            and command in {"SendRecoveryForm", "AddContact"}
        ):
            continue  # these commands name no recovery
        assert refused_with(snapshot, command, caller) == expected_reason(command, at), at


def test_a_refusal_for_a_live_form_names_it() -> None:
    snapshot, caller = load(
        Situation(TicketStatus.OPEN, RecoveryState.FORM_REQUESTED, Relation.MINE, ROLES[0], True, True)
    )
    with pytest.raises(Refusal) as caught:
        decide(snapshot, MADE["SendRecoveryForm"], caller, samples.NOW)
    assert caught.value.reason is Reason.FORM_LIVE
    assert caught.value.metadata["recovery"] == f"organizations/acme/tickets/7/recoveries/{samples.RECOVERY_ID}"
