"""The committed snapshot of the roles that may call each method.

Renew it after an intended change of the contract:

python -m tests.integration.service.renew_access
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor

import care.v1
from care.v1 import access_pb2

SNAPSHOT: Final = Path(__file__).with_name("access_snapshot.json")


def methods() -> Iterator[MethodDescriptor]:
    """Yields all methods of all services of the contract, including methods that the server does not implement."""
    for module in pkgutil.iter_modules(care.v1.__path__):
        if module.name.endswith("_pb2"):
            file: FileDescriptor = import_module(f"care.v1.{module.name}").DESCRIPTOR
            for service in file.services_by_name.values():
                yield from service.methods


def full_name(method: MethodDescriptor) -> str:
    """Returns the name with service and package, such as `care.v1.TicketService/GetTicket`."""
    return f"{method.containing_service.full_name}/{method.name}"


def access() -> dict[str, list[str]]:
    """Returns the `access` option of each method: roles, or `public`. Empty for a method without the option."""
    found = {}
    for method in methods():
        option = method.GetOptions().Extensions[access_pb2.access]
        roles = [access_pb2.Role.Name(role).removeprefix("ROLE_").lower() for role in option.roles]
        found[full_name(method)] = sorted(roles) + ["public"] * option.public
    return dict(sorted(found.items()))


def rendered() -> str:
    """Returns the text of the snapshot."""
    return json.dumps(access(), indent=2) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(rendered(), encoding="utf-8")
