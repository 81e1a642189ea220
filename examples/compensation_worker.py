"""The worker of `examples.compensation`: your own workflow and activity beside Care's, on one task queue.

VOUCHERS=vouchers python -m examples.compensation_worker

with the variables of `examples.own_review_site` besides. Start a compensation where you ask for the form:

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
from examples.own_review_site import care_plugin, told_to_stop


@dataclass(frozen=True)
class VoucherDesk:
    """Stands for your own system: a folder with one file per voucher."""

    folder: Path

    @activity.defn(name=ISSUE_VOUCHER)
    async def issue(self, recovery: str) -> None:
        """Issue a voucher: one, however often this runs, as an attempt may end without anybody knowing how."""
        with suppress(FileExistsError), (self.folder / recovery.rpartition("/")[2]).open("x", encoding="utf-8") as file:
            file.write(secrets.token_hex(4))


async def main() -> None:
    """Work until told to stop."""
    desk = VoucherDesk(Path(os.environ["VOUCHERS"]))
    async with care_plugin() as plugin:
        client = await Client.connect(**ClientConfig.load_client_connect_config(), plugins=[plugin])
        async with Worker(client, task_queue="care", workflows=[Compensation], activities=[desk.issue]):
            print("ready", flush=True)
            await told_to_stop()


if __name__ == "__main__":
    asyncio.run(main())
