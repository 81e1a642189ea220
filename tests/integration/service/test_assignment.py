"""Raising, owning and describing tickets through gRPC."""

from __future__ import annotations

import pytest

from care.v1 import activity_pb2, message_pb2, ticket_pb2
from care.v1 import conversation_service_pb2 as conversations
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.activity_pb2 import FieldChange
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from tests.integration.service.commands import Target, assert_refused, run
from tests.support.care import refusal
from tests.support.tenant import Tenant


async def create(client: CareClient, tenant: Tenant, given: Ticket) -> Ticket:
    request = tickets.CreateTicketRequest(parent=tenant.name, ticket=given)
    return (await client.tickets.CreateTicket(request)).ticket


async def assign(client: CareClient, tenant: Tenant, ticket: Ticket, agent: str) -> Ticket:
    request = tickets.AssignTicketRequest(name=ticket.name, assignee=tenant.agent_name(agent))
    return (await client.tickets.AssignTicket(request)).ticket


async def latest(tenant: Tenant, ticket: Ticket) -> tuple[str, list[FieldChange]]:
    entry = (await tenant.log(ticket))[0]
    return activity_pb2.ActivityType.Name(entry.type).removeprefix("ACTIVITY_TYPE_"), list(entry.changes)


# --- taking, assigning, releasing -------------------------------------------------------------------------------------


async def test_an_agent_takes_an_unassigned_ticket(tenant: Tenant) -> None:
    before = await tenant.ticket(None)
    after = (await run(tenant.agent("alice"), "TakeTicket", Target(tenant, before))).ticket
    assert after.assignee == tenant.agent_name("alice")
    assert after.status == ticket_pb2.TICKET_STATUS_OPEN
    assert await latest(tenant, before) == (
        "TAKEN",
        [FieldChange(field="assignee", before="", after=tenant.agent_name("alice"))],
    )


