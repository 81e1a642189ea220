"""Each poke of a message's workflow causes one check at the provider, after any result that is pending.

Before the message is sent, a poke makes the workflow ask the service instead.
"""

import asyncio

from temporalio.client import Client

from care.v1.message_pb2 import DELIVERY_STATE_DELIVERED
from care_workflows import activity_names
from care_workflows.message_delivery import MessageDelivery
from tests.workflows.fake_delivery import FakeDelivery, run_delivery, unavailable, until_waiting

ASK, SEND, CHECK = activity_names.ASK_DELIVERY, activity_names.SEND_MESSAGE, activity_names.CHECK_MESSAGE


async def test_each_poke_of_a_message_that_was_sent_is_one_check(dev_client: Client) -> None:
    fake = FakeDelivery()
    async with run_delivery(dev_client, fake) as handle:
        await until_waiting(handle)
        assert fake.calls == [ASK, SEND]
        for number in (1, 2):
            await handle.signal(MessageDelivery.poke)
            await fake.until_called(CHECK, number)
            await until_waiting(handle)
        fake.arrived = True
        await handle.signal(MessageDelivery.poke)
        result = await handle.result()
    assert fake.calls == [ASK, SEND, CHECK, CHECK, CHECK]
    assert result.plan.state == DELIVERY_STATE_DELIVERED


async def test_poke_before_the_answer_of_the_provider_is_a_check_after_it(dev_client: Client) -> None:
    fake = FakeDelivery()
    fake.arrived = True
    gate = asyncio.Event()
    fake.before_answer[SEND] = gate.wait
    async with run_delivery(dev_client, fake) as handle:
        await fake.until(lambda: SEND not in fake.before_answer)
        await handle.signal(MessageDelivery.poke)
        gate.set()
        await handle.result()
    assert fake.calls == [ASK, SEND, CHECK]


async def test_poke_during_a_check_is_another_check(dev_client: Client) -> None:
    fake = FakeDelivery()
    gate = asyncio.Event()
    fake.before_answer[CHECK] = gate.wait
    async with run_delivery(dev_client, fake) as handle:
        await until_waiting(handle)
        await handle.signal(MessageDelivery.poke)
        await fake.until(lambda: CHECK not in fake.before_answer)
        fake.arrived = True  # too late for the pending check, which already has its result
        await handle.signal(MessageDelivery.poke)
        gate.set()
        await handle.result()
    assert fake.calls == [ASK, SEND, CHECK, CHECK]


async def test_poke_ends_the_pause_of_a_check_that_failed(dev_client: Client) -> None:
    fake = FakeDelivery()
    fake.failures[CHECK] = [unavailable()]
    async with run_delivery(dev_client, fake) as handle:
        await until_waiting(handle)
        await handle.signal(MessageDelivery.poke)
        await fake.until(lambda: not fake.failures[CHECK])
        fake.arrived = True
        await handle.signal(MessageDelivery.poke)
        await handle.result()
    assert fake.calls == [ASK, SEND, CHECK, CHECK]


async def test_poke_of_a_message_that_is_not_sent_yet_asks_the_service(dev_client: Client) -> None:
    fake = FakeDelivery()
    fake.failures[SEND] = [unavailable()]
    async with run_delivery(dev_client, fake) as handle:
        await fake.until(lambda: not fake.failures[SEND])
        await handle.signal(MessageDelivery.poke)
        await until_waiting(handle)
        await handle.terminate()
    assert fake.calls == [ASK, SEND, ASK, SEND]


async def test_operators_see_a_check_that_a_poke_began(dev_client: Client) -> None:
    fake = FakeDelivery()
    gate = asyncio.Event()
    fake.before_answer[CHECK] = gate.wait
    async with run_delivery(dev_client, fake) as handle:
        await until_waiting(handle)
        fake.arrived = True
        await handle.signal(MessageDelivery.poke)
        await fake.until(lambda: CHECK not in fake.before_answer)
        status = await handle.query(MessageDelivery.status)
        assert status.doing == "Asking the SMS provider whether the message arrived."
        gate.set()
        await handle.result()
