"""Reads the metrics and the health of a service, as an operator does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import httpx
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from prometheus_client.parser import text_string_to_metric_families

from tests.support.plain_http import NO_TLS

_HEALTH = "/grpc.health.v1.Health"


async def scrape_metrics(url: str) -> dict[str, float]:
    """Returns the samples of a metrics endpoint by name and sorted labels, such as `a_total{code="OK",x="1"}`."""
    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS, timeout=30) as http:
        text = (await http.get(url)).raise_for_status().text
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@asynccontextmanager
async def watch_health(address: str, service: str) -> AsyncIterator[AsyncIterator[str]]:
    """Yields an iterator over the statuses of a service at `address`: the current one, then each new one."""
    async with grpc.aio.insecure_channel(address) as channel:
        method = channel.unary_stream(
            f"{_HEALTH}/Watch", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        watch = method(HealthCheckRequest(service=service))

        async def statuses() -> AsyncIterator[str]:
            async for response in watch:
                yield HealthCheckResponse.ServingStatus.Name(response.status)

        yield statuses()
        watch.cancel()


async def check_health(address: str, service: str = "") -> str:
    """Returns the status of a service at `address`. An empty name means the server as a whole."""
    async with grpc.aio.insecure_channel(address) as channel:
        check = channel.unary_unary(
            f"{_HEALTH}/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        response = await check(HealthCheckRequest(service=service))
        return HealthCheckResponse.ServingStatus.Name(response.status)
