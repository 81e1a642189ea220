"""Bugs that the property test must find. Each is a small patch of the running service, and a plausible mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from care_rules import chat, commands, decide, decision, follow_up, permissions, reports, submit, ticket_commands
from care_rules.callers import Caller
from care_rules.decision import Decision
from care_rules.entities.activity import ActivityType
from care_rules.entities.ticket import Ticket
from care_rules.lifecycle import RECOVERY, STATUS, RecoveryState, StateMachine, TicketStatus, Trigger
from care_rules.permissions import Command, Situation
from care_rules.refusals import Reason
from care_rules.scheduling import ScheduledDecision
from care_rules.snapshot import TicketSnapshot
from care_service.storage.tickets import PostgresTickets
from care_service.usecases import request
from care_service.usecases.ports.idempotency import IdempotencyRecord
from care_service.usecases.ports.ticket_store import StaleError
from care_service.usecases.request import Request

Patch = pytest.MonkeyPatch
_ANY: Final[Any] = Any


def _add_sources(patch: Patch, machine: StateMachine[Any], trigger: Trigger, *more: object) -> None:
    """Allows a trigger in more states than the table does."""
    rules = tuple(
        replace(rule, sources=rule.sources | frozenset(more)) if rule.trigger is trigger else rule
        for rule in machine.rules
    )
    wrong = StateMachine(machine.name, type(machine.initial), machine.initial, rules)
    for name, value in vars(wrong).items():
        patch.setattr(machine, name, value)


def _patch_decider(patch: Patch, command: type, change: Callable[[TicketSnapshot, Decision], Decision]) -> None:
    """Changes the decision for a command."""
    right = decide._DECIDERS[command]

    def wrong(case: TicketSnapshot, *rest: Any) -> Decision | None:  # noqa: ANN401 - as the table has them
        decision = right(case, *rest)
        return None if decision is None else change(case, decision)

    patch.setitem(decide._DECIDERS, command, wrong)


def _drop_refusals(patch: Patch, forgotten: Callable[[Command, Situation, Reason], bool]) -> None:
    """Drops the refusals that `forgotten` selects."""
    right = permissions.refusal_reason

    def wrong(command: Command, situation: Situation) -> Reason | None:
        reason = right(command, situation)
        return None if reason is not None and forgotten(command, situation, reason) else reason

    patch.setattr(decide, "refusal_reason", wrong)


def etag_is_not_compared(patch: Patch) -> None:
    patch.setattr(Request, "check_etag", lambda self, ticket: None)


def resolved_ticket_can_be_started(patch: Patch) -> None:
    _add_sources(patch, STATUS, Trigger.START, TicketStatus.RESOLVED)


def contact_can_be_added_to_an_open_chat(patch: Patch) -> None:
    _add_sources(patch, RECOVERY, Trigger.ADD_CONTACT, RecoveryState.CHAT_UNLOCKED)


def stale_commit_reports_success(patch: Patch) -> None:
    right = PostgresTickets.commit

    async def wrong(self: PostgresTickets, scheduled: ScheduledDecision, record: IdempotencyRecord | None) -> None:
        try:
            await right(self, scheduled, record)
        except StaleError:
            return

    patch.setattr(PostgresTickets, "commit", wrong)


def repeat_is_executed_again(patch: Patch) -> None:
    patch.setattr(Request, "record", lambda self, organization, outcome: None)


def answers_are_kept_forever(patch: Patch) -> None:
    patch.setattr(request, "REQUEST_ID_LIFETIME", timedelta(days=10_000))


def close_leaves_the_recovery_live(patch: Patch) -> None:
    right = decide._DECIDERS[commands.CloseTicket]
    patch.setitem(decide._DECIDERS, commands.CloseTicket, lambda case, *rest: right(replace(case, live=None), *rest))


def note_takes_two_numbers(patch: Patch) -> None:
    def skipping(_: TicketSnapshot, decision: Decision) -> Decision:
        ticket = replace(decision.ticket, version=decision.ticket.version + 1)
        assert decision.activity is not None
        return replace(decision, ticket=ticket, activity=replace(decision.activity, number=ticket.version))

    _patch_decider(patch, commands.AddNote, skipping)


def closed_ticket_takes_a_note(patch: Patch) -> None:
    _drop_refusals(patch, lambda command, _, reason: command is Command.ADD_NOTE and reason is Reason.TICKET_CLOSED)


def claim_replaces_the_contact(patch: Patch) -> None:
    right = submit.add_claim

    def wrong(form: submit.FormSnapshot, *rest: Any) -> Decision | None:  # noqa: ANN401 - passed on
        decision = right(form, *rest)
        if decision is None or decision.contact is None or form.target.live is None:
            return decision
        return replace(decision, recovery=replace(form.target.live, contact_id=decision.contact.id))

    patch.setattr(submit, "add_claim", wrong)


def customers_message_leaves_the_ticket_resolved(patch: Patch) -> None:
    patch.setattr(chat, "move_status", lambda ticket, *_: ticket)


def customer_of_another_ticket_is_heard_in_its_chat(patch: Patch) -> None:
    patch.setattr(chat, "_is_same_person", lambda *_: True)


def other_organizations_are_let_in(patch: Patch) -> None:
    patch.setattr(Caller, "check_organization", lambda self, organization, resource: None)


def follow_up_is_made_though_there_is_one(patch: Patch) -> None:
    right = submit.submit_contact

    def wrong(form: submit.FormSnapshot, *rest: Any) -> Decision | None:  # noqa: ANN401 - passed on
        return right(replace(form, open=None, last=form.open or form.last), *rest)

    patch.setattr(submit, "submit_contact", wrong)


def follow_up_forgets_the_assignee(patch: Patch) -> None:
    right = follow_up.create_follow_up

    def wrong(*given: Any) -> Decision:  # noqa: ANN401 - passed on
        decision = right(*given)
        return replace(decision, ticket=replace(decision.ticket, assignee=None))

    patch.setattr(submit, "create_follow_up", wrong)


def reopened_ticket_keeps_its_resolve_time(patch: Patch) -> None:
    right = decision.move_status

    def wrong(ticket: Ticket, trigger: Trigger, now: datetime) -> Ticket:
        after = right(ticket, trigger, now)
        return replace(after, resolve_time=ticket.resolve_time) if trigger is Trigger.REOPEN else after

    patch.setattr(ticket_commands, "move_status", wrong)
    patch.setattr(submit, "move_status", wrong)


def late_report_counts(patch: Patch) -> None:
    right = reports.record_report

    def wrong(case: reports.RecoverySnapshot, command: Any, *rest: Any) -> Decision | None:  # noqa: ANN401 - any report
        if hasattr(command, "attempt"):
            command = replace(command, attempt=case.recovery.attempt)
        return right(case, command, *rest)

    patch.setattr(reports, "record_report", wrong)


def expired_link_takes_an_answer(patch: Patch) -> None:
    right = submit.form_state
    patch.setattr(submit, "form_state", lambda recovery, status, now: right(recovery, status, recovery.create_time))


def withdrawal_wakes_nobody(patch: Patch) -> None:
    _patch_decider(patch, commands.WithdrawRecoveryForm, lambda _, decision: replace(decision, wakes=()))


def form_replaced_by_a_contact_stays_live(patch: Patch) -> None:
    _patch_decider(patch, commands.AddContact, lambda _, decision: replace(decision, recovery=None))


def note_is_logged_as_an_update(patch: Patch) -> None:
    def mistaken(_: TicketSnapshot, decision: Decision) -> Decision:
        assert decision.activity is not None
        return replace(decision, activity=replace(decision.activity, message_id=None, type=ActivityType.UPDATED))

    _patch_decider(patch, commands.AddNote, mistaken)


@contextmanager
def apply_bug(bug: Callable[[Patch], None]) -> Iterator[None]:
    """Applies a bug to the service until the block exits. Clears the caches of permissions before and after."""
    with pytest.MonkeyPatch.context() as patch:
        _clear_caches()
        bug(patch)
        yield
    _clear_caches()


def _clear_caches() -> None:
    permissions.refusal_reason.cache_clear()
    permissions.actions.cache_clear()
