"""The metrics of the service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import ticket_service_pb2 as tickets
from care_service.rpc.policy import policies
from tests.support.care import Care, refusal
from tests.support.system import eventually
from tests.support.tenant import Tenant


class Counts:
    """The changes of metrics since this object was created."""

    def __init__(self, service: Care) -> None:
        self._registry = service.metrics.registry
        self._before = self._all()

    def _all(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self._registry.collect()
            for sample in family.samples
        }

    def moved(self, name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return self._all().get(key, 0.0) - self._before.get(key, 0.0)


async def test_calls_are_counted_by_code_and_reason(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    counts, method = Counts(tenant.care), "care.v1.TicketService/StartTicket"
    request = tickets.StartTicketRequest(name=ticket.name)
    await tenant.agent("alice").tickets.StartTicket(request)
    await refusal(tenant.agent("bob").tickets.StartTicket(request))
    await refusal(tenant.agent("alice").tickets.StartTicket(request))
    assert counts.moved("care_calls_total", method=method, code="OK", reason="OK") == 1
    assert counts.moved("care_calls_total", method=method, code="PERMISSION_DENIED", reason="NOT_ASSIGNEE") == 1
    refused = counts.moved("care_calls_total", method=method, code="FAILED_PRECONDITION", reason="ILLEGAL_TRANSITION")
    assert refused == 1
    assert counts.moved("care_call_seconds_count", method=method) == 3


@pytest.mark.parametrize(
    ("state", "path"),
    [
        ("AWAITING_CONTACT", ["NO_CONTACT", "FORM_REQUESTED", "AWAITING_CONTACT"]),
        ("REFUSED", ["NO_CONTACT", "FORM_REQUESTED", "REFUSED"]),
        (
            "REJECTED",
            ["NO_CONTACT", "FORM_REQUESTED", "AWAITING_CONTACT", "CONTACT_RECEIVED", "CHAT_UNLOCKED", "REJECTED"],
        ),
        ("ENDED_BY_CLOSE", ["NO_CONTACT", "FORM_REQUESTED", "AWAITING_CONTACT", "ENDED_BY_CLOSE"]),
    ],
)
async def test_each_transition_of_a_recovery_is_counted_once(tenant: Tenant, state: str, path: list[str]) -> None:
    ticket = await tenant.ticket()
    counts = Counts(tenant.care)
    await tenant.in_recovery_state(ticket, state)
    steps = list(pairwise(path))
    assert [
        counts.moved("care_transitions_total", machine="recovery", source=source, target=target)
        for source, target in steps
    ] == [1] * len(steps)


async def test_a_form_that_a_contact_replaces_and_a_new_recovery_are_two_transitions(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.posted(await tenant.form(ticket))
    counts = Counts(tenant.care)
    request = conversations.AddContactRequest(parent=ticket.name, email="robin@example.com")
    await tenant.agent("alice").conversations.AddContact(request)
    moved = counts.moved
    machine = "recovery"
    assert moved("care_transitions_total", machine=machine, source="AWAITING_CONTACT", target="REPLACED") == 1
    assert moved("care_transitions_total", machine=machine, source="NO_CONTACT", target="CONTACT_RECEIVED") == 1


async def test_transitions_of_the_status_are_counted_and_refused_ones_are_not(tenant: Tenant) -> None:
    counts = Counts(tenant.care)
    ticket = await tenant.ticket()
    await tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
    await refusal(tenant.agent("alice").tickets.StartTicket(tickets.StartTicketRequest(name=ticket.name)))
    assert counts.moved("care_transitions_total", machine="status", source="NEW", target="OPEN") == 1
    assert counts.moved("care_transitions_total", machine="status", source="OPEN", target="CLOSED") == 1
    assert counts.moved("care_transitions_total", machine="status", source="CLOSED", target="IN_PROGRESS") == 0


async def test_outbox_and_pool_are_measured(tenant: Tenant) -> None:
    recovery = await tenant.form(await tenant.ticket())
    assert await tenant.wakes(recovery.name) == 1  # without Temporal no row is removed

    def value(name: str) -> float:
        return tenant.care.metrics.registry.get_sample_value(name) or 0.0

    def above(name: str, least: float) -> Callable[[], Awaitable[bool]]:
        async def probe() -> bool:
            return value(name) > least

        return probe

    await eventually("a measured outbox", above("care_outbox_rows", 0))
    await eventually("a measured age", above("care_outbox_oldest_seconds", 0))
    await eventually("a degraded service", above("care_degraded", 0))
    await eventually("a search for old responses", above("care_responses_purge_time_seconds", 0))
    assert value("care_database_pool_size") == tenant.care.settings.database_pool_size


async def test_labels_have_only_values_of_the_contract(tenant: Tenant) -> None:
    """No label is an id, which would be personal data with an unlimited number of values."""
    await tenant.in_recovery_state(await tenant.ticket(), "CHAT_UNLOCKED")
    allowed = {
        "method",
        "code",
        "reason",
        "machine",
        "source",
        "target",
        "result",
        "service",
        "version",
        "python",
        "le",
    }
    methods = {policy.method for policy in policies().values()}
    for family in tenant.care.metrics.registry.collect():
        for sample in family.samples:
            assert sample.labels.keys() <= allowed
            assert tenant.id not in sample.labels.values()
            assert sample.labels.get("method", next(iter(methods))) in methods
