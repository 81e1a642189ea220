"""A conversation: messages of agents reach a real mailbox, and messages of customers reach the team's live stream."""

from __future__ import annotations

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import message_pb2, ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from tests.e2e.mail import wait_for_emails
from tests.e2e.messaging import ingest, post_message, send_message, wait_for_delivery, watch_ticket
from tests.e2e.scenario import Person, Scenario, retry_until_available, unique_word


async def test_agent_and_customer_talk_until_after_the_close(scenario: Scenario) -> None:
    person = Person(phone="")
    recovery = await scenario.send_form()
    link = await scenario.wait_for_form_link(recovery)
    async with watch_ticket(scenario) as watch:
        await scenario.submit_form(link, person)
        await watch.wait_for("CHAT_UNLOCKED")

        # The greeting contains the private link. Opening it verifies the address.
        [greeting] = await wait_for_emails(scenario.system, person.email, 1)
        token = greeting.chat_token
        scenario.keep_private({greeting.chat_link: "a chat's link", token: "a chat link's token"})
        nobody = scenario.system.client("e2e", "nobody").customers
        chat = (await retry_until_available(lambda: nobody.GetChat(customers.GetChatRequest(token=token)))).chat
        assert [each.author for each in chat.messages] == [customers.CHAT_AUTHOR_BUSINESS]
        await watch.wait_for("CONTACT_VERIFIED")
        assert (await scenario.get_recovery(recovery)).contact.verified

        # Messages in both directions: by the page, by email, and by email again.
        question = f"When will you look into it, {unique_word()}?"
        await post_message(scenario, token, question)
        assert (await watch.wait_for("MESSAGE_RECEIVED", question)).message.text == question
        answer = await send_message(scenario, f"Tomorrow morning, {unique_word()}.")
        [_, email] = await wait_for_emails(scenario.system, person.email, 2)
        assert answer.text in email.text
        assert (email.in_reply_to, email.message_id != greeting.message_id) == (greeting.in_reply_to, True)
        assert email.chat_link == greeting.chat_link
        await wait_for_delivery(scenario, answer, message_pb2.DELIVERY_STATE_SENT)
        await watch.wait_for("DELIVERY_SENT")
        by_email = await ingest(scenario, person, f"Thank you, {unique_word()}.", email.message_id)
        assert by_email.outcome == conversations.INGEST_OUTCOME_ACCEPTED

        # A message after the resolution reopens the ticket, unless it is automatic.
        await scenario.alice.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=scenario.ticket))
        await ingest(scenario, person, f"I am away, {unique_word()}.", email.message_id, automatic=True)
        assert (await scenario.get_ticket()).status == ticket_pb2.TICKET_STATUS_RESOLVED
        await post_message(scenario, token, f"Wait, one more thing, {unique_word()}.")
        assert (await scenario.get_ticket()).status == ticket_pb2.TICKET_STATUS_IN_PROGRESS
        await scenario.add_note(f"They never stop, {unique_word()}.")
        await scenario.close()
        await watch.wait_for("CLOSED")
        assert [int(each.activity.name.rpartition("/")[2]) for each in watch.changes] == sorted(
            {int(each.activity.name.rpartition("/")[2]) for each in watch.changes}
        )

    # After the close the customer continues in a follow-up, and gets its link.
    late = f"It broke again, {unique_word()}."
    await post_message(scenario, token, late)
    following = (await scenario.get_ticket()).follow_up
    [*_, fresh] = await wait_for_emails(scenario.system, person.email, 3)
    assert fresh.chat_token != token
    scenario.keep_private({fresh.chat_link: "a chat's link", fresh.chat_token: "a chat link's token"})
    again = await send_message(scenario, f"We are on it, {unique_word()}.", following)
    await wait_for_delivery(scenario, again, message_pb2.DELIVERY_STATE_SENT, following)
    shown = (await retry_until_available(lambda: nobody.GetChat(customers.GetChatRequest(token=fresh.chat_token)))).chat
    assert late in [each.text for each in shown.messages]
    assert again.text in [each.text for each in shown.messages]
