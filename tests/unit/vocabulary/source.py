"""The source of the project's packages as syntax trees, with its enums, for checks of the whole code."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.unit.vocabulary.contract import values_of_the_contract

ROOT: Final = Path(__file__).parents[3]
PACKAGES: Final = (
    "rules/care_rules",
    "service/care_service",
    "roles/care_roles",
    "client/care_client",
    "workflows/care_workflows",
    "web/care_web",
    "cli/care_cli",
    "dev/care_dev",
)
_ENUMS: Final = frozenset({"Enum", "IntEnum", "StrEnum"})
_KINDS: Final = (
    *(ast.ImportFrom, ast.ClassDef, ast.AnnAssign),
    *(ast.Match, ast.Dict, ast.If, ast.Compare, ast.Set, ast.Tuple, ast.List),
)
"""The types of nodes that checks use."""


@dataclass(frozen=True)
class Module:
    """A file of a package, with the names of its imports."""

    package: str
    path: str
    nodes: tuple[tuple[ast.AST, tuple[ast.AST, ...]], ...]
    """Imports, classes, constants, sets, and nodes that decide by an enum, each with its parents, outermost first."""
    names: Mapping[str, str]
    """The imports of the form `from … import name as other`: for each name in the file, the name in its module."""


@cache
def modules() -> tuple[Module, ...]:
    """Returns every Python file of the packages."""
    return tuple(
        read(package.partition("/")[2], str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    )


def read(package: str, path: str, text: str) -> Module:
    """Parses one file."""
    nodes = tuple(_found(ast.parse(text), ()))
    imports = (node for node, _ in nodes if isinstance(node, ast.ImportFrom))
    names = {alias.asname or alias.name: alias.name for node in imports for alias in node.names}
    return Module(package, path, nodes, names)


def _found(tree: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, tuple[ast.AST, ...]]]:
    if isinstance(tree, _KINDS):
        yield tree, parents
    inner = (*parents, tree)
    for child in ast.iter_child_nodes(tree):
        yield from _found(child, inner)


@cache
def _known(package: str) -> Mapping[str, tuple[str, ...]]:
    return {**enums(package), **enums("care_rules")}


@cache
def enums(package: str) -> Mapping[str, tuple[str, ...]]:
    """Returns the members of each enum of a package, by the name of its class."""
    return {
        node.name: tuple(
            target.id
            for statement in node.body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        )
        for module in modules()
        if module.package == package
        for node, _ in module.nodes
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id in _ENUMS for base in node.bases)
    }


def enum_of(module: Module, node: ast.expr) -> tuple[str, str] | None:
    """Returns the enum and the name of a member such as `Channel.EMAIL` or `pb.CHANNEL_EMAIL`."""
    if not isinstance(node, ast.Attribute):
        return None
    if (found := values_of_the_contract().get(node.attr)) is not None:
        return found, node.attr
    owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    known = _known(module.package).get(module.names.get(owner, owner), ())
    return (owner, node.attr) if node.attr in known else None


def members(module: Module, enum: str) -> frozenset[str]:
    """Returns the members of an enum that `enum_of` returned; without UNSPECIFIED for an enum of the contract."""
    of_contract = [value for value, found in values_of_the_contract().items() if found == enum]
    if of_contract:
        return frozenset(value for value in of_contract if not value.endswith("_UNSPECIFIED"))
    return frozenset(_known(module.package)[module.names.get(enum, enum)])


def place(parents: tuple[ast.AST, ...]) -> str:
    """Returns the name of the variable or function that contains a node."""
    for node in reversed(parents):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            return node.target.id
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            return node.targets[0].id
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return node.name
    return ""
