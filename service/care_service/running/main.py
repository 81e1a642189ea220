"""`care serve`: the gRPC service and the relay, in one process. `supervisor` runs several such processes."""

from __future__ import annotations

import asyncio

from care_roles import environment, logs, tracing
from care_service.metrics import Metrics
from care_service.running.application import service
from care_service.running.configuration import ServiceSettings
from care_service.running.metrics_endpoint import endpoint
from care_service.running.startup_errors import explain_errors

SERVICE_NAME = "care-serve"
"""The service name in spans."""


async def _serve() -> None:
    settings = environment.load(ServiceSettings)
    logs.configure(settings.log_format)
    metrics = Metrics()
    with (
        tracing.recording(SERVICE_NAME),
        explain_errors(settings),
        endpoint(settings.metrics_address, metrics.registry),
    ):
        async with service(settings, metrics=metrics):
            await asyncio.Event().wait()


def main() -> int:
    """Runs until SIGTERM or SIGINT; returns the exit status."""
    return environment.run(_serve, "serve", ends_process=True)
