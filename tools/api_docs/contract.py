"""The contract for the documentation: services, messages and enums with their comments, from protoc's descriptors."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FieldOptions,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

from care.v1 import access_pb2

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = "care.v1"

# Field numbers in a descriptor. protoc's comments use them in the path of their element
# (google/protobuf/descriptor.proto).
_FILE_MESSAGES: Final = FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER
_FILE_ENUMS: Final = FileDescriptorProto.ENUM_TYPE_FIELD_NUMBER
_FILE_SERVICES: Final = FileDescriptorProto.SERVICE_FIELD_NUMBER
_MESSAGE_FIELDS: Final = DescriptorProto.FIELD_FIELD_NUMBER
_ENUM_VALUES: Final = EnumDescriptorProto.VALUE_FIELD_NUMBER
_SERVICE_METHODS: Final = ServiceDescriptorProto.METHOD_FIELD_NUMBER

Comments = Mapping[tuple[int, ...], str]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    name: str
    type: str
    """A scalar type such as `string`, or a full name such as `care.v1.Ticket`."""
    repeated: bool
    behavior: str
    """`google.api.field_behavior`, such as `required` or `output only`. Empty for none."""
    comment: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message."""

    name: str
    comment: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Enum:
    """An enum."""

    name: str
    comment: str
    values: Mapping[str, str]
    """The comment of each value by its name."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a service."""

    name: str
    comment: str
    request: str
    """The full name of the message."""
    response: str
    """The full name of the message."""
    roles: tuple[str, ...]
    """The roles that may call the method, without the enum's prefix, such as `AGENT`. Empty if no token is needed."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service."""

    name: str
    comment: str
    methods: tuple[Method, ...]


@dataclass(frozen=True, slots=True)
class Contract:
    """The whole package, ordered by file name and then as declared."""

    services: tuple[Service, ...]
    messages: Mapping[str, Message]
    """By full name."""
    enums: Mapping[str, Enum]
    """By full name."""

    @property
    def request_and_response_names(self) -> set[str]:
        """The full names of all requests and responses."""
        methods = [method for service in self.services for method in service.methods]
        return {name for method in methods for name in (method.request, method.response)}


def load_contract() -> Contract:
    """Reads protos/care. Raises SystemExit if protoc rejects a file. protoc prints the reason."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "care.binpb"
        command = [sys.executable, str(ROOT / "protos" / "generate.py"), "--image", str(image)]
        if subprocess.run(command, check=False).returncode:
            raise SystemExit(1)
        files = FileDescriptorSet.FromString(image.read_bytes()).file
    ours = sorted((file for file in files if file.package == PACKAGE), key=lambda file: file.name)
    return Contract(
        services=tuple(service for file in ours for service in _services(file, _comments(file))),
        messages={
            f"{PACKAGE}.{message.name}": message for file in ours for message in _messages(file, _comments(file))
        },
        enums={f"{PACKAGE}.{enum.name}": enum for file in ours for enum in _enums(file, _comments(file))},
    )


def _comments(file: FileDescriptorProto) -> Comments:
    return {
        tuple(location.path): location.leading_comments
        for location in file.source_code_info.location
        if location.leading_comments
    }


def _services(file: FileDescriptorProto, comments: Comments) -> Iterator[Service]:
    for number, service in enumerate(file.service):
        path = (_FILE_SERVICES, number)
        methods = tuple(
            Method(
                name=method.name,
                comment=comments[*path, _SERVICE_METHODS, index],
                request=method.input_type.lstrip("."),
                response=method.output_type.lstrip("."),
                roles=_roles(method.options.Extensions[access_pb2.access]),
            )
            for index, method in enumerate(service.method)
        )
        yield Service(service.name, comments[path], methods)


def _roles(access: access_pb2.Access) -> tuple[str, ...]:
    return tuple(access_pb2.Role.Name(role).removeprefix("ROLE_") for role in access.roles)


def _messages(file: FileDescriptorProto, comments: Comments) -> Iterator[Message]:
    for number, message in enumerate(file.message_type):
        path = (_FILE_MESSAGES, number)
        fields = tuple(
            Field(
                name=field.name,
                type=field.type_name.lstrip(".") or FieldDescriptorProto.Type.Name(field.type)[len("TYPE_") :].lower(),
                repeated=field.label == FieldDescriptorProto.LABEL_REPEATED,
                behavior=_behavior(field.options),
                comment=comments[*path, _MESSAGE_FIELDS, index],
            )
            for index, field in enumerate(message.field)
        )
        yield Message(message.name, comments[path], fields)


def _behavior(options: FieldOptions) -> str:
    # The extension is found by name, because the stubs of google.api do not declare it.
    values = [value for option, value in options.ListFields() if option.full_name == "google.api.field_behavior"]
    names = [field_behavior_pb2.FieldBehavior.Name(value) for listed in values for value in listed]
    return ", ".join(name.lower().replace("_", " ") for name in names)


def _enums(file: FileDescriptorProto, comments: Comments) -> Iterator[Enum]:
    for number, enum in enumerate(file.enum_type):
        path = (_FILE_ENUMS, number)
        values = {value.name: comments[*path, _ENUM_VALUES, index] for index, value in enumerate(enum.value)}
        yield Enum(enum.name, comments[path], values)
