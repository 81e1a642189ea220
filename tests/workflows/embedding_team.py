"""The workflows of a team that embeds Care, for `test_embedding`. They use Care's workflows."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from care.v1.workflows_pb2 import ContactRecoveryResult
    from care_workflows import embedding


@workflow.defn
class RunsRecovery:
    """Waits for the end of a recovery."""

    @workflow.run
    async def run(self, recovery: str) -> ContactRecoveryResult:
        return await embedding.run_recovery(recovery)


@workflow.defn
class Pokes:
    """Pokes a workflow of Care and ends."""

    @workflow.run
    async def run(self, name: str) -> None:
        await embedding.wake_from_workflow(name)
