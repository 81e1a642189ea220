"""A message of the customer in an unlocked chat, and how it changes the ticket."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from care_rules.callers import customer_caller
from care_rules.chat import ChatSnapshot, post_message
from care_rules.commands import PostMessage
from care_rules.decision import Decision
from care_rules.entities.activity import ActivityType
from care_rules.entities.message import MessageKind
from care_rules.lifecycle import RecoveryState, TicketStatus
from care_rules.refusals import Reason, Refusal
from tests.support.sample_tickets import CONTACT_ID, EARLIER, NEW_ID, NOW, OTHER_ID, TICKET, contact, form, snapshot

CONTACT = replace(contact(), key_id="k1")
MESSAGE = PostMessage("Hello?", NEW_ID, OTHER_ID, OTHER_ID, UUID(int=6))


def chat(status: TicketStatus, state: RecoveryState = RecoveryState.CHAT_UNLOCKED) -> ChatSnapshot:
    resolved = status is TicketStatus.RESOLVED
    ticket = replace(TICKET, status=status, resolve_time=EARLIER if resolved else None)
    recovery = replace(form(state), contact_id=CONTACT_ID)
    return ChatSnapshot(replace(snapshot(recovery, ticket), contact=CONTACT), CONTACT, recovery)


def post(seen: ChatSnapshot, *, automatic: bool = False) -> Decision:
    command = replace(MESSAGE, automatic=automatic)
    decision = post_message(seen, 8, command, customer_caller(str(CONTACT_ID)), NOW)
    assert decision is not None
    return decision


@pytest.mark.parametrize(
    ("before", "automatic", "after"),
    [
        (TicketStatus.OPEN, False, TicketStatus.OPEN),
        (TicketStatus.RESOLVED, False, TicketStatus.IN_PROGRESS),
        (TicketStatus.RESOLVED, True, TicketStatus.RESOLVED),
    ],
)
def test_a_message_of_a_person_reopens_a_resolved_ticket(
    before: TicketStatus, automatic: bool, after: TicketStatus
) -> None:
    decision = post(chat(before), automatic=automatic)
    assert decision.ticket.status is after
    assert decision.activity is not None
    assert decision.activity.type is ActivityType.MESSAGE_RECEIVED
    [message] = decision.messages
    assert (message.kind, message.text, message.automatic) == (MessageKind.CUSTOMER_MESSAGE, "Hello?", automatic)


def test_a_chat_that_is_not_unlocked_accepts_no_message() -> None:
    with pytest.raises(Refusal) as refused:
        post(chat(TicketStatus.OPEN, RecoveryState.CONTACT_RECEIVED))
    assert refused.value.reason is Reason.CHAT_LOCKED


def test_a_chat_is_closed_without_a_link_or_with_a_rejected_contact() -> None:
    seen = chat(TicketStatus.OPEN)
    assert not seen.is_dead
    assert replace(seen, contact=replace(CONTACT, key_id="")).is_dead
    assert replace(seen, recovery=replace(seen.recovery, state=RecoveryState.REJECTED)).is_dead
