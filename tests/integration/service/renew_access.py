"""The committed snapshot of who may call what, and how to renew it after a wanted change of the contract.

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
    """Every method of every service that the contract's package declares, whether the server knows it or not."""
    for module in pkgutil.iter_modules(care.v1.__path__):
        if module.name.endswith("_pb2"):
            file: FileDescriptor = import_module(f"care.v1.{module.name}").DESCRIPTOR
            for service in file.services_by_name.values():
                yield from service.methods


def full_name(method: MethodDescriptor) -> str:
    """`care.v1.TicketService/GetTicket`."""
    return f"{method.containing_service.full_name}/{method.name}"


def access() -> dict[str, list[str]]:
    """Reads the options: the bare words of the roles, or `public`; empty for a method without the option."""
    found = {}
    for method in methods():
        option = method.GetOptions().Extensions[access_pb2.access]
        roles = [access_pb2.Role.Name(role).removeprefix("ROLE_").lower() for role in option.roles]
        found[full_name(method)] = sorted(roles) + ["public"] * option.public
    return dict(sorted(found.items()))


def rendered() -> str:
    """The snapshot as it is committed."""
    return json.dumps(access(), indent=2) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(rendered(), encoding="utf-8")
