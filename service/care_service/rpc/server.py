"""The gRPC server: Care's services behind the interceptor, and health and reflection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import grpc
from grpc_health.v1 import health_pb2_grpc

from care.v1 import (
    conversation_service_pb2_grpc,
    customer_service_pb2_grpc,
    directory_service_pb2_grpc,
    lifecycle_service_pb2_grpc,
    review_service_pb2_grpc,
    settings_service_pb2_grpc,
    ticket_service_pb2_grpc,
    worker_service_pb2_grpc,
)
from care_rules.recovery_plan import SiteTiming
from care_service.rpc.authentication import Authenticator
from care_service.rpc.conversation_service import ConversationHandlers
from care_service.rpc.customer_service import CustomerHandlers
from care_service.rpc.directory_service import DirectoryHandlers
from care_service.rpc.health import Health
from care_service.rpc.interceptor import CallControls, CareInterceptor
from care_service.rpc.lifecycle_service import LifecycleHandlers
from care_service.rpc.limits import options
from care_service.rpc.policy import SERVICES
from care_service.rpc.reflection import add_reflection
from care_service.rpc.review_service import ReviewHandlers
from care_service.rpc.settings_service import SettingsHandlers
from care_service.rpc.ticket_service import TicketHandlers
from care_service.rpc.worker_service import WorkerHandlers
from care_service.usecases.links import Links
from care_service.usecases.ports.clock import Clock
from care_service.usecases.ports.directory import Directory
from care_service.usecases.ports.feed import Feed
from care_service.usecases.ports.reader import Reader
from care_service.usecases.ports.ticket_store import TicketStore
from care_service.usecases.subscriptions import Subscriptions

_WITHOUT_DATABASE = ("care.v1.LifecycleService",)
"""Services that don't need the database."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The dependencies of the handlers."""

    store: TicketStore
    reader: Reader
    feed: Feed
    subscriptions: Subscriptions
    directory: Directory
    authenticator: Authenticator
    links: Links
    clock: Clock
    timing: SiteTiming
    controls: CallControls


class Server:
    """A grpc.aio server with Care's services. With `reuse_port`, several processes can share a port."""

    def __init__(self, parts: Parts, *, reuse_port: bool = False) -> None:
        names = [service.full_name for service in SERVICES]
        self.health = Health(names, _WITHOUT_DATABASE, parts.controls.metrics)
        self.grpc = grpc.aio.server(
            interceptors=[CareInterceptor(parts.authenticator, parts.directory, parts.clock, parts.controls)],
            options=options(reuse_port=reuse_port),
        )
        server = self.grpc
        ticket_service_pb2_grpc.add_TicketServiceServicer_to_server(
            TicketHandlers(parts.store, parts.reader, parts.directory, parts.feed, parts.subscriptions), server
        )
        conversation_service_pb2_grpc.add_ConversationServiceServicer_to_server(
            ConversationHandlers(parts.store, parts.reader, parts.links), server
        )
        customer_service_pb2_grpc.add_CustomerServiceServicer_to_server(
            CustomerHandlers(parts.store, parts.reader, parts.links, parts.subscriptions), server
        )
        review_service_pb2_grpc.add_ReviewServiceServicer_to_server(
            ReviewHandlers(parts.store, parts.reader, parts.directory), server
        )
        directory_service_pb2_grpc.add_DirectoryServiceServicer_to_server(
            DirectoryHandlers(parts.reader, parts.directory), server
        )
        settings_service_pb2_grpc.add_SettingsServiceServicer_to_server(
            SettingsHandlers(parts.reader, parts.directory, parts.links), server
        )
        worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(
            WorkerHandlers(parts.store, parts.links, parts.timing), server
        )
        lifecycle_service_pb2_grpc.add_LifecycleServiceServicer_to_server(LifecycleHandlers(), server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
        add_reflection(server)

    async def start(self, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """Listens on `address`, with TLS if there are `credentials`, and reports SERVING. Returns the port.

        Raises OSError if the server can't listen on the address.
        """
        try:
            if credentials is None:
                port = self.grpc.add_insecure_port(address)
            else:
                port = self.grpc.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise OSError(f"can't listen on {address}") from error
        await self.grpc.start()
        await self.health.start()
        return int(port)

    async def stop(self, grace: timedelta) -> None:
        """Reports NOT_SERVING, rejects new calls, and gives calls in progress `grace` to finish."""
        await self.health.drain()
        await self.grpc.stop(grace.total_seconds())
