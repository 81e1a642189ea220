"""The paths of `ContactRecovery`. Days are seconds here: to a replay it makes no difference for how long it slept."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from unittest.mock import patch

from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from care.v1 import recovery_pb2 as recovery
from care.v1 import worker_service_pb2 as worker
from care.v1.workflows_pb2 import ContactRecoveryInput
from care_workflows import activity_names
from care_workflows.contact_recovery import ContactRecovery
from tests.workflows import fake_steps
from tests.workflows.fake_activities import refused
from tests.workflows.fake_steps import FakeRecovery, unavailable, until_doing
from tests.workflows.recording import paths
from tests.workflows.recording.stage import Stage

CHECK, POST, READ = activity_names.CHECK_RECOVERY, activity_names.POST_REPLY, activity_names.READ_REPLY
RETRACT = activity_names.RETRACT_REPLY

path = partial(paths.path, "recovery")

_SECOND = timedelta(seconds=1)
_WAITING = "Waiting for the customer"


class Prompt(FakeRecovery):
    """Does at once what the service does by itself, as the worker's own activity: that saves a step."""

    @activity.defn(name=CHECK)
    async def check_recovery(self, start: ContactRecoveryInput) -> worker.RecoveryPlan:
        async with self._working_on(start, CHECK):
            plan = await self._answer(CHECK)
        match plan.step:
            case worker.RECOVERY_STEP_UNLOCK:
                return await self.unlock_chat(start)
            case worker.RECOVERY_STEP_EXPIRE:
                return await self.expire_form(start)
            case worker.RECOVERY_STEP_REMIND:
                return await self._answer(CHECK)
            case _:
                return plan


def direct() -> FakeRecovery:
    return Prompt(recovery.RECOVERY_KIND_DIRECT)


class Reminding(Prompt):
    """Wants the assignee reminded once before it waits on."""

    is_reminded = False

    def _next(self, now: datetime) -> tuple[worker.RecoveryStep.ValueType, timedelta]:
        step, wait = super()._next(now)
        if step != worker.RECOVERY_STEP_WAIT or self.is_reminded or self.posted is None:
            return step, wait
        if now < self.posted + _SECOND:
            return step, self.posted + _SECOND - now
        self.is_reminded = True
        return worker.RECOVERY_STEP_REMIND, timedelta()


# --- as it should be --------------------------------------------------------------------------------------------------


@path()
async def unlocked(stage: Stage) -> None:
    """The reply is posted, the customer answers, the chat is unlocked."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, _WAITING)
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def direct_contact(stage: Stage) -> None:
    """The contact is known: the chat is unlocked at once."""
    async with stage.recovery(direct()) as played:
        await played.ends()


@path()
async def unlocked_by_a_step(stage: Stage) -> None:
    """As `recovery-unlocked`, where the service wants the chat opened as a step of its own."""
    fake = FakeRecovery()
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, _WAITING)
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def reminded(stage: Stage) -> None:
    """The assignee is reminded that nobody has answered, and then the customer does."""
    fake = Reminding()
    async with stage.recovery(fake) as played:
        await fake.until(lambda: fake.is_reminded)
        await until_doing(played.handle, _WAITING)
        fake.submit()
        await played.poke()
        await played.ends()


# --- other ends -------------------------------------------------------------------------------------------------------


@path()
async def refused_by_the_site(stage: Stage) -> None:
    """The review site refuses the reply."""
    fake = Prompt()
    fake.refusals[POST] = [recovery.REFUSAL_REASON_LINKS_NOT_ALLOWED]
    async with stage.recovery(fake) as played:
        await played.ends()


@path()
async def taken_down(stage: Stage) -> None:
    """The review site takes the reply down after it was public."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, _WAITING)
        fake.handed_out = True  # a moderation check is due
        fake.refusals[READ] = [recovery.REFUSAL_REASON_TAKEN_DOWN]
        await played.poke()
        await played.ends()


@path()
async def expired(stage: Stage) -> None:
    """Nobody answers: the form expires, and its link is taken out of the reply."""
    fake = Prompt()
    fake.expires = datetime.now(UTC) + 2 * _SECOND
    async with stage.recovery(fake) as played:
        await played.ends()


@path()
async def expired_by_a_step(stage: Stage) -> None:
    """As `recovery-expired`, where the service wants the form ended as a step of its own."""
    fake = FakeRecovery()
    fake.expires = datetime.now(UTC) + 2 * _SECOND
    async with stage.recovery(fake) as played:
        await played.ends()


