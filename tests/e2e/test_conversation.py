"""A whole conversation: what agents send reaches a real mailbox, and what customers write reaches the team's stream."""

from __future__ import annotations

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import message_pb2, ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from tests.e2e.case import Case, Person, insist, word
from tests.e2e.mail import until_emails
from tests.e2e.talk import ingest, is_delivered, say, watched, write


async def test_agent_and_customer_talk_until_after_the_close(case: Case) -> None:
    person = Person(phone="")
    recovery = await case.send()
    link = await case.link(recovery)
    async with watched(case) as watch:
        await case.submit(link, person)
        await watch.shows("CHAT_UNLOCKED")

        # The greeting brings the private link; whoever opens it has the address.
        [greeting] = await until_emails(case.system, person.email, 1)
        token = greeting.chat_token
        case.keep_private({greeting.chat_link: "a chat's link", token: "a chat link's token"})
        nobody = case.system.client("e2e", "nobody").customers
        chat = (await insist(lambda: nobody.GetChat(customers.GetChatRequest(token=token)))).chat
        assert [each.author for each in chat.messages] == [customers.CHAT_AUTHOR_BUSINESS]
        await watch.shows("CONTACT_VERIFIED")
        assert (await case.get(recovery)).contact.verified

        # There and back: by the page, by email, and by email again.
        question = f"When will you look into it, {word()}?"
        await write(case, token, question)
        assert (await watch.shows("MESSAGE_RECEIVED", question)).message.text == question
        answer = await say(case, f"Tomorrow morning, {word()}.")
        [_, email] = await until_emails(case.system, person.email, 2)
        assert answer.text in email.text
        assert (email.in_reply_to, email.message_id != greeting.message_id) == (greeting.in_reply_to, True)
        assert email.chat_link == greeting.chat_link
        await is_delivered(case, answer, message_pb2.DELIVERY_STATE_SENT)
        await watch.shows("DELIVERY_SENT")
        by_email = await ingest(case, person, f"Thank you, {word()}.", email.message_id)
        assert by_email.outcome == conversations.INGEST_OUTCOME_ACCEPTED

        # What comes after the resolution reopens the ticket, unless a machine wrote it.
        await case.alice.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=case.ticket))
        await ingest(case, person, f"I am away, {word()}.", email.message_id, automatic=True)
        assert (await case.get_ticket()).status == ticket_pb2.TICKET_STATUS_RESOLVED
        await write(case, token, f"Wait, one more thing, {word()}.")
        assert (await case.get_ticket()).status == ticket_pb2.TICKET_STATUS_IN_PROGRESS
        await case.add_note(f"They never stop, {word()}.")
        await case.close()
        await watch.shows("CLOSED")
        assert [int(each.activity.name.rpartition("/")[2]) for each in watch.seen] == sorted(
            {int(each.activity.name.rpartition("/")[2]) for each in watch.seen}
        )

    # After the close the same person goes on in a follow-up, and is sent its link.
    late = f"It broke again, {word()}."
    await write(case, token, late)
    following = (await case.get_ticket()).follow_up
    [*_, fresh] = await until_emails(case.system, person.email, 3)
    assert fresh.chat_token != token
    case.keep_private({fresh.chat_link: "a chat's link", fresh.chat_token: "a chat link's token"})
    again = await say(case, f"We are on it, {word()}.", following)
    await is_delivered(case, again, message_pb2.DELIVERY_STATE_SENT, following)
    shown = (await insist(lambda: nobody.GetChat(customers.GetChatRequest(token=fresh.chat_token)))).chat
    assert late in [each.text for each in shown.messages]
    assert again.text in [each.text for each in shown.messages]
