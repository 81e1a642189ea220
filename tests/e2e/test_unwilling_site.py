"""A review site that is down or says no: nobody waits for it who need not, and the agent learns of a refusal."""

from __future__ import annotations

import httpx
import pytest

from care.v1 import conversation_service_pb2 as conversations
from care.v1.message_pb2 import MESSAGE_KIND_RECOVERY_FORM
from care.v1.recovery_pb2 import RECOVERY_STATE_REFUSED, RefusalReason
from care_rules.entities.recovery import ReplyState
from tests.e2e.case import Case, Person


async def test_the_chat_opens_by_a_contact_known_otherwise_while_the_site_is_down(case: Case) -> None:
    await case.site.behave("down")
    form = await case.send()
    await case.is_marked(form, ReplyState.POSTING)
    direct = await case.add_contact(Person())
    await case.reaches(direct, "CHAT_UNLOCKED")
    assert await case.state(form) == "REPLACED"
    # The site is down to the end, and so the form has nothing to come to rest with.
    assert await case.reply_state(form) is ReplyState.POSTING

    await case.site.behave("accept")
    await case.rests(form, 110)
    assert (await case.reply_state(form), await case.site.puts()) == (ReplyState.NOT_PUBLIC, [])
    assert await case.state(direct) == "CHAT_UNLOCKED"


async def test_a_reply_that_appears_after_the_worker_gave_up_is_seen_to_be_public(case: Case) -> None:
    await case.site.behave("slow", 12)  # the worker gives up after 10 s, every time
    form = await case.send()
    await case.reaches(form, "AWAITING_CONTACT")


async def test_a_site_that_is_down_delays_a_reply_and_loses_none(case: Case) -> None:
    await case.site.behave("down")
    form = await case.send()
    await case.is_marked(form, ReplyState.POSTING)
    await case.site.behave("accept")
    await case.reaches(form, "AWAITING_CONTACT")
    assert len(await case.site.puts()) == 1


@pytest.mark.parametrize(("mode", "reason"), [("refuse_links", "LINKS_NOT_ALLOWED"), ("refuse_too_long", "TOO_LONG")])
async def test_the_agent_sees_why_the_site_refused_and_may_send_again(case: Case, mode: str, reason: str) -> None:
    await case.site.behave(mode)
    form = await case.send()
    await case.reaches(form, "REFUSED")
    await _is_shown(case, form, reason)
    assert (await case.get(form)).refusal_message != ""
    assert await case.site.puts() == []

    await case.site.behave("accept")
    again = await case.send()
    await case.reaches(again, "AWAITING_CONTACT")


async def test_the_agent_sees_that_a_reply_was_taken_down_later(case: Case) -> None:
    form = await case.send()
    link = await case.link(form)
    await case.site.take_down()
    await case.reaches(form, "REFUSED")
    await _is_shown(case, form, "TAKEN_DOWN")
    assert await case.site.reply() is None
    assert (await case.http.get(link)).status_code == httpx.codes.GONE


async def _is_shown(case: Case, form: str, reason: str) -> None:
    """The refusal stands in the recovery, in the thread, in the log and in what the agent may do now."""
    recovery, ticket = await case.get(form), await case.get_ticket()
    assert RefusalReason.Name(recovery.refusal_reason) == f"REFUSAL_REASON_{reason}"
    listed = await case.alice.conversations.ListMessages(conversations.ListMessagesRequest(parent=case.ticket))
    outcomes = [entry.recovery_state for entry in listed.messages if entry.kind == MESSAGE_KIND_RECOVERY_FORM]
    assert outcomes == [RECOVERY_STATE_REFUSED]
    assert (await case.log())["FORM_REFUSED"] == 1
    assert {action.command: action.allowed for action in ticket.actions}["SendRecoveryForm"]
