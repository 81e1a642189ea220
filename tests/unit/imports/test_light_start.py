"""A role starts without importing the libraries that it needs only later, seldom or never."""

from __future__ import annotations

import subprocess
import sys

import pytest

LATER = {
    "alembic": "migrations",
    "email_validator": "contacts",
    "httpx": "the token issuer's keys",
    "phonenumbers": "contacts",
    "temporalio": "the relay, which starts when the service serves",
    "transitions.extensions": "diagrams",
}
"""What the service imports while it runs, and for what."""
NEVER = {
    "attr": "rich imports it",
    "opentelemetry.sdk": "only if traces are recorded",
    "pygments": "rich and mako import it",
    "rich": "structlog imports it",
    "sqlalchemy.orm": "only Core is used",
    "temporalio.worker": "only workers need it",
}
"""Modules that Care does not import by default, each with what could import it, or with what it is for."""
SERVICE = {"asyncpg", "care_service.storage", "cryptography", "grpc", "jwt", "sqlalchemy", "temporalio"}
"""What the parent process does not import if several processes serve."""


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("care_cli.app care_service.running.main", {*LATER, *NEVER}),
        ("care_service.running.serving_process", {*LATER, *NEVER}),
        ("care_service.running.main care_service.running.workflow_tasks", {*NEVER}),
        ("care_cli.app care_service.running.supervisor", {*LATER, *NEVER, *SERVICE}),
        ("care_service.storage.migrate", {"pygments", "rich"}),
    ],
    ids=["serve", "one of several", "relay", "parent", "migrations"],
)
def test_modules_start_without(modules: str, absent: set[str]) -> None:
    imported = imported_with(modules.split())
    assert imported >= set(modules.split())
    assert imported & absent == set()


def imported_with(modules: list[str]) -> set[str]:
    """Returns the names of all modules that a new interpreter has loaded after it imported `modules`."""
    program = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *modules], capture_output=True, text=True, check=True, timeout=300
    )
    return set(done.stdout.split())
