"""The code of workflows does only what a replay repeats.

Care's workflows run without Temporal's sandbox, which would cost more CPU time than the workflows themselves. The
sandbox stops a workflow that reads a clock, draws a random number or keeps state in a module. These tests find such
code in the sources, in every module that workflow code imports.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import care_workflows

FOLDER: Final = Path(care_workflows.__file__).parent
WORKFLOWS: Final = ("contact_recovery", "message_delivery", "ticket_workflow", "embedding")
"""The modules whose code runs in workflows: Care's own, and the functions for workflows of other teams."""

ALLOWED: Final = frozenset(
    {
        *("abc", "asyncio", "collections.abc", "contextlib", "datetime", "re", "shlex", "types", "typing"),
        *("google.protobuf", "temporalio", "care.v1", "care_client.workflow_names", "care_workflows"),
    }
)
"""The modules, with those below them, that workflow code may import. None of them has an effect when it is imported."""
ASYNCIO: Final = frozenset({"CancelledError", "current_task"})
"""What workflow code may use of asyncio. The rest sleeps by another clock, starts threads or has no stable order."""
FORBIDDEN: Final = frozenset(
    {
        *("now", "utcnow", "today", "fromtimestamp", "astimezone", "GetCurrentTime"),  # clocks and time zones
        *("open", "input", "print", "exec", "eval", "compile", "__import__", "globals", "vars"),
        *("id", "hash"),  # differ in every process
        *("import_module", "environ", "getenv", "urandom"),
    }
)
OF_TEMPORAL: Final = ("workflow",)
"""Names whose attributes are safe: `workflow.now()` is the time in the history."""
CHANGES: Final = frozenset(
    {
        *("append", "add", "extend", "insert", "update", "setdefault", "clear", "pop", "popitem", "remove", "discard"),
        *("sort", "reverse", "appendleft", "popleft", "CopyFrom", "MergeFrom", "Clear", "ClearField"),
    }
)
"""Methods that change their object."""


def imports(tree: ast.AST) -> Iterator[str]:
    """Yields each imported module. Of `from package import name`, it yields `package.name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_modules(tree: ast.AST) -> set[str]:
    """Returns the modules of `care_workflows` that a module imports."""
    parts = [name.split(".") for name in imports(tree)]
    return {part[1] for part in parts if part[0] == "care_workflows" and (FOLDER / f"{part[1]}.py").exists()}


def parse(name: str) -> ast.Module:
    return ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))


def workflow_code() -> dict[str, ast.Module]:
    """Returns the modules that run in workflows, with everything of the package that they import."""
    found: dict[str, ast.Module] = {}
    todo = set(WORKFLOWS)
    while todo:
        name = todo.pop()
        found[name] = parse(name)
        todo |= own_modules(found[name]) - found.keys()
    return found


def is_allowed(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in ALLOWED)


def module_names(tree: ast.Module) -> set[str]:
    """Returns the names that a module binds by assignment."""
    targets: list[ast.expr] = []
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, ast.AnnAssign):
            targets.append(node.target)
    return {target.id for target in targets if isinstance(target, ast.Name)}


def root(node: ast.expr) -> str:
    """Returns the name that an expression such as `name.field[key]` begins with; empty if there is none."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def problems(tree: ast.Module) -> list[str]:
    """Returns the code that a replay may not repeat: the line and the reason of each place."""
    constants = module_names(tree)
    found = [(0, f"imports {module}") for module in imports(tree) if not is_allowed(module)]
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="asyncio"), attr=name) if name not in ASYNCIO:
                found.append((node.lineno, f"uses asyncio.{name}"))
            case ast.Attribute(value=value, attr=name) if name in FORBIDDEN and root(value) not in OF_TEMPORAL:
                found.append((node.lineno, f"uses {name}"))
            case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN:
                found.append((node.lineno, f"calls {name}"))
            case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in CHANGES and root(value) in constants:
                found.append((node.lineno, f"changes {root(value)}"))
            case ast.Attribute(value=value) | ast.Subscript(value=value) if not isinstance(node.ctx, ast.Load):
                if root(value) in constants:
                    found.append((node.lineno, f"changes {root(value)}"))
            case ast.Global(names=names):
                found.append((node.lineno, f"changes {', '.join(names)}"))
            case ast.For(iter=over) | ast.comprehension(iter=over) if _is_set(over):
                found.append((over.lineno, "iterates over a set, whose order differs in every process"))
            case ast.AsyncFor() | ast.Yield() | ast.Await(value=ast.Call(func=ast.Name(id="sleep"))):
                found.append((node.lineno, "awaits something that is not in the history"))
            case _:
                pass
    return [f"line {line}: {reason}" for line, reason in sorted(found)]


def _is_set(node: ast.expr) -> bool:
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"set", "frozenset"}
    return is_call or isinstance(node, ast.Set | ast.SetComp)


CODE: Final = workflow_code()


def test_the_workflows_and_what_they_import_are_checked() -> None:
    assert {*WORKFLOWS, "plan_driven_workflow", "search_attributes", "recovery_wording", "activity_options"} <= set(
        CODE
    )


def test_no_activity_and_no_adapter_is_workflow_code() -> None:
    assert not [name for name in CODE if name.endswith("_activities") or name in {"plugin", "worker", "failures"}]


@pytest.mark.parametrize("name", sorted(CODE))
def test_workflow_code_is_deterministic(name: str) -> None:
    assert problems(CODE[name]) == []


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "from random import choice",
        "import os.path",
        "from uuid import uuid4",
        "from care_client.client import CareClient",
        "import asyncio; asyncio.sleep(1)",
        "import asyncio; asyncio.gather()",
        "from datetime import datetime; datetime.now()",
        "from datetime import datetime; read = datetime.utcnow",
        "from datetime import date; date.today()",
        "from google.protobuf.timestamp_pb2 import Timestamp; Timestamp().GetCurrentTime()",
        "open('file')",
        "hash('text')",
        "seen = []\ndef f(): seen.append(1)",
        "seen = {}\ndef f(): seen['key'] = 1",
        "seen: dict = {}\ndef f(): del seen['key']",
        "class A: pass\na = A()\ndef f(): a.field = 1",
        "count = 0\ndef f():\n    global count\n    count += 1",
        "for each in {1, 2}: pass",
        "[each for each in set('text')]",
    ],
)
def test_a_line_that_a_replay_may_not_repeat_is_found(line: str) -> None:
    assert problems(ast.parse(line))


@pytest.mark.parametrize(
    "line",
    [
        "from temporalio import workflow\nworkflow.now()",
        "from temporalio import workflow\nworkflow.uuid4()",
        "from datetime import datetime, UTC",
        "import asyncio\ntry: ...\nexcept asyncio.CancelledError: ...",
        "def f():\n    seen = []\n    seen.append(1)",
    ],
)
def test_a_line_that_a_replay_repeats_is_not_found(line: str) -> None:
    assert problems(ast.parse(line)) == []
