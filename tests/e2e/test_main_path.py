"""From a bad review to an unlocked chat, and the pages of a form's link in later states."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from uuid import uuid4

import pytest
from playwright.async_api import ViewportSize, expect

from care.v1.ticket_pb2 import TICKET_STATUS_CLOSED
from care_dev.stack import secrets
from care_rules.entities.recovery import ReplyState
from care_service.usecases.links import Links
from care_web.languages import DEFAULT_LANGUAGE
from care_web.texts.english import ENGLISH
from tests.e2e.scenario import ORGANIZATION, Person, Scenario, link_token, recovery_uuid, recovery_workflow_id
from tests.support.browser import chromium
from tests.support.system import System, eventually

PHONE = ViewportSize(width=390, height=844)


@pytest.mark.browser
async def test_a_customer_on_a_phone_without_scripts_opens_the_chat(system: System, scenario: Scenario) -> None:
    recovery = await scenario.send_form()
    await scenario.wait_for_state(recovery, "AWAITING_CONTACT")
    person = Person()
    async with chromium() as browser:
        context = await browser.new_context(viewport=PHONE, java_script_enabled=False, is_mobile=True, has_touch=True)
        page = await context.new_page()
        # The customer starts at the review's public page.
        await page.goto(scenario.site.page)
        reply = page.get_by_role("region", name="Reply from the owner")
        await reply.get_by_role("link").click()
        await expect(page.get_by_role("heading", name=ENGLISH["form.heading"])).to_be_visible()
        assert page.url.startswith(f"{system.stack.urls.web}/f/")
        await page.get_by_label(ENGLISH["email.label"]).fill(person.email)
        await page.get_by_label(ENGLISH["phone.label"]).fill(person.phone)
        await page.get_by_label(ENGLISH["display_name.label"]).fill(person.display_name)
        await page.get_by_label(ENGLISH["message.label"]).fill(person.message)
        await page.get_by_role("checkbox").check()
        await page.get_by_role("button", name=ENGLISH["submit"]).click()
        await expect(page.get_by_role("heading", name=ENGLISH["thanks.title"])).to_be_visible()

    await scenario.wait_for_state(recovery, "CHAT_UNLOCKED")
    contact = (await scenario.get_recovery(recovery)).contact
    assert (contact.email, contact.phone, contact.display_name, contact.message, contact.verified) == (
        *(person.email, person.phone, person.display_name, person.message),
        False,
    )
    steps = ["CREATED", "TAKEN", "FORM_REQUESTED", "FORM_POSTED", "CONTACT_SUBMITTED", "CHAT_UNLOCKED", "DELIVERY_SENT"]

    async def is_greeted() -> bool:
        return "DELIVERY_SENT" in await scenario.count_activities()

    await eventually("the greeting being sent", is_greeted)
    assert await scenario.count_activities() == dict.fromkeys(steps, 1)


async def test_the_link_leaves_the_public_reply_when_the_ticket_is_closed(scenario: Scenario) -> None:
    recovery = await scenario.send_form()
    link = await scenario.wait_for_form_link(recovery)
    await scenario.submit_form(link, Person())
    await scenario.wait_for_state(recovery, "CHAT_UNLOCKED")
    posted = await scenario.site.get_reply() or ""
    await scenario.close()
    await scenario.wait_for_reply_state(recovery, ReplyState.RETRACTED)
    assert link in posted
    assert link_token(link) not in (await scenario.site.get_reply() or "")
    assert (await scenario.get_ticket()).status == TICKET_STATUS_CLOSED
    assert await scenario.get_state(recovery) == "ENDED_BY_CLOSE"
    assert (await scenario.count_activities())["REPLY_RETRACTED"] == 1


# Each of these functions brings the form of a link into another state.


async def _answer(scenario: Scenario, recovery: str, link: str) -> None:
    await scenario.submit_form(link, Person())


async def _expire(scenario: Scenario, recovery: str, link: str) -> None:
    # The shortest lifetime of a form is an hour. So its expiry is moved in the database, and the workflow is poked.
    await scenario.system.sql("UPDATE recoveries SET expire_time = now() WHERE id = $1", recovery_uuid(recovery))
    await (await scenario.system.temporal()).get_workflow_handle(recovery_workflow_id(recovery)).signal("poke")
    await scenario.wait_for_state(recovery, "EXPIRED")
    await scenario.wait_for_workflow_end(recovery)
    assert await scenario.find_public_link() is None


async def _withdraw(scenario: Scenario, recovery: str, link: str) -> None:
    await scenario.withdraw(recovery)


async def _replace(scenario: Scenario, recovery: str, link: str) -> None:
    await scenario.add_contact(Person())


async def _close(scenario: Scenario, recovery: str, link: str) -> None:
    await scenario.close()


@pytest.mark.parametrize(
    ("become", "page", "status"),
    [
        (_answer, "answered", HTTPStatus.OK),
        (_expire, "expired", HTTPStatus.GONE),
        (_withdraw, "withdrawn", HTTPStatus.GONE),
        (_replace, "replaced", HTTPStatus.GONE),
        (_close, "closed", HTTPStatus.OK),
    ],
)
async def test_a_link_shows_the_state_of_its_form(
    scenario: Scenario, become: Callable[[Scenario, str, str], Awaitable[None]], page: str, status: HTTPStatus
) -> None:
    recovery = await scenario.send_form()
    link = await scenario.wait_for_form_link(recovery)
    await become(scenario, recovery, link)
    answer = await scenario.http.get(link)
    title = DEFAULT_LANGUAGE.translate_plain(f"{page}.title", business=ORGANIZATION)
    assert (answer.status_code, title in answer.text) == (status, True)
    assert scenario.ticket not in answer.text


async def test_an_unknown_link_and_a_forged_one_get_the_same_page(system: System, scenario: Scenario) -> None:
    recovery = await scenario.send_form()
    link = await scenario.wait_for_form_link(recovery)
    key_id, key = secrets.load(system.stack.home).link_keys.split(":")
    ours = Links({key_id: urlsafe_b64decode(key)}, key_id, system.stack.urls.web)
    assert ours.form_link(recovery_uuid(recovery), key_id) == link
    forgers = Links({key_id: bytes(32)}, key_id, system.stack.urls.web)
    links = [
        ours.form_link(uuid4(), key_id),  # for no recovery, but signed by the service
        forgers.form_link(recovery_uuid(recovery), key_id),
        link[:-1],
        f"{system.stack.urls.web}/f/none",
    ]
    answers = [await scenario.http.get(found) for found in links]
    assert {answer.status_code for answer in answers} == {HTTPStatus.NOT_FOUND}
    assert len({answer.text for answer in answers}) == 1
    assert ENGLISH["unknown.title"] in answers[0].text
