"""Formats an example request as a Python call with `care_client` and as a grpcurl command."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import care.v1
from tools.api_docs.contract import PACKAGE, ROOT, Method, Service
from tools.api_docs.requests import REQUESTS

ADDRESS: Final = "127.0.0.1:50051"
STUBS: Final = {
    "TicketService": "tickets",
    "ConversationService": "conversations",
    "CustomerService": "customers",
    "ReviewService": "reviews",
    "DirectoryService": "directory",
    "SettingsService": "settings",
    "LifecycleService": "lifecycle",
    "WorkerService": "workers",
}
"""The attribute of `CareClient` for each service, in the order of the index."""


def request(service: Service, method: Method) -> Message:
    """Returns the example request of a method. Raises SystemExit if there is none."""
    key = f"{service.name}.{method.name}"
    if key not in REQUESTS:
        raise SystemExit(f"{key} has no example: add one to tools/api_docs/requests.py")
    for module in iter_modules(care.v1.__path__):
        import_module(f"{PACKAGE}.{module.name}")
    empty = GetMessageClass(Default().FindMessageTypeByName(method.request))()
    return ParseDict(REQUESTS[key], empty)


def grpcurl(service: Service, method: Method) -> str:
    """Returns the grpcurl command for a call."""
    message = request(service, method)
    lines = ["grpcurl -plaintext"]
    if method.roles:
        lines.append('-H "authorization: Bearer $TOKEN"')
    if message.ListFields():
        body = json.dumps(MessageToDict(message), indent=2, ensure_ascii=False)
        if "'" in body:
            raise SystemExit(f"the example of {method.name} contains an apostrophe, which would end the shell's quotes")
        lines.append(f"-d '{body}'")
    return " \\\n  ".join([*lines, f"{ADDRESS} {PACKAGE}.{service.name}/{method.name}"])


def python(service: Service, method: Method) -> str:
    """Returns the imports and the call. The call uses the variable `care`, a `CareClient`."""
    message = request(service, method)
    call = f"response = await care.{STUBS[service.name]}.{method.name}({_expression(message)})"
    return _format("\n".join([*_imports(message), "", call]))


def _format(source: str) -> str:
    """Returns code as `make format` formats it, because `make format` also formats the code on the pages."""
    ruff = Path(sysconfig.get_path("scripts")) / "ruff"
    command = [str(ruff), "format", "--quiet", "--stdin-filename=example.py", "-"]
    return subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True, check=True).stdout.rstrip()


def _imports(message: Message) -> list[str]:
    names: dict[str, set[str]] = {}
    for module, name in _used_types(message):
        names.setdefault(module, set()).add(name)
    return [f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names)]


def _used_types(message: Message) -> Iterable[tuple[str, str]]:
    file = message.DESCRIPTOR.file
    yield _module(file.name), message.DESCRIPTOR.name
    for field, value in message.ListFields():
        for item in _items(field, value):
            if isinstance(item, Message):
                yield from _used_types(item)
            elif field.enum_type:
                yield _module(field.enum_type.file.name), field.enum_type.values_by_number[cast("int", item)].name


def _module(file: str) -> str:
    return f"{file.removesuffix('.proto').replace('/', '.')}_pb2"


def _items(field: FieldDescriptor, value: object) -> list[object]:
    return list(value) if field.is_repeated and isinstance(value, Iterable) else [value]


def _expression(message: Message) -> str:
    arguments = [f"{field.name}={_value(field, value)}" for field, value in message.ListFields()]
    return f"{message.DESCRIPTOR.name}({', '.join(arguments)})"


def _value(field: FieldDescriptor, value: object) -> str:
    items = [_item(field, item) for item in _items(field, value)]
    return f"[{', '.join(items)}]" if field.is_repeated else items[0]


def _item(field: FieldDescriptor, item: object) -> str:
    match item:
        case FieldMask():
            return f"FieldMask(paths={list(item.paths)!r})"
        case Message():
            return _expression(item)
        case int() if field.enum_type:
            return str(field.enum_type.values_by_number[item].name)
        case _:
            return repr(item)
