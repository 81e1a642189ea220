"""A review site that is down or refuses: nothing waits for it without need, and the agent sees a refusal."""

from __future__ import annotations

import httpx
import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1.message_pb2 import MESSAGE_KIND_RECOVERY_FORM
from care.v1.recovery_pb2 import RECOVERY_STATE_REFUSED, RefusalReason
from care_rules.entities.recovery import ReplyState
from tests.e2e.scenario import Person, Scenario


async def test_the_chat_is_unlocked_by_another_contact_while_the_site_is_down(scenario: Scenario) -> None:
    await scenario.site.set_behavior("down")
    form = await scenario.send_form()
    await scenario.wait_for_reply_state(form, ReplyState.POSTING)
    direct = await scenario.add_contact(Person())
    await scenario.wait_for_state(direct, "CHAT_UNLOCKED")
    assert await scenario.get_state(form) == "REPLACED"
    # The site stays down, so the form's reply never gets an outcome.
    assert await scenario.get_reply_state(form) is ReplyState.POSTING

    await scenario.site.set_behavior("accept")
    await scenario.wait_for_workflow_end(form, 110)
    assert (await scenario.get_reply_state(form), await scenario.site.list_posted_replies()) == (
        ReplyState.NOT_PUBLIC,
        [],
    )
    assert await scenario.get_state(direct) == "CHAT_UNLOCKED"


async def test_a_reply_that_appears_after_the_worker_gave_up_is_recorded_as_public(scenario: Scenario) -> None:
    await scenario.site.set_behavior("slow", 12)  # the worker gives up after 10 s each time
    form = await scenario.send_form()
    await scenario.wait_for_state(form, "AWAITING_CONTACT")


async def test_a_site_that_is_down_delays_a_reply_but_does_not_lose_it(scenario: Scenario) -> None:
    await scenario.site.set_behavior("down")
    form = await scenario.send_form()
    await scenario.wait_for_reply_state(form, ReplyState.POSTING)
    await scenario.site.set_behavior("accept")
    await scenario.wait_for_state(form, "AWAITING_CONTACT")
    assert len(await scenario.site.list_posted_replies()) == 1


@pytest.mark.parametrize(("mode", "reason"), [("refuse_links", "LINKS_NOT_ALLOWED"), ("refuse_too_long", "TOO_LONG")])
async def test_the_agent_sees_why_the_site_refused_and_may_send_another_form(
    scenario: Scenario, mode: str, reason: str
) -> None:
    await scenario.site.set_behavior(mode)
    form = await scenario.send_form()
    await scenario.wait_for_state(form, "REFUSED")
    await _assert_shown(scenario, form, reason)
    assert (await scenario.get_recovery(form)).refusal_message != ""
    assert await scenario.site.list_posted_replies() == []

    await scenario.site.set_behavior("accept")
    again = await scenario.send_form()
    await scenario.wait_for_state(again, "AWAITING_CONTACT")


async def test_the_agent_sees_that_a_reply_was_taken_down_later(scenario: Scenario) -> None:
    form = await scenario.send_form()
    link = await scenario.wait_for_form_link(form)
    await scenario.site.take_down()
    await scenario.wait_for_state(form, "REFUSED")
    await _assert_shown(scenario, form, "TAKEN_DOWN")
    assert await scenario.site.get_reply() is None
    assert (await scenario.http.get(link)).status_code == httpx.codes.GONE


async def _assert_shown(scenario: Scenario, form: str, reason: str) -> None:
    """Checks that the recovery, the thread, the log and the ticket's actions show the refusal."""
    recovery, ticket = await scenario.get_recovery(form), await scenario.get_ticket()
    assert RefusalReason.Name(recovery.refusal_reason) == f"REFUSAL_REASON_{reason}"
    listed = await scenario.alice.conversations.ListMessages(conversations.ListMessagesRequest(parent=scenario.ticket))
    outcomes = [entry.recovery_state for entry in listed.messages if entry.kind == MESSAGE_KIND_RECOVERY_FORM]
    assert outcomes == [RECOVERY_STATE_REFUSED]
    assert (await scenario.count_activities())["FORM_REFUSED"] == 1
    assert {action.command: action.allowed for action in ticket.actions}["SendRecoveryForm"]
