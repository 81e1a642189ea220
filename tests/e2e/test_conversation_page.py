"""A conversation in a real browser with a real mail server, from the bad review to the follow-up."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, ViewportSize, expect

from care.v1 import message_pb2, ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care_web.texts.english import ENGLISH
from tests.e2e.mail import wait_for_emails
from tests.e2e.messaging import send_message, thread, wait_for_delivery, watch_ticket
from tests.e2e.scenario import Person, Scenario, unique_word
from tests.support.browser import chromium
from tests.support.system import System

PHONE = ViewportSize(width=390, height=844)


async def post_message(page: Page, text: str) -> None:
    """Types a message into the chat's page and sends it."""
    await page.get_by_label(ENGLISH["text.label"]).fill(text)
    await page.get_by_role("button", name=ENGLISH["chat.send"]).click()


@pytest.mark.browser
async def test_a_customer_talks_with_the_team_from_the_review_to_the_follow_up(
    system: System, scenario: Scenario
) -> None:
    person = Person(phone="")
    await scenario.wait_for_state(await scenario.send_form(), "AWAITING_CONTACT")
    async with watch_ticket(scenario) as watch, chromium() as browser:
        page = await (await browser.new_context(viewport=PHONE)).new_page()
        await page.goto(scenario.site.page)
        await page.get_by_role("region", name="Reply from the owner").get_by_role("link").click()
        await page.get_by_label(ENGLISH["email.label"]).fill(person.email)
        await page.get_by_label(ENGLISH["display_name.label"]).fill(person.display_name)
        await page.get_by_role("checkbox").check()
        await page.get_by_role("button", name=ENGLISH["submit"]).click()
        await watch.wait_for("CHAT_UNLOCKED")

        # Only the email contains the link.
        [email] = await wait_for_emails(system, person.email, 1)
        scenario.keep_private({email.chat_link: "a chat's link", email.chat_token: "a chat link's token"})
        await page.goto(email.chat_link)
        await watch.wait_for("CONTACT_VERIFIED")
        messages = page.get_by_role("log").get_by_role("listitem")
        await expect(messages).to_have_count(1)

        question = f"When will you look into it, {unique_word()}?"
        await post_message(page, question)
        await watch.wait_for("MESSAGE_RECEIVED", question)
        await expect(messages.last).to_contain_text(question)

        # The agent's answer appears without a reload, and the text that is being typed stays.
        half = f"And one more thing, {unique_word()}"
        await page.get_by_label(ENGLISH["text.label"]).fill(half)
        answer = await send_message(scenario, f"Tomorrow morning, {unique_word()}.")
        await expect(messages.last).to_contain_text(answer.text)
        await expect(page.get_by_label(ENGLISH["text.label"])).to_have_value(half)
        await wait_for_delivery(scenario, answer, message_pb2.DELIVERY_STATE_SENT)

        await scenario.alice.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=scenario.ticket))
        await post_message(page, half)
        await watch.wait_for("MESSAGE_RECEIVED", half)
        assert (await scenario.get_ticket()).status == ticket_pb2.TICKET_STATUS_IN_PROGRESS

        note = f"They never stop, {unique_word()}."
        await scenario.add_note(note)
        await scenario.close()
        closed = ENGLISH["chat.closed"].partition("{business}")[2]
        await expect(page.get_by_text(closed)).to_be_visible()
        late = f"It broke again, {unique_word()}."
        await post_message(page, late)
        await expect(page.get_by_text(ENGLISH["chat.sent"])).to_be_visible()
        assert note not in await page.content()

        following = (await scenario.get_ticket()).follow_up
        [*_, fresh] = await wait_for_emails(system, person.email, 3)
        scenario.keep_private({fresh.chat_link: "a chat's link", fresh.chat_token: "a chat link's token"})
        await page.goto(fresh.chat_link)
        await expect(messages.first).to_contain_text(late)
        assert late in [entry.text for entry in await thread(scenario, following)]
