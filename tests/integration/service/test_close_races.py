"""Submissions, unlocks and withdrawals at the same time as a close, or as each other."""

from __future__ import annotations

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import recovery_pb2, ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Ticket
from care_client.errors import CareError
from tests.integration.service.commands import assert_refused
from tests.integration.service.simultaneous import ROUNDS, at_once, refusals
from tests.support.tenant import Tenant


async def assert_closed_for_good(tenant: Tenant, ticket: Ticket, recovery: Recovery) -> Recovery:
    """Checks that the ticket is CLOSED without a live recovery, and that its log has one activity per version."""
    after, found = await tenant.get(ticket), await tenant.recovery(recovery)
    assert after.status == ticket_pb2.TICKET_STATUS_CLOSED
    assert (after.contact_state, after.recovery) == (ticket_pb2.CONTACT_STATE_NO_CONTACT, "")
    assert found.HasField("end_time")
    assert len(await tenant.log(ticket)) == int(after.etag)
    return found


async def test_a_submission_during_a_close_leaves_no_live_recovery_on_a_closed_ticket(tenant: Tenant) -> None:
    for _ in range(ROUNDS):
        ticket = await tenant.ticket()
        recovery = await tenant.form(ticket)
        submit = customers.SubmitContactRequest(
            token=tenant.form_token(recovery), email="robin@example.com", consent=True
        )
        close = tickets.CloseTicketRequest(name=ticket.name)
        closed, submitted = await at_once(
            [tenant.agent("alice").tickets.CloseTicket(close), tenant.customer.customers.SubmitContact(submit)]
        )
        assert not isinstance(closed, CareError)
        found = await assert_closed_for_good(tenant, ticket, recovery)
        assert found.state == recovery_pb2.RECOVERY_STATE_ENDED_BY_CLOSE
        assert not isinstance(submitted, CareError)
        # An accepted submission is stored in this ticket or in its follow-up.
        follow_up = (await tenant.get(ticket)).follow_up
        assert found.HasField("contact") == (not follow_up)
        if follow_up:
            assert (await tenant.get(Ticket(name=follow_up))).customer.email == "robin@example.com"


async def test_ten_submissions_after_a_close_create_one_follow_up_and_keep_the_rest_as_claims(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.in_recovery_state(ticket, "ENDED_BY_CLOSE")
    outcomes = await at_once([tenant.submit(recovery, email=f"claim{number}@example.com") for number in range(10)])
    assert refusals(outcomes) == []
    listed = (await tenant.service.tickets.ListTickets(tickets.ListTicketsRequest(parent=tenant.name))).tickets
    (follow_up,) = [each for each in listed if each.name != ticket.name]
    assert (follow_up.follow_up_of, (await tenant.get(ticket)).follow_up) == (ticket.name, follow_up.name)
    assert len(await tenant.log(follow_up)) == int(follow_up.etag)
    request = conversations.ListContactsRequest(parent=follow_up.name)
    contacts = (await tenant.service.conversations.ListContacts(request)).contacts
    assert [each.email for each in contacts].count(follow_up.customer.email) == 1
    assert 1 < len(contacts) < 10


async def test_a_follow_up_and_a_new_ticket_for_one_review_leave_one_ticket_that_is_not_closed(tenant: Tenant) -> None:
    for _ in range(ROUNDS):
        ticket = await tenant.ticket()
        recovery = await tenant.in_recovery_state(ticket, "ENDED_BY_CLOSE")
        create = tickets.CreateTicketRequest(parent=tenant.name, ticket=Ticket(review=ticket.review))
        created, submitted = await at_once([tenant.service.tickets.CreateTicket(create), tenant.submit(recovery)])
        assert not isinstance(submitted, CareError)
        follow_up = (await tenant.get(ticket)).follow_up
        if isinstance(created, CareError):
            assert_refused(created, "TICKET_EXISTS", {"ticket": follow_up, "review": ticket.review})
        else:
            assert follow_up == ""


async def test_an_unlock_during_a_close_leaves_no_live_recovery_on_a_closed_ticket(tenant: Tenant) -> None:
    for _ in range(ROUNDS):
        ticket = await tenant.ticket()
        recovery = await tenant.in_recovery_state(ticket, "CONTACT_RECEIVED")
        outcomes = await at_once(
            [
                tenant.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name)),
                tenant.worker.workers.UnlockChat(workers.UnlockChatRequest(name=recovery.name)),
            ]
        )
        assert refusals(outcomes) == []
        await assert_closed_for_good(tenant, ticket, recovery)


async def test_ten_submissions_at_once_store_one_contact_and_all_succeed(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    token = tenant.form_token(recovery)
    outcomes = await at_once(
        [
            tenant.customer.customers.SubmitContact(
                customers.SubmitContactRequest(token=token, email=f"claim{number}@example.com", consent=True)
            )
            for number in range(10)
        ]
    )
    assert [(error.reason, error.code) for error in refusals(outcomes)] == []
    assert (await tenant.log_types(ticket)).count("CONTACT_SUBMITTED") == 1
    found = await tenant.recovery(recovery)
    assert found.contact.email not in {claim.email for claim in found.claims}


async def test_either_a_submission_or_a_concurrent_withdrawal_succeeds(tenant: Tenant) -> None:
    for _ in range(ROUNDS):
        recovery = await tenant.form(await tenant.ticket())
        token = tenant.form_token(recovery)
        withdrawn, submitted = await at_once(
            [
                tenant.agent("alice").conversations.WithdrawRecoveryForm(
                    conversations.WithdrawRecoveryFormRequest(name=recovery.name)
                ),
                tenant.customer.customers.SubmitContact(
                    customers.SubmitContactRequest(token=token, email="robin@example.com", consent=True)
                ),
            ]
        )
        state = (await tenant.recovery(recovery)).state
        if isinstance(withdrawn, CareError):
            assert withdrawn.reason == "ILLEGAL_TRANSITION"
            assert not isinstance(submitted, CareError)
            assert state == recovery_pb2.RECOVERY_STATE_CONTACT_RECEIVED
        else:
            assert isinstance(submitted, CareError)
            assert_refused(submitted, "LINK_WITHDRAWN")
            assert state == recovery_pb2.RECOVERY_STATE_WITHDRAWN
