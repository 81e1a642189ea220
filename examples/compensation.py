"""Your own workflow around Care's: it issues a voucher once the chat with the customer is open."""

from datetime import timedelta

from temporalio import workflow

# The sandbox must not load these modules again: a process can load generated Protobuf code only once.
with workflow.unsafe.imports_passed_through():
    from care.v1.recovery_pb2 import RECOVERY_STATE_CHAT_UNLOCKED
    from care_workflows import embedding

ISSUE_VOUCHER = "issue_voucher"


@workflow.defn
class Compensation:
    """Waits until the recovery's workflow has ended, which may take days. Issues a voucher if the chat is open."""

    @workflow.run
    async def run(self, recovery: str) -> bool:
        """Returns whether a voucher was issued. ``recovery`` is the recovery's name.

        The workflow's history contains neither the voucher nor customer data.
        """
        result = await embedding.run_recovery(recovery)
        if result.plan.state != RECOVERY_STATE_CHAT_UNLOCKED:
            return False  # for example, the form expired: nobody can receive the voucher
        await workflow.execute_activity(ISSUE_VOUCHER, recovery, start_to_close_timeout=timedelta(seconds=30))
        return True
