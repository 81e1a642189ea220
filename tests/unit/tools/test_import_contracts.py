"""The contract type that allows a list of imports and nothing else."""

from __future__ import annotations

import pytest
from grimp import ImportGraph

from tools.import_contracts import AllowedContract, imported_names


def check(*lines: str) -> list[str]:
    """Returns the lines of `shop.stock` that a contract refuses if it allows `grpc` and `opentelemetry.trace`."""
    graph = ImportGraph()
    for number, line in enumerate(lines, start=1):
        external = line.split()[1].partition(".")[0]
        graph.add_import(importer="shop.stock", imported=external, line_number=number, line_contents=line)
    contract = AllowedContract(
        name="light",
        session_options={},
        contract_options={"source_modules": ["shop"], "allowed_modules": ["grpc", "opentelemetry.trace"]},
    )
    result = contract.check(graph, verbose=False)
    refused = [violation["line_contents"] for violation in result.metadata["violations"]]
    assert result.kept == (refused == [])
    return refused


def test_listed_modules_and_the_standard_library_may_be_imported() -> None:
    assert check("import json", "from os import path", "import grpc.aio", "from grpc import aio") == []
    assert check("from opentelemetry import trace", "from opentelemetry.trace.span import Span") == []
    assert check("from shop.prices import Price") == []


@pytest.mark.parametrize(
    "line",
    [
        "import pydantic",
        "from opentelemetry.sdk.trace import Span",
        "from opentelemetry import sdk",
        "import grpc_status",
    ],
)
def test_everything_else_is_refused(line: str) -> None:
    assert check("import grpc", line) == [line]


def test_the_first_line_of_a_longer_import_names_the_module() -> None:
    assert imported_names("    from opentelemetry.trace import (") == ["opentelemetry.trace"]
    assert imported_names("import json, grpc.aio as aio  # noqa") == ["json", "grpc.aio"]
