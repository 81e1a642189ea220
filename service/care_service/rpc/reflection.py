"""Server reflection, v1 and v1alpha. The two differ only in the name of their package.

grpcurl, Postman and buf curl request v1 first, but grpcio-reflection contains only v1alpha.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import grpc
from google.protobuf import text_format
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import Default, DescriptorPool
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from care_service.rpc.policy import SERVICES

_OLD: Final = "grpc.reflection.v1alpha"
_NEW: Final = "grpc.reflection.v1"
_OLD_FILE: Final = "grpc_reflection/v1alpha/reflection.proto"
_NEW_FILE: Final = "grpc/reflection/v1/reflection.proto"
_SERVICE: Final = f"{_NEW}.ServerReflection"


def add_reflection(server: grpc.aio.Server) -> None:
    """Adds reflection to `server`, so that clients can read the services and their descriptors."""
    health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
    names = [*(service.full_name for service in SERVICES), health, reflection.SERVICE_NAME, _SERVICE]
    servicer = reflection.aio.ReflectionServicer(names, pool=_pool())
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": handler})
            for service in (reflection.SERVICE_NAME, _SERVICE)
        )
    )


def _pool() -> DescriptorPool:
    """Returns a separate pool. In the default pool, the copy of v1 would conflict with a library that contains v1."""
    pool, known = DescriptorPool(), set[str]()
    _add(pool, known, (service.file for service in SERVICES))
    # No service's file imports the error details, but clients need their descriptors to print an error.
    modules = (health_pb2, reflection_pb2, error_details_pb2)
    _add(pool, known, (Default().FindFileByName(module.DESCRIPTOR.name) for module in modules))
    old = FileDescriptorProto.FromString(reflection_pb2.DESCRIPTOR.serialized_pb)
    text = text_format.MessageToString(old).replace(_OLD_FILE, _NEW_FILE).replace(_OLD, _NEW)
    pool.AddSerializedFile(text_format.Parse(text, FileDescriptorProto()).SerializeToString())
    return pool


def _add(pool: DescriptorPool, known: set[str], files: Iterable[FileDescriptor]) -> None:
    for file in files:
        if file.name not in known:
            known.add(file.name)
            # Dependencies first: the pool accepts a file only after its imports.
            _add(pool, known, file.dependencies)
            pool.AddSerializedFile(file.serialized_pb)
