"""`ContactRecovery` as it may be changed one day: once without care, and in the three steps that are safe."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from care.v1.workflows_pb2 import ContactRecoveryInput, ContactRecoveryResult
from care_workflows.contact_recovery import ContactRecovery

PATCH = "pause-before-asking"
_PAUSE = timedelta(milliseconds=1)


@workflow.defn(name="ContactRecovery")
class Unguarded(ContactRecovery):
    """Sleeps before it asks: a timer where histories of before have an activity."""

    @workflow.init
    def __init__(self, start: ContactRecoveryInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: ContactRecoveryInput) -> ContactRecoveryResult:
        await workflow.sleep(_PAUSE)
        return await super().run(start)


@workflow.defn(name="ContactRecovery")
class Patched(ContactRecovery):
    """The first step: what began before the change goes on without it."""

    @workflow.init
    def __init__(self, start: ContactRecoveryInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: ContactRecoveryInput) -> ContactRecoveryResult:
        if workflow.patched(PATCH):
            await workflow.sleep(_PAUSE)
        return await super().run(start)


@workflow.defn(name="ContactRecovery")
class Deprecated(ContactRecovery):
    """The second step, once nothing runs any more that began before the change."""

    @workflow.init
    def __init__(self, start: ContactRecoveryInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: ContactRecoveryInput) -> ContactRecoveryResult:
        workflow.deprecate_patch(PATCH)
        await workflow.sleep(_PAUSE)
        return await super().run(start)


# The third step, once nothing runs any more that began at the first one, is `Unguarded`.