@path()
async def withdrawn(stage: Stage) -> None:
    """The assignee withdraws the form, and its link is taken out of the reply."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, _WAITING)
        fake.end(recovery.RECOVERY_STATE_WITHDRAWN)
        await played.poke()
        await played.ends()


@path()
async def withdrawn_while_posting(stage: Stage) -> None:
    """The form is withdrawn while the reply is being posted: it is posted, and its link is taken out."""
    fake = Prompt()
    async with stage.recovery(fake) as played:

        async def withdraw() -> None:
            fake.end(recovery.RECOVERY_STATE_WITHDRAWN)
            await played.poke()

        fake.before_answer[POST] = withdraw
        await played.ends()


@path()
async def closed(stage: Stage) -> None:
    """The ticket is closed after the chat was unlocked: the link is taken out of the reply, in a run of its own."""
    fake = Prompt()
    fake.public, fake.posted = True, datetime.now(UTC)
    fake.state = recovery.RECOVERY_STATE_ENDED_BY_CLOSE
    async with stage.recovery(fake) as played:
        await played.ends()


@path()
async def retraction_refused(stage: Stage) -> None:
    """The review site refuses to change the reply of an ended form, twice; it is tried again after a pause."""
    fake = Prompt()
    fake.public, fake.posted = True, datetime.now(UTC)
    fake.state = recovery.RECOVERY_STATE_EXPIRED
    fake.refusals[RETRACT] = [recovery.REFUSAL_REASON_OTHER, recovery.REFUSAL_REASON_OTHER]
    with patch.object(fake_steps, "RETRACT_PAUSE", _SECOND):
        async with stage.recovery(fake) as played:
            await played.ends()


# --- the customer is faster -------------------------------------------------------------------------------------------


@path()
async def answered_while_posting(stage: Stage) -> None:
    """The contact comes while the reply is being posted. The chat is unlocked when that attempt ends."""
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


# --- obstacles --------------------------------------------------------------------------------------------------------


@path()
async def site_down(stage: Stage) -> None:
    """The review site is down for two attempts."""
    fake = Prompt()
    fake.failures[POST] = [unavailable(), unavailable()]
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, _WAITING)
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
    with patch.object(fake_steps, "HOLD_TIME", _SECOND):
        async with stage.recovery(fake) as played:
            await until_doing(played.handle, _WAITING)
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


# --- pokes and operators ----------------------------------------------------------------------------------------------


@path()
async def poked(stage: Stage) -> None:
    """It is poked three times for nothing while it waits."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        for checks in range(3):
            await until_doing(played.handle, _WAITING)
            await played.poke()
            await fake.until_called(CHECK, checks + 2)
        await until_doing(played.handle, _WAITING)
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def strange_signals(stage: Stage) -> None:
    """It gets signals of unknown names, and with arguments that nobody can read."""
    fake = Prompt()
    garbage = RawValue(Payload(metadata={"encoding": b"json/protobuf", "messageType": b"no.such.Message"}, data=b"{"))
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, _WAITING)
        await played.handle.signal("unheard_of", garbage)
        await played.handle.signal("poke", garbage)
        fake.submit()
        await played.handle.signal("poke", args=[1, "two"])
        await played.ends()


@path()
async def looked_again(stage: Stage) -> None:
    """An operator has it look again, by an update."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, _WAITING)
        await played.handle.execute_update(ContactRecovery.look_again)
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def posted_again_now(stage: Stage) -> None:
    """An operator ends the pause of a site that was down, by an update."""
    fake = Prompt()
    fake.failures[POST] = [unavailable(timedelta(days=1))]
    async with stage.recovery(fake) as played:
        await fake.until(lambda: not fake.failures[POST])
        await played.handle.execute_update(ContactRecovery.post_again_now)
        await until_doing(played.handle, _WAITING)
        fake.submit()
        await played.poke()
        await played.ends()


@path()
async def expired_now(stage: Stage) -> None:
    """An operator ends the form before its time, by an update."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        await until_doing(played.handle, _WAITING)
        await played.handle.execute_update(ContactRecovery.expire_now)
        await played.ends()


@path(histories_are_short=True)
async def continued_as_new(stage: Stage) -> None:
    """Its history grows long (here the limit is 20 events): it continues as new, without losing anything."""
    fake = Prompt()
    async with stage.recovery(fake) as played:
        first = (await played.handle.describe()).run_id
        while (await played.handle.describe()).run_id == first:
            await until_doing(played.handle, _WAITING)
            checks = fake.calls.count(CHECK)
            await played.poke()
            await fake.until_called(CHECK, checks + 1)
