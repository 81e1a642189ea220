"""The costs of paths: the table in docs/operating.md is current, and actions are counted by Temporal's rules."""

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory

from tests.workflows.recording import committed, costs, table
from tests.workflows.recording.everything import PATHS
from tests.workflows.recording.stage import Stage

E = EventType


def history(*events: HistoryEvent) -> WorkflowHistory:
    for number, event in enumerate(events, start=1):
        event.event_id = number
    return WorkflowHistory("any", list(events))


def event(kind: E.ValueType) -> HistoryEvent:
    return HistoryEvent(event_type=kind)


def started_activity(attempt: int) -> HistoryEvent:
    made = event(E.EVENT_TYPE_ACTIVITY_TASK_STARTED)
    made.activity_task_started_event_attributes.attempt = attempt
    return made


def marker(task: int) -> HistoryEvent:
    made = event(E.EVENT_TYPE_MARKER_RECORDED)
    made.marker_recorded_event_attributes.workflow_task_completed_event_id = task
    return made


def upsert(*names: str) -> HistoryEvent:
    made = event(E.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
    for name in names:
        fields = made.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
        fields[name].data = b'"x"'
    return made


def test_the_table_agrees_with_the_histories() -> None:
    """The table of docs/operating.md agrees with the histories. `make counts ARGS=--write` updates it."""
    page = table.PAGE.read_text(encoding="utf-8")
    assert table.update(page) == page


@pytest.mark.parametrize("name", ["recovery-unlocked", "ticket-closed", "delivery-delivered"])
async def test_a_path_costs_as_much_as_its_history(dev_client: Client, name: str) -> None:
    """A path costs today what its history says. docs/changing-workflows.md says how to record it again."""
    stage = Stage(dev_client)
    await PATHS[name].play(stage)
    recorded = [costs.actions(committed.load(found)) for found in committed.of_path(name)]
    assert [costs.actions(history) for history in stage.histories] == recorded


def test_a_whole_ticket_takes_at_most_nine_actions() -> None:
    """The workflows of a whole ticket need at most nine actions; see docs/decisions/0025-cheaper-steps.md."""
    histories = [committed.load(name) for name in committed.of_path("one-ticket")]
    found = {history.workflow_id.partition("/")[0]: costs.actions(history).total() for history in histories}
    assert set(found) == {"contact-recovery", "ticket"}
    assert sum(found.values()) <= 9


def test_each_action_is_counted_once() -> None:
    found = costs.actions(
        history(
            event(E.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED),
            event(E.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED),
            event(E.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED),
            event(E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED),
            started_activity(attempt=1),
            event(E.EVENT_TYPE_TIMER_STARTED),
            event(E.EVENT_TYPE_TIMER_FIRED),
            event(E.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED),
            event(E.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED),
            upsert("CareWaitsFor", "CareNextDeadline"),
            event(E.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW),
        )
    )
    kinds = (costs.START, costs.SIGNAL, costs.ACTIVITY, costs.TIMER, costs.UPDATE, costs.ATTRIBUTES)
    assert found == dict.fromkeys(kinds, 1)


def test_attempts_after_the_first_are_actions() -> None:
    found = costs.actions(history(event(E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED), started_activity(attempt=4)))
    assert found == {costs.ACTIVITY: 1, costs.RETRY: 3}


def test_a_signal_with_start_is_one_action() -> None:
    started, signaled = E.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, E.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    assert costs.actions(history(event(started), event(signaled))) == {costs.START: 1}
    twice = costs.actions(history(event(started), event(signaled), event(signaled)))
    assert twice == {costs.START: 1, costs.SIGNAL: 1}


def test_markers_of_one_task_are_one_action_and_the_change_version_is_free() -> None:
    found = costs.actions(history(marker(task=4), marker(task=4), marker(task=9), upsert("TemporalChangeVersion")))
    assert found == {costs.MARKER: 2}


def test_an_unknown_event_type_is_refused() -> None:
    with pytest.raises(ValueError, match="EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED"):
        costs.actions(history(event(E.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED)))


def test_attempts_of_a_site_that_was_down_are_in_its_history() -> None:
    [name] = committed.of_path("recovery-site-down")
    assert costs.actions(committed.load(name))[costs.RETRY] == 2
