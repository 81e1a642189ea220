"""The paths of `MessageDelivery`."""

from datetime import timedelta
from functools import partial

from care.v1 import worker_service_pb2 as worker
from care.v1.message_pb2 import DELIVERY_STATE_FAILED, DELIVERY_STATE_SENT
from care_workflows import activity_names
from care_workflows.message_delivery import MessageDelivery
from tests.workflows.fake_activities import refused
from tests.workflows.fake_delivery import FakeDelivery, unavailable, until_waiting
from tests.workflows.recording import paths
from tests.workflows.recording.stage import Stage

ASK, SEND, CHECK = activity_names.ASK_DELIVERY, activity_names.SEND_MESSAGE, activity_names.CHECK_MESSAGE

path = partial(paths.path, "delivery")


class SoonCheckedAgain(FakeDelivery):
    """Makes the workflow ask the provider again after a second instead of a day."""

    def plan(self) -> worker.DeliveryPlan:
        plan = super().plan()
        if self.state == DELIVERY_STATE_SENT and self.calls[-1] == ASK:
            plan.step = worker.DELIVERY_STEP_CHECK
            plan.ClearField("wait")
        elif self.state == DELIVERY_STATE_SENT:
            plan.wait.FromTimedelta(timedelta(seconds=1))
        return plan


@path()
async def sent(stage: Stage) -> None:
    """The message is sent, and the channel does not report more."""
    fake = FakeDelivery()
    fake.ends_with_sending = True
    async with stage.delivery(fake) as played:
        await played.ends()


@path()
async def delivered(stage: Stage) -> None:
    """The provider calls back: the message has arrived."""
    fake = FakeDelivery()
    async with stage.delivery(fake) as played:
        await until_waiting(played.handle)
        fake.arrived = True
        await played.poke()
        await played.ends()


@path()
async def asked(stage: Stage) -> None:
    """The provider does not call back: after a while the workflow asks it."""
    fake = SoonCheckedAgain()
    async with stage.delivery(fake) as played:
        await until_waiting(played.handle)
        fake.arrived = True
        await played.ends()


@path()
async def failed(stage: Stage) -> None:
    """The provider calls back: the message will not arrive."""
    fake = FakeDelivery()
    async with stage.delivery(fake) as played:
        await until_waiting(played.handle)
        fake.state = DELIVERY_STATE_FAILED
        await played.poke()
        await played.ends()


@path()
async def given_up(stage: Stage) -> None:
    """The contact is rejected before the message is sent."""
    fake = FakeDelivery()
    fake.state = DELIVERY_STATE_FAILED
    async with stage.delivery(fake) as played:
        await played.ends()


@path()
async def retried(stage: Stage) -> None:
    """The provider is down; a poke ends the pause, and the second attempt sends the message."""
    fake = FakeDelivery()
    fake.failures[SEND] = [unavailable()]
    fake.ends_with_sending = True
    async with stage.delivery(fake) as played:
        await fake.until(lambda: not fake.failures[SEND])
        await played.poke()
        await played.ends()


@path()
async def check_retried(stage: Stage) -> None:
    """The provider is down when it is asked; a poke ends the pause."""
    fake = FakeDelivery()
    fake.failures[CHECK] = [unavailable()]
    async with stage.delivery(fake) as played:
        await until_waiting(played.handle)
        await played.poke()
        await fake.until(lambda: not fake.failures[CHECK])
        fake.arrived = True
        await played.poke()
        await played.ends()


@path()
async def paused(stage: Stage) -> None:
    """The service refuses the worker: the workflow waits for an operator, and continues once it is poked."""
    fake = FakeDelivery()
    fake.starts_with_plan = False
    fake.failures[ASK] = [refused("TOKEN_EXPIRED")]
    fake.ends_with_sending = True
    async with stage.delivery(fake) as played:
        while "TOKEN_EXPIRED" not in (await played.handle.query(MessageDelivery.status)).doing:
            pass
        await played.poke()
        await played.ends()


@path()
async def looked_again(stage: Stage) -> None:
    """An operator makes the workflow ask the provider again, by an update."""
    fake = FakeDelivery()
    async with stage.delivery(fake) as played:
        await until_waiting(played.handle)
        fake.arrived = True
        await played.handle.execute_update(MessageDelivery.look_again)
        await played.ends()


@path(histories_are_short=True)
async def continued_as_new(stage: Stage) -> None:
    """The history grows long (here 20 events): the workflow continues as new."""
    fake = FakeDelivery()
    async with stage.delivery(fake) as played:
        first = (await played.handle.describe()).run_id
        while (await played.handle.describe()).run_id == first:
            await until_waiting(played.handle)
            calls = len(fake.calls)
            await played.poke()
            await fake.until(lambda: len(fake.calls) > calls)  # noqa: B023 - awaited in the same iteration
