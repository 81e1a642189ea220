"""The enums of the contract, read from its generated modules."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor

import care.v1


@cache
def enums_of_the_contract() -> Mapping[str, EnumDescriptor]:
    """Returns every enum by its full name."""
    found: dict[str, EnumDescriptor] = {}
    for module in pkgutil.iter_modules(care.v1.__path__):
        if module.name.endswith("_pb2"):
            file: FileDescriptor = import_module(f"care.v1.{module.name}").DESCRIPTOR
            found |= {enum.full_name: enum for enum in file.enum_types_by_name.values()}
            for message in file.message_types_by_name.values():
                found |= {enum.full_name: enum for enum in _nested(message)}
    return found


def _nested(message: Descriptor) -> Iterator[EnumDescriptor]:
    yield from message.enum_types_by_name.values()
    for inner in message.nested_types_by_name.values():
        yield from _nested(inner)


@cache
def values_of_the_contract() -> Mapping[str, str]:
    """Returns the full name of each value's enum, by the name of the value. Each name occurs once in the contract."""
    return {value.name: name for name, enum in enums_of_the_contract().items() for value in enum.values}


def prefix(enum: EnumDescriptor) -> str:
    """Returns the prefix of the names of an enum's values."""
    return str(enum.values_by_number[0].name).removesuffix("UNSPECIFIED")


def value_names(name: str) -> frozenset[str]:
    """Returns the values of an enum without prefix and without UNSPECIFIED."""
    enum = enums_of_the_contract()[name]
    return frozenset(value.name.removeprefix(prefix(enum)) for value in enum.values) - {"UNSPECIFIED"}
