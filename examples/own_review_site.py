"""A worker with your own adapter: replies to reviews of the site `shop` go to the site's HTTP API.

CARE_SERVICE_ADDRESS=127.0.0.1:50051 CARE_TOKEN=… SHOP_SITE_URL=http://127.0.0.1:8090 python -m examples.own_review_site

The connection to Temporal comes from Temporal's own variables, such as TEMPORAL_ADDRESS.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpx
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.worker import Worker

from care_client.client import CareClient
from care_workflows import CarePlugin, search_attributes
from care_workflows.channels.errors import RefusalReason, ReplyRefused
from care_workflows.channels.registry import ReviewSites
from care_workflows.channels.review_site import PublicReply, ReplyTarget


@dataclass(frozen=True)
class ShopSite:
    """A site with one reply per review. A PUT replaces the reply, so a repeated write is harmless."""

    http: httpx.AsyncClient

    async def post_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """Makes the text public. Raises ReplyRefused if a retry can't help. Care retries after any other exception."""
        response = await self.http.put(self._path(target), json={"comment": text}, headers={"Idempotency-Key": key})
        if response.is_client_error and response.status_code != httpx.codes.TOO_MANY_REQUESTS:
            raise ReplyRefused(RefusalReason.OTHER, response.text)
        response.raise_for_status()

    retract_reply = post_reply

    async def read_reply(self, target: ReplyTarget) -> PublicReply | None:
        """Returns the reply that the public sees; None if there is none."""
        response = await self.http.get(self._path(target))
        is_missing = response.status_code == httpx.codes.NOT_FOUND
        return None if is_missing else PublicReply(response.raise_for_status().json()["comment"])

    def _path(self, target: ReplyTarget) -> str:
        return f"/v1/{target.organization}/reviews/{quote(target.external_id, safe='')}/reply"


@asynccontextmanager
async def create_care_plugin() -> AsyncIterator[CarePlugin]:
    """Creates Care's plugin with a `ShopSite` as adapter. Closes all connections at the end of the block."""
    async with (
        CareClient.connect(os.environ["CARE_SERVICE_ADDRESS"], os.environ["CARE_TOKEN"]) as care,
        httpx.AsyncClient(base_url=os.environ["SHOP_SITE_URL"], timeout=10) as http,
    ):
        yield CarePlugin(care, ReviewSites({"shop": ShopSite(http)}))


async def wait_for_stop_signal() -> None:
    """Waits for SIGINT (Ctrl-C), or for SIGTERM, which container platforms send."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


async def main() -> None:
    """Runs until SIGINT or SIGTERM; running attempts may finish."""
    async with create_care_plugin() as plugin:
        client = await Client.connect(**ClientConfig.load_client_connect_config(), plugins=[plugin])
        for command in await search_attributes.register(client):
            print(f"Ask an administrator to run: {command}")
        async with Worker(client, task_queue="care"):
            print("ready", flush=True)
            await wait_for_stop_signal()


if __name__ == "__main__":
    asyncio.run(main())
