"""Fake recoveries for the recorded paths. They wait for seconds instead of days, because a replay does not wait."""

from datetime import datetime, timedelta
from functools import partial

from temporalio import activity

from care.v1 import recovery_pb2 as recovery
from care.v1 import worker_service_pb2 as worker
from care.v1.workflows_pb2 import ContactRecoveryInput
from care_workflows import activity_names
from tests.workflows.fake_steps import FakeRecovery
from tests.workflows.recording import paths

CHECK, POST, READ = activity_names.CHECK_RECOVERY, activity_names.POST_REPLY, activity_names.READ_REPLY
RETRACT = activity_names.RETRACT_REPLY
path = partial(paths.path, "recovery")
SECOND = timedelta(seconds=1)
WAITING = "Waiting for the customer"


class Prompt(FakeRecovery):
    """Unlocks the chat and reminds the assignee inside the check. The workflow needs no separate steps for them."""

    @activity.defn(name=CHECK)
    async def check_recovery(self, start: ContactRecoveryInput) -> worker.RecoveryPlan:
        async with self._working_on(start, CHECK):
            plan = await self._answer(CHECK)
        match plan.step:
            case worker.RECOVERY_STEP_UNLOCK:
                return await self.unlock_chat(start)
            case worker.RECOVERY_STEP_REMIND:
                return await self._answer(CHECK)
            case _:
                return plan


def direct() -> FakeRecovery:
    """Returns a recovery whose contact is known from the start."""
    return Prompt(recovery.RECOVERY_KIND_DIRECT)


class Reminding(Prompt):
    """A recovery whose plans ask once to remind the assignee, a second after the posting, and then wait."""

    is_reminded = False

    def _next(self, now: datetime) -> tuple[worker.RecoveryStep.ValueType, timedelta]:
        step, wait = super()._next(now)
        if step != worker.RECOVERY_STEP_WAIT or self.is_reminded or self.posted is None:
            return step, wait
        if now < self.posted + SECOND:
            return step, self.posted + SECOND - now
        self.is_reminded = True
        return worker.RECOVERY_STEP_REMIND, timedelta()
