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
    """The contact arrives while the reply is being posted; the chat is unlocked once that attempt has ended."""
    fake = Prompt()
    fake.gate = asyncio.Event()
    async with stage.recovery(fake) as played:
        await fake.until(lambda: fake.handed_out)
        fake.submit()
        await played.poke()
        await played.handle.query(ContactRecovery.status)  # a query is answered after all earlier signals
        fake.gate.set()
        await played.ends()


@path()
async def answered_while_the_site_is_down(stage: Stage) -> None:
    """The contact arrives while the site is down: the pause ends, the chat is unlocked, then the site is asked."""
    fake = Prompt()
    fake.failures[POST] = [unavailable(timedelta(days=1))]
    async with stage.recovery(fake) as played:
        await fake.until(lambda: not fake.failures[POST])
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def answered_before_the_last_answer(stage: Stage) -> None:
    """A poke arrives while an activity runs: the workflow then asks the service again instead of sleeping."""
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
    """The form is withdrawn while the site is down: the reply is read before its link is removed."""
    fake = Prompt()
    fake.failures[POST] = [unavailable(timedelta(days=1))]
    async with stage.recovery(fake) as played:
        await fake.until(lambda: not fake.failures[POST])
        fake.public = True  # the failed attempt did post the reply
        fake.end(recovery.RECOVERY_STATE_WITHDRAWN)
        await played.poke()
        await played.ends()


@path()
async def service_down(stage: Stage) -> None:
    """The service is down for two attempts."""
    fake = direct()
    fake.starts_with_plan = False
    fake.failures[CHECK] = [ApplicationError("UNAVAILABLE", type="DATABASE_UNAVAILABLE") for _ in range(2)]
    async with stage.recovery(fake) as played:
        await played.ends()


@path()
async def held(stage: Stage) -> None:
    """The recovery waits for another recovery of the same review."""
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
    """The service refuses the worker: the workflow waits for an operator, and continues once it is poked."""
    fake = direct()
    fake.starts_with_plan = False
    fake.failures[CHECK] = [refused("TOKEN_EXPIRED")]
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, "TOKEN_EXPIRED")
        await played.poke()
        await played.ends()


@path()
async def unknown_step(stage: Stage) -> None:
    """A newer service asks for a step that this worker does not know: the workflow waits for a newer worker."""
    fake = direct()
    fake.unknown_step = True
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, "newer")
        await played.poke()
        await played.ends()


@path()
async def not_found(stage: Stage) -> None:
    """The recovery does not exist: the workflow fails without a retry."""
    fake = direct()
    fake.starts_with_plan = False
    fake.failures[CHECK] = [refused("RESOURCE_NOT_FOUND")]
    async with stage.recovery(fake) as played:
        await played.ends()


@path()
async def cancelled(stage: Stage) -> None:
    """The workflow is cancelled while the reply is being posted: the attempt ends first."""
    fake = Prompt()
    fake.gate = asyncio.Event()
    async with stage.recovery(fake) as played:
        await fake.until(lambda: fake.handed_out)
        await played.handle.cancel()
        await played.handle.query(ContactRecovery.status)  # a query is answered after the cancellation was processed
        fake.gate.set()
        await played.ends()
