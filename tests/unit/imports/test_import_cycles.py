"""The packages have no import cycles. Imports inside functions and type-only imports count too."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


def find_cycle(imports: Mapping[str, set[str]]) -> list[str]:
    """Returns the modules of a cycle, with the first one repeated at the end; empty if there is no cycle."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_there_is_no_import_cycle() -> None:
    packages = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["root_packages"]
    graph = grimp.build_graph(*packages, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert {"care_service.running.production", "care_rules.settings", "care_cli.app"} <= imports.keys()
    assert find_cycle(imports) == []


def test_find_cycle_detects_a_cycle() -> None:
    assert sorted(find_cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})[1:]) == ["a", "b", "c"]
    assert find_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
