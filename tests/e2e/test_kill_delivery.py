"""If a process is killed while a provider accepts a message, the message arrives at least once and is shown once."""

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
"""Seconds to wait for a delivery. Temporal waits up to 30 s before it retries an attempt whose worker was killed."""


async def unlock_chat(scenario: Scenario) -> Person:
    """Unlocks a chat. Waits for its greeting and for the end of the worker's connection to the mail server."""
    person = Person(phone="")
    await scenario.wait_for_state(await scenario.add_contact(person), "CHAT_UNLOCKED")
    await wait_for_emails(scenario.system, person.email, 1)
    await wait_for_connection(scenario, expected=False)
    return person


async def wait_for_connection(scenario: Scenario, *, expected: bool = True) -> None:
    """Waits until the worker is connected to the mail server. With `expected=False`, waits until it is disconnected.

    A connection to the frozen server proves that the worker is sending a message. The delivery's row does not prove it,
    because the service writes the row before the worker has the response.
    """
    worker = psutil.Process(scenario.system.processes.pids["work"])
    port = scenario.system.stack.ports.mailbox_smtp

    async def as_expected() -> bool:
        connections = await asyncio.to_thread(worker.net_connections, "tcp")
        found = [each for each in connections if each.status == psutil.CONN_ESTABLISHED and each.raddr]
        return expected is any(each.raddr.port == port for each in found)

    await eventually(f"the worker's connection to the mail server: {expected}", as_expected)


async def test_a_mail_server_is_killed_while_it_receives_an_email(scenario: Scenario) -> None:
    person = await unlock_chat(scenario)
    with scenario.system.processes.frozen("mailbox"):
        message = await send_message(scenario, "First message")
        await wait_for_connection(scenario)
        scenario.system.processes.kill("mailbox")
    await scenario.system.processes.back()
    await wait_for_delivery(scenario, message, message_pb2.DELIVERY_STATE_SENT, timeout=TIMEOUT)
    found = [each for each in await list_emails(scenario.system, person.email) if message.text in each.text]
    assert len({each.message_id for each in found}) == 1
    await assert_shown_once(scenario, message.name)


async def test_a_worker_is_killed_between_sending_an_email_and_recording_it(
    scenario: Scenario,
) -> None:
    person = await unlock_chat(scenario)
    with ExitStack() as service:
        with scenario.system.processes.frozen("mailbox"):
            message = await send_message(scenario, "Second message")
            await wait_for_connection(scenario)
            service.enter_context(scenario.system.processes.frozen("serve"))
        # The mailbox accepts the email; the service is frozen and cannot record the report.
        await wait_for_emails(scenario.system, person.email, 2)
        scenario.system.processes.kill("work")
    await scenario.system.processes.back()
    await wait_for_delivery(scenario, message, message_pb2.DELIVERY_STATE_SENT, timeout=TIMEOUT)
    found = [each for each in await list_emails(scenario.system, person.email) if message.text in each.text]
    # The email arrives once or twice. Mail programs recognize the second copy by its Message-ID.
    assert len(found) in {1, 2}
    assert len({each.message_id for each in found}) == 1
    await assert_shown_once(scenario, message.name)


async def assert_shown_once(scenario: Scenario, message: str) -> None:
    assert [each.name for each in await thread(scenario, scenario.ticket)].count(message) == 1
    log = await scenario.count_activities()
    # Two deliveries: the greeting and this message.
    assert (log["MESSAGE_SENT"], log["DELIVERY_SENT"], log["DELIVERY_FAILED"]) == (1, 2, 0)
