"""A whole conversation in a real browser, with a real mail server between: from the bad review to the follow-up."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, ViewportSize, expect

from care.v1 import message_pb2, ticket_pb2
from care.v1 import ticket_service_pb2 as tickets
from care_web.texts.english import ENGLISH
from tests.e2e.case import Case, Person, word
from tests.e2e.mail import until_emails
from tests.e2e.talk import is_delivered, say, thread, watched
from tests.support.browser import chromium
from tests.support.system import System

PHONE = ViewportSize(width=390, height=844)


async def write(page: Page, text: str) -> None:
    """Types a message into the chat's page and sends it."""
    await page.get_by_label(ENGLISH["text.label"]).fill(text)
    await page.get_by_role("button", name=ENGLISH["chat.send"]).click()


@pytest.mark.browser
async def test_a_customer_talks_with_the_team_from_the_review_to_the_follow_up(system: System, case: Case) -> None:
    person = Person(phone="")
    await case.reaches(await case.send(), "AWAITING_CONTACT")
    async with watched(case) as watch, chromium() as browser:
        page = await (await browser.new_context(viewport=PHONE)).new_page()
        await page.goto(case.site.page)
        await page.get_by_role("region", name="Reply from the owner").get_by_role("link").click()
        await page.get_by_label(ENGLISH["email.label"]).fill(person.email)
        await page.get_by_label(ENGLISH["display_name.label"]).fill(person.display_name)
        await page.get_by_role("checkbox").check()
        await page.get_by_role("button", name=ENGLISH["submit"]).click()
        await watch.shows("CHAT_UNLOCKED")

        # The link is in the email that they find, and in nothing else.
        [email] = await until_emails(system, person.email, 1)
        case.keep_private({email.chat_link: "a chat's link", email.chat_token: "a chat link's token"})
        await page.goto(email.chat_link)
        await watch.shows("CONTACT_VERIFIED")
        messages = page.get_by_role("log").get_by_role("listitem")
        await expect(messages).to_have_count(1)

        question = f"When will you look into it, {word()}?"
        await write(page, question)
        await watch.shows("MESSAGE_RECEIVED", question)
        await expect(messages.last).to_contain_text(question)

        # What the agent answers is there without anybody reloading the page, and what is being typed stays.
        half = f"And one more thing, {word()}"
        await page.get_by_label(ENGLISH["text.label"]).fill(half)
        answer = await say(case, f"Tomorrow morning, {word()}.")
        await expect(messages.last).to_contain_text(answer.text)
        await expect(page.get_by_label(ENGLISH["text.label"])).to_have_value(half)
        await is_delivered(case, answer, message_pb2.DELIVERY_STATE_SENT)

        await case.alice.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=case.ticket))
        await write(page, half)
        await watch.shows("MESSAGE_RECEIVED", half)
        assert (await case.get_ticket()).status == ticket_pb2.TICKET_STATUS_IN_PROGRESS

        note = f"They never stop, {word()}."
        await case.add_note(note)
        await case.close()
        closed = ENGLISH["chat.closed"].partition("{business}")[2]
        await expect(page.get_by_text(closed)).to_be_visible()
        late = f"It broke again, {word()}."
        await write(page, late)
        await expect(page.get_by_text(ENGLISH["chat.sent"])).to_be_visible()
        assert note not in await page.content()

        following = (await case.get_ticket()).follow_up
        [*_, fresh] = await until_emails(system, person.email, 3)
        case.keep_private({fresh.chat_link: "a chat's link", fresh.chat_token: "a chat link's token"})
        await page.goto(fresh.chat_link)
        await expect(messages.first).to_contain_text(late)
        assert late in [entry.text for entry in await thread(case, following)]
