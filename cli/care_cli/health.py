"""`care health`: checks the health of a role, for the health checks of containers.

The command finds the role through the role's own environment variables, so a container needs no other configuration.
"""

from __future__ import annotations

import asyncio
import os
import socket
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

from care_dev.stack.errors import StackError

if TYPE_CHECKING:
    from care_roles.fields import Address

_DEADLINE: Final = 4.0
"""How many seconds to wait for a response: less than the usual timeout of a container's health check."""

_LONGEST_POLL: Final = timedelta(seconds=90)
"""A worker that has not polled for longer counts as stopped. An idle worker polls Temporal about once a minute."""

_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not listened on
"""The loopback address to use in place of each address that stands for all interfaces."""


class Role(StrEnum):
    """The roles that can be checked. Each value is the name of a command."""

    SERVE = "serve"
    WORK = "work"
    WEB = "web"
    REVIEW_SITE = "review-site"


def check(role: Role, address: str | None) -> None:
    """Raises StackError, whose message says why, if `role` is not healthy.

    `address` (host:port) takes precedence over the role's variable. For `work`, it is the address of Temporal.
    """
    from care_dev.stack import health

    match role:
        case Role.SERVE if os.environ.get("CARE_GRPC_TLS_CERTIFICATE"):
            # The certificate may not name loopback, and the service may require a client certificate.
            if not address and not os.environ.get("CARE_METRICS_ADDRESS"):
                raise StackError(
                    "CARE_GRPC_TLS_CERTIFICATE is set: set CARE_METRICS_ADDRESS too; the check then uses its /healthz"
                )
            where = _address(address, "CARE_METRICS_ADDRESS", "")
            asyncio.run(health.http_ok(f"http://{where}/healthz", deadline=_DEADLINE))
        case Role.SERVE:
            where = _address(address, "CARE_GRPC_ADDRESS", "127.0.0.1:50051")
            asyncio.run(health.grpc_serving(str(where), deadline=_DEADLINE))
        case Role.WORK:
            asyncio.run(_worker_polls(address))
        case Role.WEB:
            where = _address(address, "CARE_WEB_ADDRESS", "127.0.0.1:8080")
            asyncio.run(health.http_ok(f"http://{where}/healthz", deadline=_DEADLINE))
        case Role.REVIEW_SITE:
            where = _address(address, "", "127.0.0.1:8090")
            asyncio.run(health.http_ok(f"http://{where}/", deadline=_DEADLINE))
        case _:
            assert_never(role)


def _address(given: str | None, variable: str, default: str) -> Address:
    from care_roles.fields import Address

    try:
        found = Address.parse(given or os.environ.get(variable) or default, lowest_port=1)
    except ValueError as error:
        raise StackError(f"{'--address' if given else variable} {error}") from error
    return Address(_ANY.get(found.host, found.host), found.port)


async def _worker_polls(address: str | None) -> None:
    """Raises StackError unless a worker on this machine (or in this container) polled Temporal recently.

    A worker has no port to connect to. Temporal still lists a worker for minutes after the worker has stopped, so only
    recent polls count.
    """
    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
    from temporalio.client import Client
    from temporalio.service import RPCError

    from care_roles.environment import ConfigurationError
    from care_roles.temporal import connect_config

    queue = os.environ.get("CARE_TASK_QUEUE") or "care"
    try:
        config = connect_config()
        if address:
            config["target_host"] = address
        client = await asyncio.wait_for(Client.connect(**config), _DEADLINE)
        answer = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            ),
            timeout=timedelta(seconds=_DEADLINE),
        )
    except ConfigurationError as error:
        raise StackError(str(error)) from error
    except TimeoutError as error:
        raise StackError(f"Temporal does not answer within {_DEADLINE:g} s") from error
    except (RuntimeError, RPCError) as error:  # a failed connection, or a refusal
        raise StackError(f"the workers can't be read from Temporal: {error}") from error
    oldest = datetime.now(UTC) - _LONGEST_POLL
    here = f"@{socket.gethostname()}"
    lately = [poll.identity for poll in answer.pollers if poll.last_access_time.ToDatetime(UTC) > oldest]
    if not any(identity.endswith(here) for identity in lately):
        raise StackError(f"no worker on this machine polls the task queue {queue!r}")
