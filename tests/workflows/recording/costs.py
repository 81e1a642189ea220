"""Counts the billable actions of a run at Temporal Cloud from its history.

The rules are those of the page "Temporal Cloud Actions" (https://docs.temporal.io/evaluate/cloud/actions) in 2026. A
history does not contain queries, rejected updates, heartbeats (Care's activities send none), or the attempts of an
activity that was cancelled between two attempts. So these are not counted.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

START, ACTIVITY, RETRY, TIMER = "start", "activity", "retry", "timer"
SIGNAL, UPDATE, ATTRIBUTES, MARKER, OPTIONS = "signal", "update", "attributes", "marker", "options"
KINDS: Final = (START, ACTIVITY, RETRY, TIMER, SIGNAL, UPDATE, ATTRIBUTES, MARKER, OPTIONS)

_BILLED: Final = {
    # Continuing as new is billed once, as the start of the new run.
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: START,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: ACTIVITY,
    EventType.EVENT_TYPE_TIMER_STARTED: TIMER,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: SIGNAL,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: UPDATE,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED: OPTIONS,
}
_FREE: Final = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
        EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
        EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED,
        EventType.EVENT_TYPE_TIMER_FIRED,
        EventType.EVENT_TYPE_TIMER_CANCELED,
    }
)
_CHANGE_VERSION: Final = "TemporalChangeVersion"


def actions(history: WorkflowHistory) -> Counter[str]:
    """Returns the number of actions of each kind. Raises ValueError for an event type that is unknown here."""
    found: Counter[str] = Counter()
    marked_tasks: set[int] = set()
    for event in history.events:
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED if _came_with_start(event, history.events):
                pass  # signal-with-start is one action
            case EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
                # One event for all attempts, written when the last one has ended.
                found[RETRY] += event.activity_task_started_event_attributes.attempt - 1
            case EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
                fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
                found[ATTRIBUTES] += set(fields) != {_CHANGE_VERSION}
            case EventType.EVENT_TYPE_MARKER_RECORDED:
                # All markers of one task are one action.
                marked_tasks.add(event.marker_recorded_event_attributes.workflow_task_completed_event_id)
            case EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                cause = event.workflow_task_failed_event_attributes.cause
                found[START] += cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
            case kind if kind in _BILLED:
                found[_BILLED[kind]] += 1
            case kind if kind in _FREE:
                pass
            case kind:
                name = EventType.Name(kind)
                raise ValueError(f"Add to {__name__} how {name} is billed, see Temporal's page on actions")
    found[MARKER] += len(marked_tasks)
    return +found


def _came_with_start(event: HistoryEvent, events: Sequence[HistoryEvent]) -> bool:
    """Returns whether a signal came with the start of the workflow: its event follows the start event directly."""
    return event.event_id == events[0].event_id + 1
