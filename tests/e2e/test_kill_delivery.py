"""kill -9 around the moment at which a provider has a message: it arrives at least once, and is shown once."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import psutil
import pytest

from care.v1 import message_pb2
from tests.e2e.mail import list_emails, wait_for_emails
from tests.e2e.messaging import send_message, thread, wait_for_delivery
from tests.e2e.scenario import Person, Scenario
from tests.support.system import eventually

pytestmark = pytest.mark.timeout(240)

TIMEOUT = 110.0
"""Seconds: Temporal waits 30 for an attempt whose worker was killed."""


async def unlocked(scenario: Scenario) -> Person:
    """Opens a chat, whose greeting has arrived; the worker has ended its connection to the mail server."""
    person = Person(phone="")
    await scenario.wait_for_state(await scenario.add_contact(person), "CHAT_UNLOCKED")
    await wait_for_emails(scenario.system, person.email, 1)
    await connected(scenario, expected=False)
    return person


async def connected(scenario: Scenario, *, expected: bool = True) -> None:
    """Returns once the worker is connected to the mail server, or is not.

    A connection to the frozen server shows that the worker sends a message. The row of the delivery would be too early
    a sign: the worker may not have the service's response yet.
    """
    worker = psutil.Process(scenario.system.processes.pids["work"])
    port = scenario.system.stack.ports.mailbox_smtp

    async def as_expected() -> bool:
        connections = await asyncio.to_thread(worker.net_connections, "tcp")
        found = [each for each in connections if each.status == psutil.CONN_ESTABLISHED and each.raddr]
        return expected is any(each.raddr.port == port for each in found)

    await eventually(f"the worker's connection to the mail server: {expected}", as_expected)


async def test_a_mail_server_that_is_killed_while_an_email_is_on_its_way_to_it(scenario: Scenario) -> None:
    person = await unlocked(scenario)
    with scenario.system.processes.frozen("mailbox"):
        message = await send_message(scenario, "First words")
        await connected(scenario)
        scenario.system.processes.kill("mailbox")
    await scenario.system.processes.back()
    await wait_for_delivery(scenario, message, message_pb2.DELIVERY_STATE_SENT, timeout=TIMEOUT)
    found = [each for each in await list_emails(scenario.system, person.email) if message.text in each.text]
    assert len({each.message_id for each in found}) == 1
    await is_shown_once(scenario, message.name)


async def test_a_worker_that_is_killed_after_the_server_took_an_email_and_before_it_was_recorded(
    scenario: Scenario,
) -> None:
    person = await unlocked(scenario)
    with ExitStack() as service:
        with scenario.system.processes.frozen("mailbox"):
            message = await send_message(scenario, "Second words")
            await connected(scenario)
            service.enter_context(scenario.system.processes.frozen("serve"))
        # The mailbox takes it; the service, to which that is reported, does nothing.
        await wait_for_emails(scenario.system, person.email, 2)
        scenario.system.processes.kill("work")
    await scenario.system.processes.back()
    await wait_for_delivery(scenario, message, message_pb2.DELIVERY_STATE_SENT, timeout=TIMEOUT)
    found = [each for each in await list_emails(scenario.system, person.email) if message.text in each.text]
    # At least once; and a mail program knows by its id that the second is the first again.
    assert len(found) in {1, 2}
    assert len({each.message_id for each in found}) == 1
    await is_shown_once(scenario, message.name)


async def is_shown_once(scenario: Scenario, message: str) -> None:
    assert [each.name for each in await thread(scenario, scenario.ticket)].count(message) == 1
    log = await scenario.count_activities()
    # The greeting's and this one's.
    assert (log["MESSAGE_SENT"], log["DELIVERY_SENT"], log["DELIVERY_FAILED"]) == (1, 2, 0)
