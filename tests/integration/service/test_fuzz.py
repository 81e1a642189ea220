"""Random requests made from the descriptors: each error must be one that the contract documents.

A seed repeats a run: `FUZZ_SEED=7 make test ARGS=tests/integration/service/test_fuzz.py`. In the long form, the first
part has that seed: `FUZZ_SEED=7 make test-long ARGS="tests/integration/service/test_fuzz.py -k [0]"`.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from itertools import count
from typing import Any, Final

import pytest
from grpc_health.v1 import health_pb2
from structlog.testing import capture_logs

from care_dev.stack import postgres
from tests.integration.service.fuzz.invariants import violations
from tests.integration.service.fuzz.run import Run, prepare_run
from tests.integration.service.fuzz.world import CANARY
from tests.support.care import Care, care
from tests.support.reflection import reflected
from tests.support.tenant import Tenant

SEED: Final = int(os.environ.get("FUZZ_SEED", "1"))
"""Every `make test` uses the same seed, so that a failure is due to a change."""

FIRST_CHECKS: Final = frozenset(
    {"INVALID_FIELD", "TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED", "ROLE_NOT_ALLOWED", "LINK_UNKNOWN"}
)

_numbers = count(1)


@pytest.fixture(scope="module")
async def fuzzed(server: postgres.Server) -> AsyncIterator[Care]:
    """A service with its own database, because the test checks the whole database."""
    async with care(server.create_database("fuzzed")) as running:
        yield running


async def fuzz(
    fuzzed: Care, seed: int, make: Callable[[Run], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> Run:
    """Lets `make` call two new organizations, and checks the database afterwards. Returns the run."""
    number = next(_numbers)
    home, other = Tenant(fuzzed, f"home-{number}"), Tenant(fuzzed, f"other-{number}")
    with capture_logs() as lines, caplog.at_level(logging.WARNING):
        async with reflected(fuzzed.address) as server:
            run = await prepare_run(seed, fuzzed, server, home, other)
            await make(run)
            for service in ("", *(each.full_name for each in server.services if each.full_name.startswith("care."))):
                request = health_pb2.HealthCheckRequest(service=service).SerializeToString()
                answer = await server.send("grpc.health.v1.Health/Check", request, ())
                health = health_pb2.HealthCheckResponse.FromString(answer)
                assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert_nothing_private(lines, run)
    assert [line for line in lines if line["log_level"] in {"error", "critical"}] == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert await violations(fuzzed.database) == {}
    # The service still works.
    await run.world.make_ready(home)
    assert (await home.in_status("CLOSED")).name
    return run


def assert_nothing_private(lines: Sequence[MutableMapping[str, Any]], run: Run) -> None:
    text = "\n".join(str(line) for line in lines)
    assert lines
    assert CANARY not in text
    links = {value for (kind, _), values in run.world.found.items() if kind == "token" for value in values}
    assert [secret for secret in run.secrets | links if secret in text] == []


def assert_wide(run: Run) -> None:
    """Checks that the requests of a run got further than the first checks."""
    deep = {method for method, reasons in run.outcomes.items() if reasons.keys() - FIRST_CHECKS}
    assert deep == set(run.access), {method: run.outcomes[method] for method in run.access.keys() - deep}
    served = sum(reasons["OK"] for reasons in run.outcomes.values())
    assert served > 0.2 * run.sent.total(), served
    assert min(run.sent.values()) > 0.05 * run.sent.total(), run.sent


async def test_every_error_of_two_thousand_calls_is_documented(fuzzed: Care, caplog: pytest.LogCaptureFixture) -> None:
    assert_wide(await fuzz(fuzzed, SEED, lambda run: run.calls(2_000), caplog))


async def test_each_setting_is_changed_and_refused(fuzzed: Care, caplog: pytest.LogCaptureFixture) -> None:
    run = await fuzz(fuzzed, SEED, lambda run: run.settings(30, 300), caplog)
    assert run.unchanged == []
    assert run.unrefused == []


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("part", range(10))
async def test_every_error_of_fifty_thousand_calls_is_documented(
    fuzzed: Care, caplog: pytest.LogCaptureFixture, part: int
) -> None:
    async def calls(run: Run) -> None:
        await run.calls(5_000)
        await run.settings(30, 300)

    seed = SEED + part if "FUZZ_SEED" in os.environ else secrets.randbits(32)
    run = await fuzz(fuzzed, seed, calls, caplog)
    assert_wide(run)
    assert run.unchanged == []
    assert run.unrefused == []
