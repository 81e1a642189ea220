"""An import-linter contract type: some packages may import nothing but an explicit list of others.

import-linter's own types can only forbid modules by name, so a new dependency would pass unnoticed.
"""

from __future__ import annotations

import ast
import sys
from typing import TypedDict, cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.imports import Module


class Violation(TypedDict):
    """An import that is not allowed."""

    importer: str
    line_number: int
    line_contents: str


class AllowedContract(Contract):
    """Modules of `source_modules` may import each other, `allowed_modules` and the standard library.

    Both lists contain full names of packages. A package includes everything inside it.
    """

    type_name = "allowed"

    source_modules = fields.ListField(subfield=fields.ModuleField())
    allowed_modules = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Returns the violations in `graph`."""
        del verbose
        packages = [module.name for module in cast("list[Module]", self.source_modules)]
        allowed = [*packages, *cast("list[str]", self.allowed_modules), *sys.stdlib_module_names]
        violations = [
            Violation(
                importer=details["importer"],
                line_number=details["line_number"],
                line_contents=details["line_contents"],
            )
            for importer in sorted(graph.modules)
            if is_inside(importer, packages)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            for details in graph.get_import_details(importer=importer, imported=imported)
            if not all(is_inside(name, allowed) for name in imported_names(details["line_contents"]))
        ]
        return ContractCheck(kept=not violations, metadata={"violations": violations})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Prints the violations."""
        for violation in cast("list[Violation]", check.metadata["violations"]):
            output.print_error(f"{violation['importer']}:{violation['line_number']}: {violation['line_contents']}")
        output.new_line()


def imported_names(line: str) -> list[str]:
    """Returns the full names that an import statement imports, such as `opentelemetry.trace`.

    The import graph only has the first part of an external module, so the API and the SDK of OpenTelemetry look the
    same there. Of a statement with several lines, the graph has only the first line. The result is then the module.
    """
    try:
        [statement] = ast.parse(line.strip()).body
    except SyntaxError:
        return [line.split()[1]]
    match statement:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=module, names=names):
            return [f"{module}.{name.name}" for name in names]
        case _:
            raise ValueError(f"not an import: {line}")


def is_inside(name: str, packages: list[str]) -> bool:
    """Returns whether `name` is one of `packages` or inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)
