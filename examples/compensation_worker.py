"""A worker that runs `examples.compensation` and Care's workflows on one task queue.

VOUCHERS=vouchers python -m examples.compensation_worker

The worker also needs the variables of `examples.own_review_site`. Start a compensation where you send the form:

    await client.start_workflow(Compensation.run, recovery, id=f"compensation/{recovery}", task_queue="care",
                                search_attributes=embedding.search_attributes(recovery))
"""

import asyncio
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from temporalio import activity
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.worker import Worker

from examples.compensation import ISSUE_VOUCHER, Compensation
from examples.own_review_site import create_care_plugin, wait_for_stop_signal


@dataclass(frozen=True)
class VoucherFolder:
    """Represents your own system: a folder with one file for each voucher."""

    folder: Path

    @activity.defn(name=ISSUE_VOUCHER)
    async def issue(self, recovery: str) -> None:
        """Issues one voucher, even if this runs several times: Temporal repeats an attempt whose outcome was lost."""
        with suppress(FileExistsError), (self.folder / recovery.rpartition("/")[2]).open("x", encoding="utf-8") as file:
            file.write(secrets.token_hex(4))


async def main() -> None:
    """Runs until SIGINT or SIGTERM."""
    vouchers = VoucherFolder(Path(os.environ["VOUCHERS"]))
    async with create_care_plugin() as plugin:
        client = await Client.connect(**ClientConfig.load_client_connect_config(), plugins=[plugin])
        async with Worker(client, task_queue="care", workflows=[Compensation], activities=[vouchers.issue]):
            print("ready", flush=True)
            await wait_for_stop_signal()


if __name__ == "__main__":
    asyncio.run(main())
