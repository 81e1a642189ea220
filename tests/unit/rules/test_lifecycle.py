"""The tables of transitions agree with the design, and the state machines follow the tables."""

from __future__ import annotations

import pytest

from care_rules import lifecycle
from care_rules.lifecycle import IllegalMoveError, RecoveryState, TicketStatus, Trigger
from tests.support.design_tables import ENDED_STATES, LIVE_STATES, RECOVERY, STATUS, STATUSES


def test_the_status_table_agrees_with_the_design() -> None:
    rows = {
        rule.trigger.value: (frozenset(state.value for state in rule.sources), rule.target.value)
        for rule in lifecycle.STATUS.rules
    }
    assert rows == STATUS


def test_the_recovery_table_agrees_with_the_design() -> None:
    rows = {
        rule.trigger.value: (frozenset(state.value for state in rule.sources), rule.target.value)
        for rule in lifecycle.RECOVERY.rules
    }
    assert rows == RECOVERY


def test_the_roles_of_each_trigger_agree_with_the_design() -> None:
    parties = {
        rule.trigger.value: {party.value for party in rule.parties}
        for machine in (lifecycle.STATUS.rules, lifecycle.RECOVERY.rules)
        for rule in machine
    }
    assert parties == {
        "start": {"assignee"},
        "resolve": {"assignee"},
        "close": {"assignee"},
        "reopen": {"assignee", "customer"},
        "auto_close": {"workflow"},
        "request_form": {"assignee"},
        "add_contact": {"assignee", "service"},
        "replace_form": {"system"},
        "record_posted": {"workflow"},
        "record_refused": {"workflow"},
        "submit_contact": {"customer"},
        "unlock_chat": {"workflow"},
        "withdraw_form": {"assignee"},
        "expire_form": {"workflow"},
        "reject_contact": {"assignee"},
        "ticket_closed": {"system"},
    }


def test_every_trigger_belongs_to_one_machine() -> None:
    assert {trigger.value for trigger in Trigger} == STATUS.keys() | RECOVERY.keys()
    assert not STATUS.keys() & RECOVERY.keys()


def test_the_states_agree_with_the_design() -> None:
    assert tuple(status.value for status in TicketStatus) == STATUSES
    assert {state.value for state in RecoveryState} == {"NO_CONTACT", *LIVE_STATES, *ENDED_STATES}
    assert {state.value for state in lifecycle.LIVE} == set(LIVE_STATES)
    assert {state.value for state in lifecycle.FORM_LIVE} == {"FORM_REQUESTED", "AWAITING_CONTACT"}
    assert (lifecycle.STATUS.initial, lifecycle.RECOVERY.initial) == ("OPEN", "NO_CONTACT")


@pytest.mark.parametrize("trigger", STATUS)
@pytest.mark.parametrize("state", STATUSES)
def test_the_status_machine_makes_exactly_the_moves_of_the_table(trigger: str, state: str) -> None:
    sources, target = STATUS[trigger]
    if state in sources:
        assert lifecycle.STATUS.fire(TicketStatus(state), Trigger(trigger)) is TicketStatus(target)
    else:
        with pytest.raises(IllegalMoveError):
            lifecycle.STATUS.fire(TicketStatus(state), Trigger(trigger))


@pytest.mark.parametrize("trigger", RECOVERY)
@pytest.mark.parametrize("state", ["NO_CONTACT", *LIVE_STATES, *ENDED_STATES])
def test_the_recovery_machine_makes_exactly_the_moves_of_the_table(trigger: str, state: str) -> None:
    sources, target = RECOVERY[trigger]
    if state in sources:
        assert lifecycle.RECOVERY.fire(RecoveryState(state), Trigger(trigger)) is RecoveryState(target)
    else:
        with pytest.raises(IllegalMoveError):
            lifecycle.RECOVERY.fire(RecoveryState(state), Trigger(trigger))


def test_exactly_the_allowed_triggers_can_be_fired() -> None:
    for state in STATUSES:
        expected = {trigger for trigger, (sources, _) in STATUS.items() if state in sources}
        assert set(lifecycle.STATUS.allowed(TicketStatus(state))) == expected
    for recovery_state in ("NO_CONTACT", *LIVE_STATES, *ENDED_STATES):
        expected = {trigger for trigger, (sources, _) in RECOVERY.items() if recovery_state in sources}
        assert set(lifecycle.RECOVERY.allowed(RecoveryState(recovery_state))) == expected


def test_nothing_leaves_closed_or_an_ended_recovery() -> None:
    assert [status for status in TicketStatus if lifecycle.STATUS.is_final(status)] == [TicketStatus.CLOSED]
    final = {state.value for state in RecoveryState if lifecycle.RECOVERY.is_final(state)}
    assert final == set(ENDED_STATES)


def test_firing_a_trigger_does_not_affect_the_next_one() -> None:
    assert lifecycle.STATUS.fire(TicketStatus.OPEN, Trigger.CLOSE) is TicketStatus.CLOSED
    assert lifecycle.STATUS.fire(TicketStatus.OPEN, Trigger.START) is TicketStatus.IN_PROGRESS
