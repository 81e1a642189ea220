"""`CareClient`: all services of Care as one object."""

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import grpc
from grpc.aio import ClientInterceptor

from care.v1.conversation_service_pb2_grpc import ConversationServiceStub
from care.v1.customer_service_pb2_grpc import CustomerServiceStub
from care.v1.directory_service_pb2_grpc import DirectoryServiceStub
from care.v1.lifecycle_service_pb2_grpc import LifecycleServiceStub
from care.v1.review_service_pb2_grpc import ReviewServiceStub
from care.v1.settings_service_pb2_grpc import SettingsServiceStub
from care.v1.ticket_service_pb2_grpc import TicketServiceStub
from care.v1.worker_service_pb2_grpc import WorkerServiceStub
from care_client.channel import DEFAULT_DEADLINE, open_channel
from care_client.tls import Tls
from care_client.tokens import Token

if TYPE_CHECKING:  # these classes exist in the stub files only
    from care.v1.conversation_service_pb2_grpc import ConversationServiceAsyncStub
    from care.v1.customer_service_pb2_grpc import CustomerServiceAsyncStub
    from care.v1.directory_service_pb2_grpc import DirectoryServiceAsyncStub
    from care.v1.lifecycle_service_pb2_grpc import LifecycleServiceAsyncStub
    from care.v1.review_service_pb2_grpc import ReviewServiceAsyncStub
    from care.v1.settings_service_pb2_grpc import SettingsServiceAsyncStub
    from care.v1.ticket_service_pb2_grpc import TicketServiceAsyncStub
    from care.v1.worker_service_pb2_grpc import WorkerServiceAsyncStub


class CareClient:
    """The services of ``care.v1`` on one channel, which the client closes.

    ``async with CareClient.connect("127.0.0.1:50051", token) as care: await care.tickets.GetTicket(…)``. Failed calls
    raise a ``care_client.errors.CareError``. ``care_client.paging`` iterates over lists, and ``care_client.watching``
    follows streams.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Takes ownership of ``channel``, which ``care_client.channel.open_channel`` must have opened.

        On any other channel, calls have no token, deadline, retries or request ids, and they raise
        ``grpc.aio.AioRpcError``.
        """
        self._channel = channel
        self.tickets: TicketServiceAsyncStub = TicketServiceStub(channel)
        self.conversations: ConversationServiceAsyncStub = ConversationServiceStub(channel)
        self.customers: CustomerServiceAsyncStub = CustomerServiceStub(channel)
        self.reviews: ReviewServiceAsyncStub = ReviewServiceStub(channel)
        self.directory: DirectoryServiceAsyncStub = DirectoryServiceStub(channel)
        self.settings: SettingsServiceAsyncStub = SettingsServiceStub(channel)
        self.workers: WorkerServiceAsyncStub = WorkerServiceStub(channel)
        self.lifecycle: LifecycleServiceAsyncStub = LifecycleServiceStub(channel)

    @classmethod
    def connect(
        cls,
        address: str,
        token: Token | None = None,
        *,
        tls: Tls | None = None,
        deadline: float | None = DEFAULT_DEADLINE,
        interceptors: Sequence[ClientInterceptor] = (),
        allow_plaintext_token: bool = False,
        user_agent: str = "",
    ) -> Self:
        """Opens a channel to ``address``. The arguments are those of ``care_client.channel.open_channel``."""
        channel = open_channel(
            address,
            token,
            tls=tls,
            deadline=deadline,
            interceptors=interceptors,
            allow_plaintext_token=allow_plaintext_token,
            user_agent=user_agent,
        )
        return cls(channel)

    async def __aenter__(self) -> Self:
        """Returns the client itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the channel and cancels its calls."""
        await self.close()

    async def close(self) -> None:
        """Closes the channel and cancels its calls."""
        await self._channel.close()
