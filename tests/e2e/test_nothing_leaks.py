"""No personal data, text or link is in a workflow history, in Temporal's file, or in a log, metric or span."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from care.v1 import conversation_service_pb2 as conversations
from care.v1.message_pb2 import DELIVERY_STATE_SENT
from care_rules.entities.recovery import ReplyState
from tests.e2e import stored_data
from tests.e2e.mail import wait_for_emails
from tests.e2e.messaging import ingest, post_message, send_message, wait_for_delivery
from tests.e2e.scenario import Person, Scenario, recovery_workflow_id, unique_word
from tests.support.care import refused
from tests.support.system import System
from tools.collector import Collector

ALLOWED = {"postgres", "review-site", "mailbox"}
"""The only folders of a stack that may contain personal data: database, review site and mailbox."""


async def play_claim_and_rejection(scenario: Scenario) -> str:
    """Plays a form with two answers. The first contact is rejected, another one is added, and the ticket is closed."""
    recovery = await scenario.send_form()
    link = await scenario.wait_for_form_link(recovery)
    wrong = Person()
    mistyped = wrong.form_values() | {"email": f"{unique_word()} at example.com"}
    scenario.keep_private({mistyped["email"]: "a mistyped email address"})
    assert (await scenario.http.post(link, data=mistyped)).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    await scenario.submit_form(link, wrong)
    await scenario.submit_form(link, Person())
    await scenario.wait_for_state(recovery, "CHAT_UNLOCKED")
    await scenario.add_note(f"Offered a breakfast, {unique_word()}.")
    reject = conversations.RejectContactRequest(name=recovery)
    await scenario.alice.conversations.RejectContact(reject)
    direct = await scenario.add_contact(Person())
    await scenario.wait_for_state(direct, "CHAT_UNLOCKED")
    await scenario.close()
    await scenario.wait_for_reply_state(recovery, ReplyState.RETRACTED)
    return recovery


async def play_refusal(scenario: Scenario) -> str:
    """Plays a reply that the site refuses with a message that may quote the reply."""
    await scenario.site.set_behavior("refuse_too_long")
    recovery = await scenario.send_form()
    await scenario.wait_for_state(recovery, "REFUSED")
    await scenario.wait_for_workflow_end(recovery)
    scenario.keep_private({(await scenario.get_recovery(recovery)).refusal_message: "the review site's message"})
    return recovery


async def play_withdrawal(scenario: Scenario) -> str:
    """Plays a reply that fails at first and is withdrawn once it is public, and then a reply that is too long."""
    await scenario.site.set_behavior("down")
    recovery = await scenario.send_form()
    await scenario.wait_for_reply_state(recovery, ReplyState.POSTING)
    await scenario.site.set_behavior("accept")
    await scenario.wait_for_form_link(recovery)
    await scenario.withdraw(recovery)
    async with refused("INVALID_FIELD"):
        text = f"{unique_word()} " * 1000 + "{form_link}"
        scenario.keep_private({text.split(maxsplit=1)[0]: "a reply that is too long"})
        request = conversations.SendRecoveryFormRequest(parent=scenario.ticket, reply_text=text)
        await scenario.alice.conversations.SendRecoveryForm(request)
    return recovery


async def play_chat(scenario: Scenario) -> str:
    """Plays a chat with messages in both directions."""
    person = Person(phone="")
    recovery = await scenario.add_contact(person)
    [greeting] = await wait_for_emails(scenario.system, person.email, 1)
    scenario.keep_private({greeting.chat_link: "a chat's link"})
    await post_message(scenario, greeting.chat_token, f"Hello, {unique_word()}.")
    await wait_for_delivery(
        scenario, await send_message(scenario, f"We looked into it, {unique_word()}."), DELIVERY_STATE_SENT
    )
    await ingest(scenario, person, f"Thank you, {unique_word()}.", greeting.message_id)
    await wait_for_delivery(scenario, await send_message(scenario, f"Good bye, {unique_word()}."), DELIVERY_STATE_SENT)
    return recovery


async def test_personal_data_is_only_in_the_service_and_at_the_site(system: System, collector: Collector) -> None:
    """Also searches for the data of all earlier tests in this process: after kills, the logs have other lines."""
    scenes = [play_claim_and_rejection, play_refusal, play_withdrawal, play_chat]
    done = [await scene(await Scenario.open(system)) for scene in scenes]

    workflows = await stored_data.read_workflows(await system.temporal())
    files = stored_data.read_files(system.stack.home, but=ALLOWED)
    database = stored_data.read_database(system.stack.home / "temporal" / "temporal.db")

    http = await system.http()
    metrics = {
        url: (await http.get(url)).raise_for_status().content
        for url in (system.stack.urls.metrics, system.stack.urls.worker_metrics)
    }

    # The search reads the right places: it finds the references that may be there.
    for recovery in done:
        assert recovery.encode() in workflows[recovery_workflow_id(recovery)]
        assert recovery.encode() in database
        assert recovery.encode() in files["logs/serve.log"]
        assert recovery.encode() in collector.received
    roles = {"logs/serve.log", "logs/work.log", "logs/web.log", "logs/temporal.log", "logs/postgres.log"}
    assert roles <= files.keys()
    assert b"care_calls_total" in metrics[system.stack.urls.metrics]
    assert b"temporal_workflow_completed_total" in metrics[system.stack.urls.worker_metrics]

    places = {**workflows, **files, **metrics, "the tables of temporal.db": database, "spans": collector.received}
    assert find_private_texts(system.private, places) == []


def find_private_texts(private: Mapping[str, str], places: Mapping[str, bytes]) -> list[str]:
    """Returns which private texts, in any spelling or in part, are in which places."""
    return [
        f"{what} in {place}: {spelling}"
        for text, what in private.items()
        for spelling in set(spellings(text))
        for place, content in places.items()
        if spelling.encode() in content
    ]


def spellings(text: str) -> Iterable[str]:
    """Returns the possible spellings of a text: plain, in JSON, in a URL, and its unique parts."""
    assert text
    yield from (text, json.dumps(text)[1:-1], quote(text, safe=""), quote(text))
    yield from re.findall(r"word[0-9a-f]{12}", text)
    if match := re.fullmatch(r"\+44(20)(\d{4})(\d{4})", text):
        area, first, last = match.groups()
        yield from (f"{area}{first}{last}", f"{area} {first} {last}", f"{first} {last}", f"{area}) {first} {last}")
    if "/f/" in text or "/c/" in text:
        # The last part of the token is secret: only the service can make it.
        yield from (urlsplit(text).path, text.rpartition(".")[2])


def test_the_search_finds_a_text_in_each_spelling() -> None:
    person = Person(phone="+442079460123", message="Über „word0123456789ab“")
    private = {person.phone: "phone", person.message: "message"}
    for spelling in (
        "tel:+442079460123",
        "020 7946 0123",
        r'{"a": "\u00dcber \u201eword0123456789ab\u201c"}',
        "%C3%9Cber",
    ):
        hidden = spelling if spelling != "%C3%9Cber" else quote(person.message)
        assert find_private_texts(private, {"log": hidden.encode()}) != [], spelling
    assert find_private_texts(private, {"log": b"2079460124"}) == []