async def test_taking_ones_own_ticket_changes_nothing(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    assert (await run(tenant.agent("alice"), "TakeTicket", Target(tenant, ticket))).ticket == ticket
    assert await tenant.log_types(ticket) == ["TAKEN", "CREATED"]


async def test_taking_ones_own_ticket_works_also_without_being_assignable_any_more(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.toggle("alice", can_be_assignee=False)
    after = (await run(tenant.agent("alice"), "TakeTicket", Target(tenant, ticket))).ticket
    assert (after.assignee, after.etag) == (ticket.assignee, ticket.etag)


@pytest.mark.parametrize("caller", ["bob", "sue"])
async def test_taking_anothers_ticket_is_refused_and_the_owner_named(tenant: Tenant, caller: str) -> None:
    ticket = await tenant.ticket()
    client = tenant.supervisor if caller == "sue" else tenant.agent(caller)
    error = await refusal(run(client, "TakeTicket", Target(tenant, ticket)))
    owner = {"ticket": ticket.name, "assignee": tenant.agent_name("alice")}
    assert_refused(error, "ALREADY_ASSIGNED", owner)


async def test_an_agent_who_may_not_own_tickets_takes_none(tenant: Tenant) -> None:
    await tenant.toggle("bob", can_be_assignee=False)
    ticket = await tenant.ticket(None)
    error = await refusal(run(tenant.agent("bob"), "TakeTicket", Target(tenant, ticket)))
    assert_refused(error, "NOT_ASSIGNABLE", {"ticket": ticket.name, "agent": tenant.agent_name("bob")})


async def test_an_owned_ticket_comes_before_not_being_assignable(tenant: Tenant) -> None:
    await tenant.toggle("bob", can_be_assignee=False)
    ticket = await tenant.ticket()
    error = await refusal(run(tenant.agent("bob"), "TakeTicket", Target(tenant, ticket)))
    owner = {"ticket": ticket.name, "assignee": tenant.agent_name("alice")}
    assert_refused(error, "ALREADY_ASSIGNED", owner)


async def test_the_assignee_hands_a_ticket_over(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.meet("bob")
    after = await assign(tenant.agent("alice"), tenant, ticket, "bob")
    assert after.assignee == tenant.agent_name("bob")
    change = FieldChange(field="assignee", before=tenant.agent_name("alice"), after=tenant.agent_name("bob"))
    assert await latest(tenant, ticket) == ("ASSIGNED", [change])


@pytest.mark.parametrize("assignee", ["alice", None])
async def test_a_supervisor_assigns_any_ticket_which_is_logged_as_an_override(
    tenant: Tenant, assignee: str | None
) -> None:
    ticket = await tenant.ticket(assignee)
    await tenant.meet("bob")
    after = await assign(tenant.supervisor, tenant, ticket, "bob")
    assert after.assignee == tenant.agent_name("bob")
    before = tenant.agent_name(assignee) if assignee else ""
    change = FieldChange(field="assignee", before=before, after=tenant.agent_name("bob"))
    assert await latest(tenant, ticket) == ("ASSIGNED_BY_OVERRIDE", [change])


async def test_a_supervisor_who_owns_the_ticket_hands_it_over_without_an_override(tenant: Tenant) -> None:
    ticket = await tenant.ticket(None)
    await tenant.meet("bob")
    await run(tenant.supervisor, "TakeTicket", Target(tenant, ticket))
    await assign(tenant.supervisor, tenant, ticket, "bob")
    assert (await latest(tenant, ticket))[0] == "ASSIGNED"


async def test_assigning_to_the_present_assignee_changes_nothing(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    for client in (tenant.agent("alice"), tenant.supervisor):
        assert (await assign(client, tenant, ticket, "alice")).etag == ticket.etag
    assert await tenant.log_types(ticket) == ["TAKEN", "CREATED"]


async def test_assigning_to_the_present_assignee_changes_nothing_also_with_the_toggle_off(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.toggle("alice", can_be_assignee=False)
    assert (await assign(tenant.supervisor, tenant, ticket, "alice")).etag == ticket.etag


async def test_a_ticket_goes_to_no_agent_who_may_not_own_one(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.toggle("bob", can_be_assignee=False)
    for client in (tenant.agent("alice"), tenant.supervisor):
        error = await refusal(assign(client, tenant, ticket, "bob"))
        assert_refused(error, "NOT_ASSIGNABLE", {"ticket": ticket.name, "agent": tenant.agent_name("bob")})


async def test_a_ticket_goes_to_no_agent_who_is_not_there(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    error = await refusal(assign(tenant.agent("alice"), tenant, ticket, "nobody"))
    assert_refused(error, "RESOURCE_NOT_FOUND", {"resource": tenant.agent_name("nobody")})


async def test_a_ticket_never_goes_to_another_organizations_agent(tenant: Tenant) -> None:
    other = Tenant(tenant.care, f"{tenant.id}-other")
    await other.meet("mallory")
    ticket = await tenant.ticket()
    request = tickets.AssignTicketRequest(name=ticket.name, assignee=other.agent_name("mallory"))
    error = await refusal(tenant.agent("alice").tickets.AssignTicket(request))
    assert error.reason in {"INVALID_FIELD", "RESOURCE_NOT_FOUND"}
    assert (await tenant.get(ticket)).assignee == tenant.agent_name("alice")


async def test_the_wrong_agent_comes_before_an_agent_who_may_not_own_tickets(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.toggle("bob", can_be_assignee=False)
    error = await refusal(assign(tenant.agent("bob"), tenant, ticket, "bob"))
    assert_refused(error, "NOT_ASSIGNEE", {"ticket": ticket.name, "assignee": tenant.agent_name("alice")})


async def test_a_released_ticket_is_nobodys_and_keeps_its_status(tenant: Tenant) -> None:
    before = await tenant.in_status("IN_PROGRESS")
    after = (await run(tenant.agent("alice"), "ReleaseTicket", Target(tenant, before))).ticket
    assert (after.assignee, after.status) == ("", ticket_pb2.TICKET_STATUS_IN_PROGRESS)
    change = FieldChange(field="assignee", before=tenant.agent_name("alice"), after="")
    assert await latest(tenant, before) == ("RELEASED", [change])
    await run(tenant.agent("bob"), "TakeTicket", Target(tenant, before))


async def test_an_agent_keeps_what_they_own_when_their_toggle_goes_off(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await tenant.toggle("alice", can_be_assignee=False)
    after = (await run(tenant.agent("alice"), "StartTicket", Target(tenant, ticket))).ticket
    assert after.assignee == tenant.agent_name("alice")


# --- creating ---------------------------------------------------------------------------------------------------------


async def test_a_new_ticket_is_open_nobodys_and_has_one_activity(tenant: Tenant) -> None:
    given = Ticket(
        subject="Cold soup",
        description="Twice now.",
        location=f"{tenant.name}/locations/soho",
        priority=ticket_pb2.TICKET_PRIORITY_HIGH,
        labels=["vip", "food", "vip"],
    )
    ticket = await create(tenant.agent("alice"), tenant, given)
    assert (ticket.name, ticket.number, ticket.etag) == (f"{tenant.name}/tickets/1", 1, "1")
    assert (ticket.subject, ticket.description) == ("Cold soup", "Twice now.")
    assert (ticket.status, ticket.assignee) == (ticket_pb2.TICKET_STATUS_OPEN, "")
    assert ticket.contact_state == ticket_pb2.CONTACT_STATE_NO_CONTACT
    assert ticket.priority == ticket_pb2.TICKET_PRIORITY_HIGH
    assert list(ticket.labels) == ["food", "vip"]
    assert ticket.reporter == tenant.agent_name("alice")
    assert await tenant.log_types(ticket) == ["CREATED"]
    assert await tenant.get(ticket) == ticket
    assert (await create(tenant.agent("alice"), tenant, given)).number == 2


async def test_a_service_that_raises_a_ticket_is_no_reporter(tenant: Tenant) -> None:
    given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho")
    ticket = await create(tenant.service, tenant, given)
    assert (ticket.reporter, ticket.priority) == ("", ticket_pb2.TICKET_PRIORITY_NORMAL)


async def test_output_only_values_of_a_new_ticket_are_ignored(tenant: Tenant) -> None:
    given = Ticket(
        name="organizations/x/tickets/7",
        number=7,
        subject="Cold soup",
        location=f"{tenant.name}/locations/soho",
        status=ticket_pb2.TICKET_STATUS_CLOSED,
        assignee=tenant.agent_name("bob"),
        reporter=tenant.agent_name("bob"),
        etag="9",
    )
    ticket = await create(tenant.service, tenant, given)
    assert (ticket.number, ticket.status, ticket.assignee, ticket.reporter, ticket.etag) == (
        1,
        ticket_pb2.TICKET_STATUS_OPEN,
        "",
        "",
        "1",
    )


async def test_a_ticket_takes_what_it_lacks_from_its_review(tenant: Tenant) -> None:
    review = await tenant.review(text="Cold soup, twice.")
    ticket = await create(tenant.agent("alice"), tenant, Ticket(review=review.name))
    assert (ticket.location, ticket.review) == (review.location, review.name)
    assert ticket.subject
    alice = tenant.agent("alice")
    thread = (await alice.conversations.ListMessages(conversations.ListMessagesRequest(parent=ticket.name))).messages
    assert [(entry.kind, entry.text, entry.author_display_name) for entry in thread] == [
        (message_pb2.MESSAGE_KIND_REVIEW, "Cold soup, twice.", "Robin P.")
    ]
    found = (await alice.reviews.GetReview(reviews.GetReviewRequest(name=review.name))).review
    assert found.ticket == ticket.name
    own = await create(alice, tenant, Ticket(review=(await tenant.review()).name, subject="Mine"))
    assert own.subject == "Mine"


async def test_a_ticket_cannot_be_of_another_location_than_its_review(tenant: Tenant) -> None:
    review = await tenant.review()
    given = Ticket(review=review.name, location=f"{tenant.name}/locations/camden")
    error = await refusal(create(tenant.service, tenant, given))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["ticket.location"]


async def test_a_review_has_one_open_ticket_at_most_and_may_have_another_after_its_close(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    given = Ticket(review=ticket.review)
    error = await refusal(create(tenant.service, tenant, given))
    assert_refused(error, "TICKET_EXISTS", {"ticket": ticket.name, "review": ticket.review})
    await run(tenant.agent("alice"), "CloseTicket", Target(tenant, ticket))
    second = await create(tenant.service, tenant, given)
    # A refusal takes no number.
    assert (ticket.number, second.number) == (1, 2)
    error = await refusal(create(tenant.service, tenant, given))
    assert_refused(error, "TICKET_EXISTS", {"ticket": second.name, "review": ticket.review})


async def test_an_agent_who_may_not_raise_tickets_raises_none(tenant: Tenant) -> None:
    await tenant.toggle("bob", can_be_reporter=False)
    given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho")
    error = await refusal(create(tenant.agent("bob"), tenant, given))
    assert_refused(error, "NOT_REPORTABLE", {"agent": tenant.agent_name("bob")})


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        (Ticket(), {"ticket.subject", "ticket.location"}),
        (Ticket(subject="Cold soup"), {"ticket.location"}),
        (Ticket(subject=" ", location="{}/locations/soho"), {"ticket.subject"}),
        (Ticket(subject="s" * 201, location="{}/locations/soho"), {"ticket.subject"}),
        (Ticket(subject="Cold\nsoup", location="{}/locations/soho"), {"ticket.subject"}),
        (Ticket(subject="Cold\0soup", location="{}/locations/soho"), {"ticket.subject"}),
        (Ticket(subject="Cold soup", location="{}/locations/so ho"), {"ticket.location"}),
        (Ticket(subject="Cold soup", location="organizations/other/locations/soho"), {"ticket.location"}),
        (Ticket(subject="Soup", location="{}/locations/soho", description="d" * 10_001), {"ticket.description"}),
        (Ticket(subject="Soup", location="{}/locations/soho", labels=["VIP"]), {"ticket.labels"}),
        (Ticket(subject="Soup", location="{}/locations/soho", labels=["v" * 41]), {"ticket.labels"}),
        (Ticket(subject="Soup", location="{}/locations/soho", labels=list(map(str, range(21)))), {"ticket.labels"}),
        (Ticket(review="{}/reviews/nonsense"), {"ticket.review"}),
    ],
)
async def test_a_field_of_a_new_ticket_that_is_wrong_is_named(tenant: Tenant, given: Ticket, fields: set[str]) -> None:
    sent = Ticket.FromString(given.SerializeToString())
    sent.location, sent.review = given.location.format(tenant.name), given.review.format(tenant.name)
    error = await refusal(create(tenant.agent("alice"), tenant, sent))
    assert_refused(error, "INVALID_FIELD")
    assert {violation.field for violation in error.field_violations} == fields


async def test_a_priority_that_is_none_is_refused(tenant: Tenant) -> None:
    unknown = Ticket.FromString(b"\x58\x63")  # field 11, the priority: 99
    unknown.MergeFrom(Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho"))
    error = await refusal(create(tenant.agent("alice"), tenant, unknown))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["ticket.priority"]


async def test_a_review_that_is_not_there_is_named(tenant: Tenant) -> None:
    missing = f"{tenant.name}/reviews/0190a0a0-0000-7000-8000-000000000000"
    error = await refusal(create(tenant.agent("alice"), tenant, Ticket(review=missing)))
    assert_refused(error, "RESOURCE_NOT_FOUND", {"resource": missing})


# --- UpdateTicket -----------------------------------------------------------------------------------------------------


async def update(tenant: Tenant, given: Ticket, *paths: str) -> Ticket:
    request = tickets.UpdateTicketRequest(ticket=given)
    request.update_mask.paths.extend(paths)
    return (await tenant.agent("alice").tickets.UpdateTicket(request)).ticket


async def test_a_mask_writes_what_it_names_and_nothing_else(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    given = Ticket(
        name=ticket.name, subject="New", description="Also", priority=ticket_pb2.TICKET_PRIORITY_LOW, labels=["b", "a"]
    )
    after = await update(tenant, given, "description", "labels")
    assert (after.subject, after.description, list(after.labels)) == (ticket.subject, "Also", ["a", "b"])
    assert after.priority == ticket_pb2.TICKET_PRIORITY_NORMAL
    assert await latest(tenant, ticket) == (
        "UPDATED",
        [
            FieldChange(field="description", before="", after=""),
            FieldChange(field="labels", before="", after="a,b"),
        ],
    )
    assert after == await tenant.get(ticket)


async def test_without_a_mask_what_is_not_empty_is_written(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    await update(tenant, Ticket(name=ticket.name, description="First", labels=["vip"]))
    after = await update(tenant, Ticket(name=ticket.name, subject="New"))
    assert (after.subject, after.description, list(after.labels)) == ("New", "First", ["vip"])


async def test_a_star_writes_all_details_also_empty_ones(tenant: Tenant) -> None:
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
async def test_a_mask_that_names_what_only_a_verb_changes_is_refused_with_the_verb(
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
async def test_a_mask_that_names_anything_else_is_refused(tenant: Tenant, path: str) -> None:
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
async def test_a_wrong_new_value_is_refused(tenant: Tenant, path: str, given: Ticket) -> None:
    ticket = await tenant.ticket()
    sent = Ticket.FromString(given.SerializeToString())
    sent.name = ticket.name
    error = await refusal(update(tenant, sent, path))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == [f"ticket.{path}"]
    assert await tenant.get(ticket) == ticket


async def test_an_external_reference_is_kept_as_it_is_and_logged(tenant: Tenant) -> None:
    given = Ticket(subject="Soup", location=f"{tenant.name}/locations/soho", external_reference=" ORD/1042: Ümlaut ")
    ticket = await create(tenant.agent("alice"), tenant, given)
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
        assert await latest(tenant, ticket) == ("UPDATED", [change])


async def test_two_tickets_may_have_one_external_reference(tenant: Tenant) -> None:
    given = Ticket(subject="Soup", location=f"{tenant.name}/locations/soho", external_reference="ORD-1042")
    first, second = [await create(tenant.agent("alice"), tenant, given) for _ in range(2)]
    assert first.external_reference == second.external_reference == "ORD-1042"


async def test_the_longest_values_are_taken(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    given = Ticket(name=ticket.name, subject="語" * 200, description="🍲" * 10_000, labels=[f"l{n}" for n in range(20)])
    after = await update(tenant, given)
    assert (len(after.subject), len(after.description), len(after.labels)) == (200, 10_000, 20)
    assert await tenant.get(ticket) == after
