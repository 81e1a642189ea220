"""The role `care web`: serves the customer's pages until SIGTERM."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final

import uvicorn

from care.v1.customer_service_pb2_grpc import CustomerServiceStub
from care_client.channel import open_channel
from care_client.roles import environment, logs
from care_client.roles.fields import Address
from care_web.app import create_app
from care_web.settings import WebSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_SHUTDOWN_SECONDS: Final = 12
"""How long requests under way may take to end; longer than the longest call to the service."""

logger = logs.get_logger(__name__)


def main() -> int:
    """Run the role with the process's environment and return the exit status; for the main thread only."""
    return environment.run(_run, "web")


async def _run() -> None:
    settings = environment.load(WebSettings)
    logs.configure(settings.log_format)
    with _listen(settings.web_address) as listener:
        host, port = listener.getsockname()[:2]
        channel = open_channel(str(settings.service_address), tls=settings.tls, user_agent="care-web")
        async with channel:
            logger.info("listening", address=str(Address(host, port)), service=str(settings.service_address))
            await _serve(create_app(CustomerServiceStub(channel)), listener)


class _Server(uvicorn.Server):
    """Leaves signals to the role."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # a generator, typed as such
        """Take none."""
        return nullcontext()


async def _serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve ``app`` until cancelled; then let requests under way end."""
    config = uvicorn.Config(
        app,
        access_log=False,  # paths hold the tokens of links
        log_config=None,  # its logs go where the role's own go
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        problem = f"cannot listen on {address}: {error.strerror}; set CARE_WEB_ADDRESS to another address or port"
        raise environment.ConfigurationError(problem) from error
