"""The main path through gRPC, from a review to an unlocked chat, with its log and its thread."""

from __future__ import annotations

from care.v1 import activity_pb2, message_pb2, recovery_pb2, ticket_pb2
from care.v1 import conversation_service_pb2 as conversations
from care.v1 import ticket_service_pb2 as tickets
from tests.support.tenant import REPLY, Tenant


async def test_a_review_leads_to_an_unlocked_chat(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    recovery = await tenant.form(ticket)
    await tenant.posted(recovery)
    await tenant.submit(recovery, phone="+1 415 555 2671", display_name="Robin", message="Call me")
    await tenant.unlock(recovery)

    after = await tenant.get(ticket)
    assert after.contact_state == ticket_pb2.CONTACT_STATE_CHAT_UNLOCKED
    assert after.recovery == recovery.name
    assert (after.customer.display_name, after.customer.email, after.customer.phone, after.customer.verified) == (
        "Robin",
        "robin@example.com",
        "+14155552671",
        False,
    )
    view = await tenant.recovery(recovery)
    assert view.state == recovery_pb2.RECOVERY_STATE_CHAT_UNLOCKED
    assert view.contact.message == "Call me"
    assert view.reply_text == REPLY

    alice = tenant.agent("alice")
    log = (await alice.tickets.ListActivities(tickets.ListActivitiesRequest(parent=ticket.name))).activities
    assert [activity_pb2.ActivityType.Name(entry.type).removeprefix("ACTIVITY_TYPE_") for entry in reversed(log)] == [
        "CREATED",
        "TAKEN",
        "FORM_REQUESTED",
        "FORM_POSTED",
        "CONTACT_SUBMITTED",
        "CHAT_UNLOCKED",
    ]
    assert after.etag == "6"
    thread = (await alice.conversations.ListMessages(conversations.ListMessagesRequest(parent=ticket.name))).messages
    assert [entry.kind for entry in thread] == [
        message_pb2.MESSAGE_KIND_REVIEW,
        message_pb2.MESSAGE_KIND_REVIEW_REPLY,
        message_pb2.MESSAGE_KIND_RECOVERY_FORM,
        message_pb2.MESSAGE_KIND_AGENT_MESSAGE,
    ]
    assert thread[0].text == "Cold soup."
    assert thread[2].recovery_state == recovery_pb2.RECOVERY_STATE_CHAT_UNLOCKED
