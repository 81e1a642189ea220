"""The role `care web`: serves the customer's pages until SIGTERM."""

from __future__ import annotations

import asyncio

from sse_starlette.sse import AppStatus

from care.v1.customer_service_pb2_grpc import CustomerServiceStub
from care_client.channel import open_channel
from care_roles import environment, http_server, logs
from care_roles.fields import Address
from care_web.app import create_app
from care_web.configuration import WebConfiguration

logger = logs.get_logger(__name__)


def main() -> int:
    """Runs the role and returns its exit status. Call it from the main thread only."""
    return environment.run(_run, "web")


async def _run() -> None:
    configuration = environment.load(WebConfiguration)
    logs.configure(configuration.log_format)
    with http_server.listen(configuration.web_address, "CARE_WEB_ADDRESS") as listener:
        host, port = listener.getsockname()[:2]
        channel = open_channel(str(configuration.service_address), tls=configuration.tls, user_agent="care-web")
        async with channel:
            app = create_app(CustomerServiceStub(channel), max_streams=configuration.max_streams)
            async with http_server.serving(app, listener) as server:
                address, service = str(Address(host, port)), str(configuration.service_address)
                logger.info("listening", address=address, service=service)
                try:
                    await asyncio.shield(server)  # until `run` cancels this task
                finally:
                    AppStatus.should_exit = True  # ends the open streams; browsers reconnect to another process
