"""A workflow of your own that embeds Care's: a voucher for the customer, once the chat with them is open."""

from datetime import timedelta

from temporalio import workflow

# Passed through the sandbox: generated code may exist once in a process only.
with workflow.unsafe.imports_passed_through():
    from care.v1.recovery_pb2 import RECOVERY_STATE_CHAT_UNLOCKED
    from care_workflows import embedding

ISSUE_VOUCHER = "issue_voucher"


@workflow.defn
class Compensation:
    """Waits for the end of a recovery, however many days that takes; whoever was reached gets a voucher."""

    @workflow.run
    async def run(self, recovery: str) -> bool:
        """Take a recovery's name; returns whether there is a voucher. The history holds neither it nor the customer."""
        result = await embedding.run_recovery(recovery)
        if result.plan.state != RECOVERY_STATE_CHAT_UNLOCKED:
            return False  # refused, withdrawn, expired or closed: there is nobody to give it to
        await workflow.execute_activity(ISSUE_VOUCHER, recovery, start_to_close_timeout=timedelta(seconds=30))
        return True
