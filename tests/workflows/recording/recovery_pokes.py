"""The paths of `ContactRecovery` with signals and updates, and with a long history."""

from datetime import timedelta

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from care_workflows.contact_recovery import ContactRecovery
from tests.workflows.fake_steps import unavailable, until_doing
from tests.workflows.recording.recovery_fakes import CHECK, POST, WAITING, Prompt, path
from tests.workflows.recording.stage import Stage


@path()
async def poked(stage: Stage) -> None:
    """The workflow is poked three times without a change while it waits."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        for checks in range(3):
            await until_doing(played.handle, WAITING)
            await played.poke()
            await fake.until_called(CHECK, checks + 1)
        await until_doing(played.handle, WAITING)
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def strange_signals(stage: Stage) -> None:
    """The workflow gets signals with unknown names and with unreadable arguments."""
    fake = Prompt()
    garbage = RawValue(Payload(metadata={"encoding": b"json/protobuf", "messageType": b"no.such.Message"}, data=b"{"))
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, WAITING)
        await played.handle.signal("unheard_of", garbage)
        await played.handle.signal("poke", garbage)
        fake.submit()
        await played.handle.signal("poke", args=[1, "two"])
        await played.ends()


@path()
async def looked_again(stage: Stage) -> None:
    """An operator makes the workflow ask the service again, by an update."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, WAITING)
        await played.handle.execute_update(ContactRecovery.look_again)
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def posted_again_now(stage: Stage) -> None:
    """An operator ends the pause after the site was down, by an update."""
    fake = Prompt()
    fake.failures[POST] = [unavailable(timedelta(days=1))]
    async with stage.recovery(fake) as played:
        await fake.until(lambda: not fake.failures[POST])
        await played.handle.execute_update(ContactRecovery.post_again_now)
        await until_doing(played.handle, WAITING)
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def expired_now(stage: Stage) -> None:
    """An operator ends the form early, by an update."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, WAITING)
        await played.handle.execute_update(ContactRecovery.expire_now)
        await played.ends()


@path(histories_are_short=True)
async def continued_as_new(stage: Stage) -> None:
    """The history grows long (here 20 events): the workflow continues as new and loses nothing."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        first = (await played.handle.describe()).run_id
        while (await played.handle.describe()).run_id == first:
            await until_doing(played.handle, WAITING)
            checks = fake.calls.count(CHECK)
            await played.poke()
            await fake.until_called(CHECK, checks + 1)
