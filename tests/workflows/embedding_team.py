"""What a team's own workflows do with Care's, for `test_embedding`."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from care.v1.workflows_pb2 import ContactRecoveryResult
    from care_workflows import embedding


@workflow.defn
class RunsRecovery:
    """Awaits the end of a recovery."""

    @workflow.run
    async def run(self, recovery: str) -> ContactRecoveryResult:
        return await embedding.run_recovery(recovery)


@workflow.defn
class Pokes:
    """Has something looked at, and ends."""

    @workflow.run
    async def run(self, name: str) -> None:
        await embedding.wake_from_workflow(name)
