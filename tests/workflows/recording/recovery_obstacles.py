"""The paths of `ContactRecovery` where the customer answers early, or where something is down or must wait."""

import asyncio
from datetime import timedelta
from unittest.mock import patch

from temporalio.exceptions import ApplicationError

from care.v1 import recovery_pb2 as recovery
from care_workflows.contact_recovery import ContactRecovery
from tests.workflows import fake_steps
from tests.workflows.fake_activities import refused
from tests.workflows.fake_steps import unavailable, until_doing
from tests.workflows.recording.recovery_fakes import CHECK, POST, SECOND, WAITING, Prompt, direct, path
from tests.workflows.recording.stage import Stage


@path()
async def answered_while_posting(stage: Stage) -> None:
    """The contact comes while the reply is being posted; the chat is unlocked once that attempt is over."""
    fake = Prompt()
    fake.gate = asyncio.Event()
    async with stage.recovery(fake) as played:
        await fake.until(lambda: fake.handed_out)
        fake.submit()
        await played.poke()
        await played.handle.query(ContactRecovery.status)  # answered after the poke has been worked on
        fake.gate.set()
        await played.ends()


@path()
async def answered_while_the_site_is_down(stage: Stage) -> None:
    """The contact comes while the site is down: the pause ends, the chat is unlocked, then the site is asked."""
    fake = Prompt()
    fake.failures[POST] = [unavailable(timedelta(days=1))]
    async with stage.recovery(fake) as played:
        await fake.until(lambda: not fake.failures[POST])
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def answered_before_the_last_answer(stage: Stage) -> None:
    """A poke comes while the workflow's own question is on its way: it asks again instead of sleeping."""
    fake = Prompt()
    async with stage.recovery(fake) as played:

        async def submit() -> None:
            fake.submit()
            await played.poke()

        fake.before_answer[POST] = submit
        await played.ends()


@path()
async def site_down(stage: Stage) -> None:
    """The review site is down for two attempts."""
    fake = Prompt()
    fake.failures[POST] = [unavailable(), unavailable()]
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, WAITING)
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def withdrawn_before_the_outcome_was_known(stage: Stage) -> None:
    """The form is withdrawn while the site is down: the site is read before the link is taken out."""
    fake = Prompt()
    fake.failures[POST] = [unavailable(timedelta(days=1))]
    async with stage.recovery(fake) as played:
        await fake.until(lambda: not fake.failures[POST])
        fake.public = True  # it had got through
        fake.end(recovery.RECOVERY_STATE_WITHDRAWN)
        await played.poke()
        await played.ends()


@path()
async def service_down(stage: Stage) -> None:
    """The service is down for two attempts."""
    fake = direct()
    fake.failures[CHECK] = [ApplicationError("UNAVAILABLE", type="DATABASE_UNAVAILABLE") for _ in range(2)]
    async with stage.recovery(fake) as played:
        await played.ends()


@path()
async def held(stage: Stage) -> None:
    """It has to wait for another recovery of the same review."""
    fake = Prompt()
    fake.holds = 2
    with patch.object(fake_steps, "HOLD_TIME", SECOND):
        async with stage.recovery(fake) as played:
            await until_doing(played.handle, WAITING)
            fake.submit()
            await played.poke()
            await played.ends()


@path()
async def paused(stage: Stage) -> None:
    """The service refuses the worker: it waits for an operator, and goes on once it is poked."""
    fake = direct()
    fake.failures[CHECK] = [refused("TOKEN_EXPIRED")]
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, "TOKEN_EXPIRED")
        await played.poke()
        await played.ends()


@path()
async def unknown_step(stage: Stage) -> None:
    """A newer service wants what this worker does not know: it waits for a newer worker."""
    fake = direct()
    fake.unknown_step = True
    async with stage.recovery(fake) as played:
        await fake.until_called(CHECK, 1)
        await fake.until(lambda: not fake.unknown_step)
        await until_doing(played.handle, "newer")
        await played.poke()
        await played.ends()


@path()
async def not_found(stage: Stage) -> None:
    """The service knows no such recovery: it fails once."""
    fake = direct()
    fake.failures[CHECK] = [refused("RESOURCE_NOT_FOUND")]
    async with stage.recovery(fake) as played:
        await played.ends()


@path()
async def cancelled(stage: Stage) -> None:
    """Somebody cancels the workflow while the reply is being posted: the attempt ends first."""
    fake = Prompt()
    fake.gate = asyncio.Event()
    async with stage.recovery(fake) as played:
        await fake.until(lambda: fake.handed_out)
        await played.handle.cancel()
        await played.handle.query(ContactRecovery.status)  # answered after the cancellation has been worked on
        fake.gate.set()
        await played.ends()
