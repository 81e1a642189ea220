"""UpdateTicket: field masks, limits of the values, and the log."""

from __future__ import annotations

import pytest

from care.v1 import ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1.activity_pb2 import FieldChange
from care.v1.ticket_pb2 import Ticket
from tests.integration.service.commands import assert_refused
from tests.integration.service.ticket_calls import create_ticket, latest_change
from tests.support.care import refusal
from tests.support.tenant import Tenant


async def update(tenant: Tenant, given: Ticket, *paths: str) -> Ticket:
    request = tickets.UpdateTicketRequest(ticket=given)
    request.update_mask.paths.extend(paths)
    return (await tenant.agent("alice").tickets.UpdateTicket(request)).ticket


async def test_an_update_writes_only_the_fields_of_its_mask(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    given = Ticket(
        name=ticket.name, subject="New", description="Also", priority=ticket_pb2.TICKET_PRIORITY_LOW, labels=["b", "a"]
    )
    after = await update(tenant, given, "description", "labels")
    assert (after.subject, after.description, list(after.labels)) == (ticket.subject, "Also", ["a", "b"])
    assert after.priority == ticket_pb2.TICKET_PRIORITY_NORMAL
    assert await latest_change(tenant, ticket) == (
        "UPDATED",
        [
            FieldChange(field="description", before="", after=""),
            FieldChange(field="labels", before="", after="a,b"),
        ],
    )
    assert after == await tenant.get(ticket)


async def test_an_update_without_a_mask_writes_the_fields_that_are_set(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await update(tenant, Ticket(name=ticket.name, description="First", labels=["vip"]))
    after = await update(tenant, Ticket(name=ticket.name, subject="New"))
    assert (after.subject, after.description, list(after.labels)) == ("New", "First", ["vip"])


async def test_a_star_as_mask_writes_all_details_including_empty_ones(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    first = Ticket(name=ticket.name, description="First", labels=["vip"], external_reference="ORD-1042")
    await update(tenant, first)
    given = Ticket(name=ticket.name, subject="New", priority=ticket_pb2.TICKET_PRIORITY_URGENT)
    after = await update(tenant, given, "*")
    assert (after.subject, after.description, list(after.labels)) == ("New", "", [])
    assert after.external_reference == ""
    assert after.priority == ticket_pb2.TICKET_PRIORITY_URGENT
    assert after.assignee == ticket.assignee


@pytest.mark.parametrize(
    ("path", "verbs"),
    [
        ("status", ["StartTicket", "ResolveTicket", "CloseTicket", "ReopenTicket"]),
        ("close_reason", ["CloseTicket"]),
        ("resolve_time", ["ResolveTicket"]),
        ("close_time", ["CloseTicket"]),
        ("assignee", ["TakeTicket", "AssignTicket", "ReleaseTicket"]),
        ("contact_state", ["SendRecoveryForm", "AddContact"]),
        ("customer", ["AddContact"]),
        ("customer.email", ["AddContact"]),
        ("recovery", ["SendRecoveryForm", "AddContact"]),
        ("review", ["CreateTicket"]),
        ("location", ["CreateTicket"]),
        ("reporter", ["CreateTicket"]),
    ],
)
async def test_the_refusal_of_a_field_that_another_method_changes_names_the_method(
    tenant: Tenant, path: str, verbs: list[str]
) -> None:
    ticket = await tenant.ticket()
    error = await refusal(update(tenant, Ticket(name=ticket.name, subject="New"), "subject", path))
    assert_refused(error, "INVALID_FIELD")
    (violation,) = error.field_violations
    assert violation.field == "update_mask"
    assert path in violation.description
    assert all(verb in violation.description for verb in verbs), violation.description
    assert await tenant.get(ticket) == ticket


@pytest.mark.parametrize("path", ["nonsense", "number", "etag", "create_time", "actions", "", "Subject"])
async def test_an_unknown_or_output_only_path_in_a_mask_is_refused(tenant: Tenant, path: str) -> None:
    ticket = await tenant.ticket()
    error = await refusal(update(tenant, Ticket(name=ticket.name, subject="New"), path))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["update_mask"]


async def test_an_update_that_changes_nothing_writes_no_activity_and_keeps_the_etag(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    ticket = await update(tenant, Ticket(name=ticket.name, labels=["a", "b"]))
    for given, paths in (
        (Ticket(name=ticket.name, subject=ticket.subject), ("subject",)),
        (Ticket(name=ticket.name, labels=["b", "a", "b"]), ("labels",)),
        (Ticket(name=ticket.name), ()),
    ):
        assert (await update(tenant, given, *paths)) == ticket
    assert await tenant.log_types(ticket) == ["UPDATED", "TAKEN", "CREATED"]


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("subject", Ticket(subject="")),
        ("subject", Ticket(subject="s" * 201)),
        ("priority", Ticket()),
        ("description", Ticket(description="d" * 10_001)),
        ("labels", Ticket(labels=["no blanks"])),
        ("external_reference", Ticket(external_reference="x" * 129)),
        ("external_reference", Ticket(external_reference="two\nlines")),
        ("external_reference", Ticket(external_reference="a\0b")),
    ],
)
async def test_an_invalid_new_value_is_refused(tenant: Tenant, path: str, given: Ticket) -> None:
    ticket = await tenant.ticket()
    sent = Ticket.FromString(given.SerializeToString())
    sent.name = ticket.name
    error = await refusal(update(tenant, sent, path))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == [f"ticket.{path}"]
    assert await tenant.get(ticket) == ticket


async def test_an_external_reference_is_stored_as_given_and_logged(tenant: Tenant) -> None:
    given = Ticket(subject="Soup", location=f"{tenant.name}/locations/soho", external_reference=" ORD/1042: Ümlaut ")
    ticket = await create_ticket(tenant.agent("alice"), tenant, given)
    assert ticket.external_reference == "ORD/1042: Ümlaut"
    [entry] = await tenant.log(ticket)
    assert FieldChange(field="external_reference", before="", after="ORD/1042: Ümlaut") in entry.changes
    await tenant.agent("alice").tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))
    for reference, before in (("語" * 128, "ORD/1042: Ümlaut"), ("", "語" * 128)):
        sent = Ticket(name=ticket.name, external_reference=reference)
        after = await update(tenant, sent, "external_reference")
        assert after.external_reference == reference
        assert await tenant.get(ticket) == after
        change = FieldChange(field="external_reference", before=before, after=reference)
        assert await latest_change(tenant, ticket) == ("UPDATED", [change])


async def test_two_tickets_may_have_the_same_external_reference(tenant: Tenant) -> None:
    given = Ticket(subject="Soup", location=f"{tenant.name}/locations/soho", external_reference="ORD-1042")
    first, second = [await create_ticket(tenant.agent("alice"), tenant, given) for _ in range(2)]
    assert first.external_reference == second.external_reference == "ORD-1042"


async def test_the_longest_values_are_accepted(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    given = Ticket(name=ticket.name, subject="語" * 200, description="🍲" * 10_000, labels=[f"l{n}" for n in range(20)])
    after = await update(tenant, given)
    assert (len(after.subject), len(after.description), len(after.labels)) == (200, 10_000, 20)
    assert await tenant.get(ticket) == after
