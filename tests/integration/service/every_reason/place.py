"""A call that is refused, and the services that can refuse it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

import grpc
import pytest
from google.protobuf.message import Message

from care_dev.stack import postgres
from tests.integration.service.renew_access import full_name, methods
from tests.support.care import Care
from tests.support.reasons import CheckedError, check_error
from tests.support.reflection import send
from tests.support.tenant import Tenant


@dataclass(frozen=True)
class Provoked:
    """A call that must be refused, and what its error must contain beside the reason."""

    care: Care
    token: str | None
    request: Message
    metadata: Mapping[str, str] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()
    """The fields that `BadRequest` names."""
    retry_delay: timedelta | None = None
    end: Callable[[], Awaitable[None]] | None = None
    """For a stream: ends it after its first response."""

    async def refusal(self) -> CheckedError:
        """Makes the call without care_client, which would drop parts of the error."""
        (method,) = (each for each in methods() if each.input_type.full_name == self.request.DESCRIPTOR.full_name)
        async with grpc.aio.insecure_channel(self.care.address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await self._call(channel, full_name(method))
        return check_error(caught.value, to_customer=method.containing_service.name == "CustomerService")

    async def _call(self, channel: grpc.aio.Channel, method: str) -> None:
        metadata = () if self.token is None else (("authorization", f"Bearer {self.token}"),)
        if self.end is None:
            await send(channel, method, self.request.SerializeToString(), metadata)
            return
        begin: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(f"/{method}")
        answers = aiter(begin(self.request.SerializeToString(), metadata=metadata))
        await anext(answers)
        await self.end()
        await anext(answers)


@dataclass(frozen=True)
class Troubled:
    """A service with its own PostgreSQL, which a test may disturb or stop."""

    care: Care
    stop_database: Callable[[], None]


@dataclass(frozen=True)
class Place:
    """The services and organizations in which a reason is provoked."""

    tenant: Tenant
    timed: Tenant
    """An organization whose clock `hours_later` advances."""
    hours_later: Callable[[int], None]
    troubled: Tenant
    stop_database: Callable[[], None]
    waiting: Care
    """A service that cannot reach the issuer of its tokens."""
    narrow: Care
    """A service that takes one call at a time."""
    server: postgres.Server
    """PostgreSQL, for a provocation that starts its own service."""
    until_the_end: AsyncExitStack

    def by(
        self,
        agent: str,
        request: Message,
        metadata: Mapping[str, str] = {},
        *,
        fields: Iterable[str] = (),
        tenant: Tenant | None = None,
    ) -> Provoked:
        """Returns a call by an agent of the tenant, `Place.tenant` by default."""
        tenant = tenant or self.tenant
        token = tenant.care.token(sub=agent, org=tenant.id, roles=["agent"])
        return Provoked(tenant.care, token, request, metadata, frozenset(fields))


Provocation: TypeAlias = Callable[[Place], Awaitable[Provoked]]
"""Prepares a call that is refused with one reason."""
