"""Prometheus metrics of the service. No label contains personal data.

docs/operating.md describes each metric. If `PROMETHEUS_MULTIPROC_DIR` is set before this module is imported, the
library keeps all values in files in that directory. The supervisor (`care_service.running.supervisor`) merges them.
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
"""Upper bounds of the duration buckets. Most calls take a few milliseconds. CARE_MAX_CALL_TIME limits all calls."""
_NEW: Final = "NEW"
"""The source state in the transition of a new ticket."""

Merge = Literal["livesum", "livemax", "livemostrecent"]
"""How the values of several processes are merged."""


class Metrics:
    """The metrics of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "care_calls",
            "Completed calls, by method, status code and reason.",
            ("method", "code", "reason"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "care_call_seconds",
            "Duration of calls in seconds, without streams.",
            ("method",),
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.calls_in_progress = self._gauge("care_calls_in_progress", "Calls in progress.", "livesum")
        self.streams_in_progress = self._gauge("care_streams_in_progress", "Open streams.", "livesum")
        self._transitions = Counter(
            "care_transitions",
            "Committed transitions of a ticket's status and of recoveries.",
            ("machine", "source", "target"),
            registry=self.registry,
        )
        self._wakes = Counter(
            "care_outbox_wakes",
            "Attempts to wake a workflow: woken, failed (retried later), parked (no more retries).",
            ("result",),
            registry=self.registry,
        )
        self.outbox_rows = self._gauge(
            "care_outbox_rows", "Outbox rows whose workflow is still to be woken.", "livemostrecent"
        )
        self.outbox_oldest = self._gauge(
            "care_outbox_oldest_seconds", "Age of the oldest outbox row that is not parked.", "livemostrecent"
        )
        self.outbox_parked = self._gauge(
            "care_outbox_parked_rows", "Parked outbox rows: not retried until `care outbox retry`.", "livemostrecent"
        )
        self.pool_size = self._gauge(
            "care_database_pool_size", "Maximum number of database connections in the pool.", "livesum"
        )
        self.pool_used = self._gauge("care_database_pool_in_use", "Database connections in use.", "livesum")
        self.pool_waiters = self._gauge(
            "care_database_pool_waiters", "Tasks waiting for a database connection.", "livesum"
        )
        self.degraded = self._gauge(
            "care_degraded", "1 while workflows can't be woken: calls succeed, their workflow steps wait.", "livemax"
        )
        self._serving = self._gauge(
            "care_serving", "1 while the gRPC health status is SERVING.", "livemax", ("service",)
        )
        self.purged = Counter(
            "care_responses_purged", "Expired stored responses that were deleted.", registry=self.registry
        )
        self.reconciled = Counter(
            "care_reconciled_workflows",
            "Missing workflows that were started again.",
            ["workflow"],
            registry=self.registry,
        )
        self.purge_time = self._gauge(
            "care_responses_purge_time_seconds",
            "Time of the last purge of expired stored responses, in Unix time.",
            "livemax",
        )
        self.folded = Counter(
            "care_count_changes_folded",
            "Changes of tickets that were folded into the counts of tickets.",
            registry=self.registry,
        )
        self.fold_time = self._gauge(
            "care_count_changes_fold_time_seconds",
            "Time when changes were last folded into the counts of tickets, in Unix time.",
            "livemax",
        )
        self._gauge(
            "care_build_info", "Always 1; the labels hold the versions.", "livemax", ("version", "python")
        ).labels(version("review-care"), python_version()).set(1)
        self._gauge("care_processes", "Running processes of this service.", "livesum").set(1)
        # Caches of labeled metrics, because looking up labels costs more than counting.
        self._calls_of: dict[tuple[str, str, str], Counter] = {}
        self._seconds_of: dict[str, Histogram] = {}

    def _gauge(self, name: str, description: str, merge: Merge, labels: Iterable[str] = ()) -> Gauge:
        return Gauge(name, description, labels, registry=self.registry, multiprocess_mode=merge)

    def count_call(self, method: str, code: str, reason: str, seconds: float | None) -> None:
        """Counts a completed call. `seconds` is None for streams, whose duration depends on the client."""
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
        """Counts the transitions of a committed decision."""
        for machine, source, target in transitions(decision):
            self._transitions.labels(machine, source, target).inc()

    def count_wakes(self, result: Literal["woken", "failed", "parked"], number: int) -> None:
        """Counts attempts to wake a workflow."""
        self._wakes.labels(result).inc(number)

    def set_serving(self, service: str, *, is_serving: bool) -> None:
        """Records the health of a service; an empty name stands for the whole server."""
        self._serving.labels(service).set(is_serving)


def transitions(decision: Decision) -> list[tuple[str, str, str]]:
    """Returns the transitions in a decision as (machine, source, target); the machine is `status` or `recovery`."""
    if decision.activity is None:
        return []
    changes = {change.field: change for change in decision.activity.changes}
    found = []
    if (status := changes.get("status")) is not None:
        found.append(("status", status.before or _NEW, status.after))
    # The activity has the recovery's previous state in `recovery.state`, or else in `contact_state`.
    before = changes.get("recovery.state") or changes.get("contact_state")
    if decision.recovery is not None and before is not None and before.before != decision.recovery.state:
        found.append(("recovery", before.before, decision.recovery.state.value))
    if decision.new_recovery is not None:
        found.append(("recovery", RecoveryState.NO_CONTACT.value, decision.new_recovery.state.value))
    return found
