"""The connection of `care work` to Temporal."""

import asyncio
from typing import Final

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError

from care_roles import environment, logs
from care_roles.fields import Address
from care_roles.temporal import connect_config

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts to connect."""

_log = logs.get_logger(__name__)


async def connect(metrics_address: Address | None) -> Client:
    """Connects as the ``TEMPORAL_*`` variables say. Waits until the server and the namespace are available.

    The SDK serves its metrics at ``metrics_address``; None for no metrics. The client's interceptor also applies to its
    workers, and continues the trace of the call that woke a workflow. Raises ``ConfigurationError`` if the SDK cannot
    listen on ``metrics_address``.
    """
    config, runtime = connect_config(), _create_runtime(metrics_address)
    pause = _FIRST_PAUSE
    while True:
        try:
            client = await Client.connect(**config, interceptors=[TracingInterceptor()], runtime=runtime)
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
        except (RuntimeError, RPCError) as error:  # the SDK raises RuntimeError if it cannot connect
            _log.warning(
                "waiting for Temporal", address=config.get("target_host"), error=str(error), retry_seconds=pause
            )
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            return client


def _create_runtime(metrics_address: Address | None) -> Runtime | None:
    """Returns an SDK runtime with metrics at the address; None for the default runtime, which has no metrics."""
    if metrics_address is None:
        return None
    # Prometheus's conventions for names and units.
    metrics = PrometheusConfig(
        str(metrics_address), counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
    )
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=metrics))
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        message = f"cannot listen on {metrics_address} ({reason}); choose another address or port"
        raise environment.ConfigurationError(f"CARE_METRICS_ADDRESS: {message}") from None
