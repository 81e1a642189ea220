"""Shows an example request as a Python call with `care_client`, and as a grpcurl command."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import Final, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

import care.v1
from tools.api_docs.contract import PACKAGE, Method, Service
from tools.api_docs.requests import REQUESTS

ADDRESS: Final = "127.0.0.1:50051"
_WIDTH: Final = 88
"""Columns of an example: what a page shows without scrolling."""

STUBS: Final = {
    "TicketService": "tickets",
    "ConversationService": "conversations",
    "CustomerService": "customers",
    "ReviewService": "reviews",
    "DirectoryService": "directory",
    "LifecycleService": "lifecycle",
    "WorkerService": "workers",
}
"""The attribute of `CareClient` for each service, in the order in which the index shows them."""


def request(service: Service, method: Method) -> Message:
    """Returns the example request of a method; raises SystemExit where there is none, or one that does not fit."""
    key = f"{service.name}.{method.name}"
    if key not in REQUESTS:
        raise SystemExit(f"{key} has no example: add one to tools/api_docs/requests.py")
    for module in iter_modules(care.v1.__path__):
        import_module(f"{PACKAGE}.{module.name}")
    empty = GetMessageClass(Default().FindMessageTypeByName(method.request))()
    return ParseDict(REQUESTS[key], empty)


def grpcurl(service: Service, method: Method) -> str:
    """Returns the command that makes the call."""
    message = request(service, method)
    lines = ["grpcurl -plaintext"]
    if method.roles:
        lines.append('-H "authorization: Bearer $TOKEN"')
    if message.ListFields():
        body = json.dumps(MessageToDict(message), indent=2, ensure_ascii=False)
        if "'" in body:
            raise SystemExit(f"the example of {method.name} has an apostrophe, which would end the shell's quotation")
        lines.append(f"-d '{body}'")
    return " \\\n  ".join([*lines, f"{ADDRESS} {PACKAGE}.{service.name}/{method.name}"])


def python(service: Service, method: Method) -> str:
    """Returns the imports and the call; `care` is a `CareClient`."""
    message = request(service, method)
    call = f"answer = await care.{STUBS[service.name]}.{method.name}("
    one_line = f"{call}{_expression(message)})"
    text = one_line if len(one_line) <= _WIDTH else f"{call}\n    {_expression(message, 4)}\n)"
    return "\n".join([*_imports(message), "", text])


def _imports(message: Message) -> list[str]:
    names: dict[str, set[str]] = {}
    for module, name in _used(message):
        names.setdefault(module, set()).add(name)
    return [f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names)]


def _used(message: Message) -> Iterable[tuple[str, str]]:
    file = message.DESCRIPTOR.file
    yield _module(file.name), message.DESCRIPTOR.name
    for field, value in message.ListFields():
        for item in _items(field, value):
            if isinstance(item, Message):
                yield from _used(item)
            elif field.enum_type:
                yield _module(field.enum_type.file.name), field.enum_type.values_by_number[cast("int", item)].name


def _module(file: str) -> str:
    return f"{file.removesuffix('.proto').replace('/', '.')}_pb2"


def _items(field: FieldDescriptor, value: object) -> list[object]:
    return list(value) if field.is_repeated and isinstance(value, Iterable) else [value]


def _expression(message: Message, indent: int | None = None) -> str:
    """Returns the constructor's call: in one line, or, from column `indent` on, with an argument a line."""
    arguments = [f"{field.name}={_value(field, value)}" for field, value in message.ListFields()]
    name = message.DESCRIPTOR.name
    one_line = f"{name}({', '.join(arguments)})"
    if indent is None or indent + len(one_line) < _WIDTH:
        return one_line
    inner = indent + 4
    lines = [f"{' ' * inner}{field.name}={_value(field, value, inner)},\n" for field, value in message.ListFields()]
    return f"{name}(\n{''.join(lines)}{' ' * indent})"


def _value(field: FieldDescriptor, value: object, indent: int | None = None) -> str:
    items = [_item(field, item, indent and indent + (4 if field.is_repeated else 0)) for item in _items(field, value)]
    if not field.is_repeated:
        return items[0]
    one_line = f"[{', '.join(items)}]"
    if indent is None or (indent + len(field.name) + len(one_line) + 2 <= _WIDTH and "\n" not in one_line):
        return one_line
    lines = "".join(f"{' ' * (indent + 4)}{item},\n" for item in items)
    return f"[\n{lines}{' ' * indent}]"


def _item(field: FieldDescriptor, item: object, indent: int | None) -> str:
    match item:
        case Timestamp() | Duration():
            parts = [f"{part.name}={value}" for part, value in item.ListFields()]
            return f"{item.DESCRIPTOR.name}({', '.join(parts)})"
        case FieldMask():
            return f"FieldMask(paths={json.dumps(list(item.paths))})"
        case Message():
            return _expression(item, indent)
        case bool():
            return repr(item)
        case int() if field.enum_type:
            return str(field.enum_type.values_by_number[item].name)
        case str():
            return json.dumps(item, ensure_ascii=False)
        case _:
            return repr(item)
