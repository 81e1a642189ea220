"""Rules for every method of the contract: access, errors, health and reflection."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from care.v1 import error_reason_pb2
from care.v1 import lifecycle_service_pb2 as lifecycle
from care.v1 import ticket_service_pb2 as tickets
from care_rules.callers import Role
from care_rules.refusals import Reason
from care_service.rpc.errors import CODES as SERVICE_CODES
from tests.integration.service.commands import assert_refused
from tests.integration.service.raw import raw
from tests.integration.service.renew_access import SNAPSHOT, access, full_name, methods, rendered
from tests.support.care import Care, refusal
from tests.support.design_tables import ACCESS, CODES, RECOVERY, STATUS
from tests.support.tenant import Tenant

METHODS = tuple(full_name(method) for method in methods())
ROLES = tuple(role.value for role in Role)
PROTOS = Path(__file__).parents[3] / "protos" / "care" / "v1"


def test_every_method_has_an_access_option_that_is_either_public_or_names_roles() -> None:
    assert {method: roles for method, roles in access().items() if not roles} == {}
    assert [method for method, roles in access().items() if "public" in roles and len(roles) > 1] == []


def test_the_access_rules_are_those_of_the_design() -> None:
    assert access() == {f"care.v1.{method}": sorted(roles) for method, roles in ACCESS.items()}


def test_the_access_rules_are_those_of_the_committed_snapshot() -> None:
    hint = "a wanted change? python -m tests.integration.service.renew_access"
    assert SNAPSHOT.read_text(encoding="utf-8") == rendered(), hint


@pytest.mark.parametrize("method", METHODS)
async def test_only_the_roles_of_a_method_may_call_it(service: Care, tenant: Tenant, method: str) -> None:
    allowed = ACCESS[method.removeprefix("care.v1.")]
    for role in ROLES:
        token = f"Bearer {service.token(sub='someone', org=tenant.id, roles=[role])}"
        # The request is empty, so an allowed caller is refused for the fields. A supervisor is an agent too.
        roles = {role, "agent"} if role == "supervisor" else {role}
        if roles & allowed or allowed == {"public"}:
            if method != "care.v1.LifecycleService/GetLifecycle":
                error = await refusal(raw(service, method, token=token))
                assert error.reason in {"INVALID_FIELD", "LINK_UNKNOWN"}, error.message
        else:
            error = await refusal(raw(service, method, token=token))
            keys = {"method": method, "roles": ",".join(roles), "allowed": ",".join(allowed)}
            assert_refused(error, "ROLE_NOT_ALLOWED", keys)


@pytest.mark.parametrize("roles", [[], ["admin"], ["Agent"], [7]])
async def test_a_token_without_a_known_role_may_call_only_public_methods(
    service: Care, tenant: Tenant, roles: list[object]
) -> None:
    client = service.client(service.token(sub="alice", org=tenant.id, roles=roles))
    error = await refusal(client.tickets.GetTicket(tickets.GetTicketRequest(name=f"{tenant.name}/tickets/1")))
    assert error.reason == "ROLE_NOT_ALLOWED"
    await client.lifecycle.GetLifecycle(lifecycle.GetLifecycleRequest())


def reasons() -> list[str]:
    names = [name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()]  # noqa: SIM118 - no dict
    return [name for name in names if name != "UNSPECIFIED"]


def test_every_reason_of_the_contract_exists_in_the_rules_and_has_the_code_of_the_design() -> None:
    assert set(reasons()) == {reason.value for reason in Reason} == set(CODES)
    assert {reason.value: code for reason, code in SERVICE_CODES.items()} == CODES


def test_the_contract_documents_each_reason_with_its_code() -> None:
    text = (PROTOS / "error_reason.proto").read_text(encoding="utf-8")
    documented = re.findall(r"// ([A-Z_]+)\. (?:[^\n]*\n(?: *//[^\n]*\n)*) *ERROR_REASON_([A-Z_]+) =", text)
    assert {reason: code for code, reason in documented} == {reason: code.name for reason, code in CODES.items()}


@pytest.mark.parametrize("method", METHODS)
async def test_malformed_bytes_are_an_invalid_field_even_without_a_token(service: Care, method: str) -> None:
    bodies = [b"\xff\xff", b"\x0a\x05ab"]  # a tag without its end, and a field that is longer than the message
    (described,) = (each for each in methods() if full_name(each) == method)
    first = described.input_type.fields_by_number.get(1)
    if first is not None and first.type == FieldDescriptor.TYPE_STRING:
        bodies.append(b"\x0a\x02\xff\xfe")  # a string that is not UTF-8
    for body in bodies:
        error = await refusal(raw(service, method, body))
        assert_refused(error, "INVALID_FIELD")
        assert len(error.field_violations) == 1


@pytest.mark.parametrize(
    "name", ["", "nonsense", "organizations/x", "organizations/{}/tickets/0", "organizations/{}/tickets/1/", "/{}"]
)
async def test_the_refusal_of_an_invalid_name_shows_the_expected_form(tenant: Tenant, name: str) -> None:
    request = tickets.GetTicketRequest(name=name.format(tenant.id))
    error = await refusal(tenant.agent("alice").tickets.GetTicket(request))
    assert_refused(error, "INVALID_FIELD")
    (violation,) = error.field_violations
    assert violation.field == "name"
    assert "organizations/{organization}/tickets/{number}" in violation.description


@pytest.mark.parametrize(
    "request_id",
    [
        "7",
        "1b4e28ba2fa141d2883f0016d3cca427",
        "{1b4e28ba-2fa1-41d2-883f-0016d3cca427}",
        "urn:uuid:1b4e28ba-2fa1-41d2-883f-0016d3cca427",
        # 36 characters, as the valid form has.
        "urn:1b4e28ba2fa141d2883f0016d3cca427",
        "{1b4e28ba-2fa141d2883f0016d3cca427-}",
        "1b4e28b-a2fa1-41d2-883f-0016d3cca427",
        "1_4e28ba-2fa1-41d2-883f-0016d3cca427",
        "\u0661b4e28ba-2fa1-41d2-883f-0016d3cca427",
        str(UUID(int=0)),
        "x" * 36,
    ],
)
async def test_a_request_id_must_be_a_uuid(tenant: Tenant, request_id: str) -> None:
    ticket = await tenant.ticket()
    start = tickets.StartTicketRequest(name=ticket.name, request_id=request_id)
    error = await refusal(tenant.agent("alice").tickets.StartTicket(start))
    assert_refused(error, "INVALID_FIELD")
    assert [violation.field for violation in error.field_violations] == ["request_id"]


def services() -> set[str]:
    return {method.partition("/")[0] for method in METHODS}


async def test_every_service_reports_its_health(service: Care) -> None:
    check = "grpc.health.v1.Health/Check"
    for name in ("", *services()):
        body = health_pb2.HealthCheckRequest(service=name).SerializeToString()
        answer = health_pb2.HealthCheckResponse.FromString(await raw(service, check, body))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    body = health_pb2.HealthCheckRequest(service="care.v1.NoService").SerializeToString()
    assert (await refusal(raw(service, check, body))).code is grpc.StatusCode.NOT_FOUND


async def test_reflection_lists_every_service(service: Care) -> None:
    ask = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
    async with grpc.aio.insecure_channel(service.address) as channel:
        method = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=lambda data: data,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        answers = [answer async for answer in method(iter([ask]))]
    listed = {each.name for answer in answers for each in answer.list_services_response.service}
    assert services() | {"grpc.health.v1.Health"} <= listed


async def test_get_lifecycle_returns_the_lifecycle_of_the_design(tenant: Tenant) -> None:
    answer = await tenant.customer.lifecycle.GetLifecycle(lifecycle.GetLifecycleRequest())
    status, recovery = answer.machines
    assert (status.name, recovery.name) == ("status", "recovery")
    for machine, table in ((status, STATUS), (recovery, RECOVERY)):
        shown = {each.trigger: (frozenset(each.sources), each.target) for each in machine.transitions}
        assert shown == {trigger: (sources - {"NO_CONTACT"}, target) for trigger, (sources, target) in table.items()}
        assert all(each.who for each in machine.transitions)
        assert machine.mermaid.startswith("stateDiagram-v2")
    assert {state.name for state in status.states if state.initial} == {"OPEN"}
    assert {state.name for state in status.states if state.final} == {"CLOSED"}
    assert {state.name for state in recovery.states if state.final} == {
        "REFUSED",
        "WITHDRAWN",
        "EXPIRED",
        "REJECTED",
        "REPLACED",
        "ENDED_BY_CLOSE",
    }
