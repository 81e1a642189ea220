"""The attributes of a message's workflow in the Temporal UI, and their cost."""

from datetime import timedelta

from temporalio.client import Client

from care_workflows import activity_names
from care_workflows.message_delivery import MessageDelivery
from tests.workflows.fake_activities import refused
from tests.workflows.fake_delivery import PLANNED, FakeDelivery, run_delivery, until_waiting
from tests.workflows.test_contact_recovery_for_operators import AS_STARTED, attributes, events


async def test_message_is_found_by_what_it_waits_for(dev_client: Client) -> None:
    fake = FakeDelivery()
    fake.failures[activity_names.SEND_MESSAGE] = [refused("TOKEN_EXPIRED")]
    async with run_delivery(dev_client, fake, AS_STARTED) as handle:
        while "TOKEN_EXPIRED" not in (await handle.query(MessageDelivery.status)).doing:
            pass
        assert (await attributes(handle))["CareWaitsFor"] == "operator"
        await handle.signal(MessageDelivery.poke)
        await until_waiting(handle)
        found = await attributes(handle)
        assert (found["CareWaitsFor"], found["CareNextDeadline"]) == ("provider", PLANNED + timedelta(days=1))
        fake.arrived = True
        await handle.signal(MessageDelivery.poke)
        await handle.result()
        assert await attributes(handle) == found


async def test_message_that_ends_at_once_sets_no_attributes(dev_client: Client) -> None:
    fake = FakeDelivery()
    fake.ends_with_sending = True
    async with run_delivery(dev_client, fake, AS_STARTED) as handle:
        await handle.result()
        found = await events(handle)
    assert found["UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"] == found["TIMER_STARTED"] == 0
    assert found["ACTIVITY_TASK_SCHEDULED"] + found["MARKER_RECORDED"] == 2
