"""The role `care web`: serves the customer's pages until SIGTERM."""

from __future__ import annotations

import asyncio

from sse_starlette.sse import AppStatus

from care.v1.customer_service_pb2_grpc import CustomerServiceStub
from care_client.channel import open_channel
from care_roles import environment, http_server, logs
from care_roles.fields import Address
from care_web.app import create_app
from care_web.settings import WebSettings

logger = logs.get_logger(__name__)


def main() -> int:
    """Run the role with the process's environment and return the exit status; for the main thread only."""
    return environment.run(_run, "web")


async def _run() -> None:
    settings = environment.load(WebSettings)
    logs.configure(settings.log_format)
    with http_server.listen(settings.web_address, "CARE_WEB_ADDRESS") as listener:
        host, port = listener.getsockname()[:2]
        channel = open_channel(str(settings.service_address), tls=settings.tls, user_agent="care-web")
        async with channel:
            app = create_app(CustomerServiceStub(channel), max_streams=settings.max_streams)
            async with http_server.serving(app, listener) as server:
                logger.info("listening", address=str(Address(host, port)), service=str(settings.service_address))
                try:
                    await asyncio.shield(server)  # until `run` cancels
                finally:
                    AppStatus.should_exit = True  # ends the streams; browsers come again, to another process
