"""A worker of your own with an adapter of your own: replies to reviews of the site `shop` go to its HTTP API.

CARE_SERVICE_ADDRESS=127.0.0.1:50051 CARE_TOKEN=… SHOP_SITE_URL=http://127.0.0.1:8090 python -m examples.own_review_site

Temporal is found by its own variables, such as TEMPORAL_ADDRESS.
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
    """A site that has one reply per review, which a PUT replaces: so a repeated write does no harm."""

    http: httpx.AsyncClient

    async def post_reply(self, target: ReplyTarget, text: str, key: str) -> None:
        """Make the text public. Whatever else httpx raises is tried again by the workflow."""
        answer = await self.http.put(self._path(target), json={"comment": text}, headers={"Idempotency-Key": key})
        if answer.is_client_error and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            raise ReplyRefused(RefusalReason.OTHER, answer.text)
        answer.raise_for_status()

    retract_reply = post_reply

    async def read_reply(self, target: ReplyTarget) -> PublicReply | None:
        """Return what the public sees."""
        answer = await self.http.get(self._path(target))
        found = answer.status_code != httpx.codes.NOT_FOUND
        return PublicReply(answer.raise_for_status().json()["comment"]) if found else None

    def _path(self, target: ReplyTarget) -> str:
        return f"/v1/{target.organization}/reviews/{quote(target.external_id, safe='')}/reply"


@asynccontextmanager
async def care_plugin() -> AsyncIterator[CarePlugin]:
    """Care's workflows with that adapter, for as long as the block lasts."""
    async with (
        CareClient.connect(os.environ["CARE_SERVICE_ADDRESS"], os.environ["CARE_TOKEN"]) as care,
        httpx.AsyncClient(base_url=os.environ["SHOP_SITE_URL"], timeout=10) as http,
    ):
        yield CarePlugin(care, ReviewSites({"shop": ShopSite(http)}))


async def told_to_stop() -> None:
    """Wait for Ctrl-C, or for SIGTERM, as whoever runs containers sends it."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


async def main() -> None:
    """Work until told to stop; attempts under way are let end."""
    async with care_plugin() as plugin:
        client = await Client.connect(**ClientConfig.load_client_connect_config(), plugins=[plugin])
        for command in await search_attributes.register(client):
            print(f"somebody with more rights has to run: {command}")
        async with Worker(client, task_queue="care"):
            print("ready", flush=True)
            await told_to_stop()


if __name__ == "__main__":
    asyncio.run(main())
