"""A workflow that a worker evicts from its cache ends at once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import care_workflows

SOURCES = sorted(Path(care_workflows.__file__).parent.glob("*.py"))


def defines_workflow_code(tree: ast.Module) -> bool:
    """Returns whether the module imports `temporalio.workflow`."""
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "temporalio" and "workflow" in {n.name for n in node.names}
        for node in ast.walk(tree)
    )


WORKFLOW_CODE = [path for path in SOURCES if defines_workflow_code(ast.parse(path.read_text(encoding="utf-8")))]


def test_the_workflows_are_checked() -> None:
    names = {path.stem for path in WORKFLOW_CODE}
    assert {"contact_recovery", "message_delivery", "ticket_workflow", "plan_driven_workflow"} <= names


@pytest.mark.parametrize("path", WORKFLOW_CODE, ids=lambda path: path.stem)
def test_no_finally_block_awaits(path: Path) -> None:
    # Python closes the coroutine of an evicted workflow with GeneratorExit. A `finally` block that awaits ignores this
    # exception, and Python reports that as an error. A block of `except CancelledError` may await, because it runs only
    # for a cancellation.
    awaits = [
        inner.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Try)
        for statement in node.finalbody
        for inner in ast.walk(statement)
        if isinstance(inner, ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    assert awaits == []
