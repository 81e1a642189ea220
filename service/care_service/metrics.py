"""What the service counts and measures, for Prometheus. Labels are words of the contract: never who, where or whose.

docs/operating.md says what each is good for. With `PROMETHEUS_MULTIPROC_DIR` set, before this is imported, the library
keeps all values in files there, and another process adds up those of several (see `care_service.running.supervisor`).
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from platform import python_version
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from care_rules.decision import Decision
from care_rules.lifecycle import RecoveryState

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of a call's duration: most take a few milliseconds, and none more than CARE_MAX_CALL_TIME."""
_NEW: Final = "NEW"
"""Where a ticket comes from that did not exist."""

Merge = Literal["livesum", "livemax", "livemostrecent"]
"""How the values of several processes become one."""


class Metrics:
    """The metrics of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "care_calls",
            "Calls that were answered, by what they were answered with.",
            ("method", "code", "reason"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "care_call_seconds", "How long calls took.", ("method",), registry=self.registry, buckets=_SECONDS
        )
        self.calls_in_progress = self._gauge("care_calls_in_progress", "Calls that are being served.", "livesum")
        self.streams_in_progress = self._gauge("care_streams_in_progress", "Streams that are open.", "livesum")
        self._transitions = Counter(
            "care_transitions",
            "Committed transitions of a ticket's status and of recoveries.",
            ("machine", "source", "target"),
            registry=self.registry,
        )
        self._wakes = Counter(
            "care_outbox_wakes",
            "Tries to wake a workflow: woken, failed (tried again later), parked (given up).",
            ("result",),
            registry=self.registry,
        )
        self.outbox_rows = self._gauge(
            "care_outbox_rows", "Outbox rows that wait for their workflow to be woken.", "livemostrecent"
        )
        self.outbox_oldest = self._gauge(
            "care_outbox_oldest_seconds", "Age of the oldest outbox row that is not parked.", "livemostrecent"
        )
        self.outbox_parked = self._gauge(
            "care_outbox_parked_rows", "Outbox rows given up, until `care outbox retry`.", "livemostrecent"
        )
        self.pool_size = self._gauge(
            "care_database_pool_size", "Database connections that the pool may open at most.", "livesum"
        )
        self.pool_used = self._gauge("care_database_pool_in_use", "Database connections in use.", "livesum")
        self.pool_waiters = self._gauge(
            "care_database_pool_waiters", "Pieces of work that wait for a database connection.", "livesum"
        )
        self.degraded = self._gauge(
            "care_degraded", "1 while Temporal can't be reached: calls work, their further steps wait.", "livemax"
        )
        self._serving = self._gauge("care_serving", "1 while gRPC health says SERVING.", "livemax", ("service",))
        self.purged = Counter("care_answers_purged", "Kept answers that had their time.", registry=self.registry)
        self.reconciled = Counter(
            "care_reconciled_workflows",
            "Workflows that had to run, did not, and were woken.",
            ["workflow"],
            registry=self.registry,
        )
        self.purge_time = self._gauge(
            "care_answers_purge_time_seconds", "When old answers were last looked for, in Unix time.", "livemax"
        )
        self._gauge("care_build_info", "1, for the versions in its labels.", "livemax", ("version", "python")).labels(
            version("review-care"), python_version()
        ).set(1)
        self._gauge("care_processes", "Processes of this service.", "livesum").set(1)
        # A label lookup costs more than the count itself.
        self._calls_of: dict[tuple[str, str, str], Counter] = {}
        self._seconds_of: dict[str, Histogram] = {}

    def _gauge(self, name: str, words: str, merge: Merge, labels: Iterable[str] = ()) -> Gauge:
        return Gauge(name, words, labels, registry=self.registry, multiprocess_mode=merge)

    def count_call(self, method: str, code: str, reason: str, seconds: float | None) -> None:
        """Counts a call that is over; of a stream, whose duration says nothing of us, without its `seconds`."""
        key = (method, code, reason)
        if (count := self._calls_of.get(key)) is None:
            count = self._calls_of.setdefault(key, self._calls.labels(*key))
        count.inc()
        if seconds is None:
            return
        if (histogram := self._seconds_of.get(method)) is None:
            histogram = self._seconds_of.setdefault(method, self._seconds.labels(method))
        histogram.observe(seconds)

    def count_transitions(self, decision: Decision) -> None:
        """Counts the transitions of a decision that was committed."""
        for machine, source, target in transitions(decision):
            self._transitions.labels(machine, source, target).inc()

    def count_wakes(self, result: Literal["woken", "failed", "parked"], number: int) -> None:
        """Counts tries to wake a workflow."""
        self._wakes.labels(result).inc(number)

    def set_serving(self, service: str, *, is_serving: bool) -> None:
        """Notes the health of a service; of the whole server where the name is empty."""
        self._serving.labels(service).set(is_serving)


def transitions(decision: Decision) -> list[tuple[str, str, str]]:
    """Returns the transitions in a decision: machine (`status`, `recovery`), from, to."""
    if decision.activity is None:
        return []
    changes = {change.field: change for change in decision.activity.changes}
    found = []
    if (status := changes.get("status")) is not None:
        found.append(("status", status.before or _NEW, status.after))
    # The log names the state of the recovery that was live, and beside it the one's that ended.
    before = changes.get("recovery.state") or changes.get("contact_state")
    if decision.recovery is not None and before is not None and before.before != decision.recovery.state:
        found.append(("recovery", before.before, decision.recovery.state.value))
    if decision.new_recovery is not None:
        found.append(("recovery", RecoveryState.NO_CONTACT.value, decision.new_recovery.state.value))
    return found
