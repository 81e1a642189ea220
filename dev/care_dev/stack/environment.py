"""The environment variables of each role: those that the stack sets, and those that it passes on from the developer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from care_dev.stack import secrets, temporal
from care_dev.stack.errors import StackError
from care_dev.stack.ports import HOST, Ports

DEFAULT_TASK_QUEUE: Final = "care"

_PASSED_ON: Final[Mapping[str, frozenset[str]]] = {
    "serve": frozenset(
        {
            *("CARE_DATABASE_POOL_SIZE", "CARE_DRAIN_TIME", "CARE_LOG_FORMAT"),
            *("CARE_MAX_CALLS", "CARE_MAX_CALL_TIME", "CARE_MAX_STREAMS"),
            *("CARE_MODERATION_CHECKS", "CARE_RECONCILE_INTERVAL", "CARE_SETTLE_TIME", "CARE_TASK_QUEUE"),
        }
    ),
    "work": frozenset({"CARE_LOG_FORMAT", "CARE_TASK_QUEUE"}),
    "web": frozenset({"CARE_LOG_FORMAT", "CARE_MAX_STREAMS"}),
    "review-site": frozenset(),
    "mailbox": frozenset(),
}
"""The variables that a developer may set for each role. The stack sets none of them itself."""

_TRACING: Final = "OTEL_"
"""The prefix of OpenTelemetry's variables. The roles that record traces read them."""


def settings(home: Path, ports: Ports, database_url: str) -> dict[str, dict[str, str]]:
    """Returns the CARE_* and TEMPORAL_* variables of each role, by the name of its command. The values contain keys."""
    keys = secrets.load(home)
    service = {"CARE_SERVICE_ADDRESS": f"{HOST}:{ports.grpc}"}
    temporal_client = {
        "TEMPORAL_ADDRESS": f"{HOST}:{ports.temporal}",
        "TEMPORAL_NAMESPACE": temporal.NAMESPACE,
        # A profile in the developer's own file could require TLS or contain a key for another server.
        "TEMPORAL_CONFIG_FILE": os.devnull,
    }
    own: dict[str, dict[str, str]] = {
        "serve": {
            "CARE_DATABASE_URL": database_url,
            "CARE_GRPC_ADDRESS": f"{HOST}:{ports.grpc}",
            "CARE_TOKEN_KEY": keys.token_key,
            "CARE_LINK_KEYS": keys.link_keys,
            "CARE_METRICS_ADDRESS": f"{HOST}:{ports.metrics}",
            "CARE_WEB_URL": f"http://{HOST}:{ports.web}",
            **temporal_client,
        },
        "work": {
            "CARE_TOKEN": secrets.mint(home, role=secrets.Role.WORKER),
            "CARE_METRICS_ADDRESS": f"{HOST}:{ports.worker_metrics}",
            "CARE_REVIEW_SITE_URL": f"http://{HOST}:{ports.review_site}",
            "CARE_SMTP_ADDRESS": f"{HOST}:{ports.mailbox_smtp}",
            "CARE_SMTP_SECURITY": "none",
            "CARE_SMTP_SENDER": "care@example.com",
            **service,
            **temporal_client,
        },
        "web": {"CARE_WEB_ADDRESS": f"{HOST}:{ports.web}", **service},
        "review-site": {},
        "mailbox": {},
    }
    for role, variables in own.items():
        variables.update({name: os.environ[name] for name in sorted(_PASSED_ON[role]) if name in os.environ})
        # Read now, so that a part that restarts later gets the same values.
        variables.update({name: value for name, value in os.environ.items() if name.startswith(_TRACING)})
    return own


def task_queue() -> str:
    """Returns the Temporal task queue of a stack that this process starts."""
    return os.environ.get("CARE_TASK_QUEUE", DEFAULT_TASK_QUEUE)


def require_known() -> None:
    """Raises StackError for a CARE_* variable that no role knows, because it may be misspelt.

    Also raises StackError for a CARE_ENVIRONMENT other than `development`, because a stack's keys and its plaintext are
    for development only.
    """
    from care_roles.environment import PREFIX, VARIABLES

    adjustable = sorted(frozenset().union(*_PASSED_ON.values()))
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in VARIABLES:
            raise StackError(f"{name} is not a variable of Care: unset it; a stack takes {', '.join(adjustable)}")
    if os.environ.get("CARE_ENVIRONMENT", "development") != "development":
        raise StackError("CARE_ENVIRONMENT: a stack is for development: unset it, and run the roles one by one instead")
