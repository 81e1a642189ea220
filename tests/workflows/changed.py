"""Versions of `ContactRecovery` after a possible change: an unsafe one, and the three steps of a safe one."""

from datetime import timedelta

from temporalio import workflow

from care.v1.workflows_pb2 import ContactRecoveryInput, ContactRecoveryResult
from care_workflows.contact_recovery import ContactRecovery

PATCH = "pause-before-asking"
_PAUSE = timedelta(milliseconds=1)


@workflow.defn(name="ContactRecovery", sandboxed=False)
class Unguarded(ContactRecovery):
    """Sleeps before the first activity: a timer where earlier histories have an activity."""

    @workflow.init
    def __init__(self, start: ContactRecoveryInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: ContactRecoveryInput) -> ContactRecoveryResult:
        await workflow.sleep(_PAUSE)
        return await super().run(start)


@workflow.defn(name="ContactRecovery", sandboxed=False)
class Patched(ContactRecovery):
    """The first step: workflows that started before the change continue without it."""

    @workflow.init
    def __init__(self, start: ContactRecoveryInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: ContactRecoveryInput) -> ContactRecoveryResult:
        if workflow.patched(PATCH):
            await workflow.sleep(_PAUSE)
        return await super().run(start)


@workflow.defn(name="ContactRecovery", sandboxed=False)
class Deprecated(ContactRecovery):
    """The second step, when no workflow runs any more that started before the change."""

    @workflow.init
    def __init__(self, start: ContactRecoveryInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: ContactRecoveryInput) -> ContactRecoveryResult:
        workflow.deprecate_patch(PATCH)
        await workflow.sleep(_PAUSE)
        return await super().run(start)


# The third step is `Unguarded`, when no workflow runs any more that started at the first step.
