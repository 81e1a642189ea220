"""Concurrent commands on one ticket, and tickets that are created at the same time."""

from __future__ import annotations

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import Ticket
from care_client.errors import CareError
from tests.integration.service.commands import Target, assert_refused, request, run, send
from tests.integration.service.simultaneous import ROUNDS, TIMES, at_once, refusals
from tests.support.tenant import Tenant


async def test_one_of_fifty_agents_gets_the_ticket_and_the_others_are_told_who(tenant: Tenant) -> None:
    ticket = await tenant.ticket(None)
    agents = [f"agent{number}" for number in range(TIMES)]
    take = tickets.TakeTicketRequest(name=ticket.name)
    outcomes = await at_once([tenant.agent(agent).tickets.TakeTicket(take) for agent in agents])
    winners = [agent for agent, each in zip(agents, outcomes, strict=True) if not isinstance(each, CareError)]
    assert len(winners) == 1
    owner = {"ticket": ticket.name, "assignee": tenant.agent_name(winners[0])}
    told = refusals(outcomes)
    assert len(told) == TIMES - 1
    for error in told:
        assert_refused(error, "ALREADY_ASSIGNED", owner)
    after = await tenant.get(ticket)
    assert (after.assignee, after.etag) == (owner["assignee"], "2")
    assert await tenant.log_types(ticket) == ["TAKEN", "CREATED"]


async def test_thirty_notes_at_once_are_all_written_and_numbered_without_gaps(tenant: Tenant) -> None:
    ticket, alice = await tenant.ticket(), tenant.agent("alice")
    texts = {f"Note {number}" for number in range(30)}
    outcomes = await at_once(
        [alice.conversations.AddNote(conversations.AddNoteRequest(parent=ticket.name, text=text)) for text in texts]
    )
    assert refusals(outcomes) == []
    log = await tenant.log(ticket)
    assert [int(entry.name.rpartition("/")[2]) for entry in log] == list(range(32, 0, -1))
    listed = await alice.conversations.ListMessages(conversations.ListMessagesRequest(parent=ticket.name))
    assert {entry.text for entry in listed.messages[1:]} == texts
    assert (await tenant.get(ticket)).etag == "32"


async def test_one_of_two_commands_with_the_same_etag_is_refused(tenant: Tenant) -> None:
    alice = tenant.agent("alice")
    for _ in range(ROUNDS):
        ticket = await tenant.ticket()
        target = Target(tenant, ticket)
        outcomes = await at_once(
            [send(alice, request(command, target, etag=ticket.etag)) for command in ("StartTicket", "AddNote")]
        )
        (error,) = refusals(outcomes)
        assert_refused(error, "ETAG_MISMATCH", {"ticket": ticket.name, "etag": str(int(ticket.etag) + 1)})


async def test_one_of_two_forms_sent_at_once_is_refused_and_told_of_the_other(tenant: Tenant) -> None:
    for _ in range(ROUNDS):
        target = Target(tenant, await tenant.ticket())
        outcomes = await at_once([run(tenant.agent("alice"), "SendRecoveryForm", target) for _ in range(2)])
        (error,) = refusals(outcomes)
        assert error.reason == "FORM_LIVE"
        assert error.metadata["recovery"] == (await tenant.get(target.ticket)).recovery


async def test_one_of_two_tickets_created_at_once_for_one_review_is_refused_and_told_of_the_other(
    tenant: Tenant,
) -> None:
    for _ in range(ROUNDS):
        review = await tenant.review()
        create = tickets.CreateTicketRequest(parent=tenant.name, ticket=Ticket(review=review.name))
        clients = (tenant.service, tenant.agent("alice"))
        outcomes = await at_once([client.tickets.CreateTicket(create) for client in clients])
        (error,) = refusals(outcomes)
        found = (await tenant.service.reviews.GetReview(reviews.GetReviewRequest(name=review.name))).review
        assert_refused(error, "TICKET_EXISTS", {"ticket": found.ticket, "review": review.name})


async def test_tickets_created_at_once_get_different_numbers(tenant: Tenant) -> None:
    given = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho")
    create = tickets.CreateTicketRequest(parent=tenant.name, ticket=given)
    outcomes = await at_once([tenant.service.tickets.CreateTicket(create) for _ in range(30)])
    numbers = [each.ticket.number for each in outcomes if isinstance(each, tickets.CreateTicketResponse)]
    assert len(numbers) == len(set(numbers)) == 30
