"""Bearer tokens: the caller that a token describes, and tokens that are refused."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from care.v1 import directory_service_pb2 as directory
from care.v1 import ticket_service_pb2 as tickets
from care_client.errors import CareError
from tests.integration.service.commands import assert_refused
from tests.integration.service.raw import raw
from tests.support.care import Care, refusal
from tests.support.tenant import Tenant


def secret(service: Care) -> bytes:
    assert service.settings.token_key
    return service.settings.token_key


def signed(service: Care, claims: dict[str, object], *, key: bytes | None = None, algorithm: str = "HS256") -> str:
    valid: dict[str, object] = {"sub": "alice", "org": "org", "roles": ["agent"], "exp": service.expiry}
    return jwt.encode(valid | claims, key or secret(service), algorithm=algorithm)


def unsigned(service: Care, header: dict[str, str]) -> str:
    """Returns a token with this header and an invalid or missing signature."""
    _, claims, signature = signed(service, {}).split(".")
    head = urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{head}.{claims}.{signature if header['alg'] != 'none' else ''}"


async def error_of(service: Care, authorization: str | None) -> CareError:
    body = tickets.GetTicketRequest(name="organizations/org/tickets/1").SerializeToString()
    return await refusal(raw(service, "care.v1.TicketService/GetTicket", body, authorization))


async def test_a_call_without_a_token_is_refused(service: Care) -> None:
    assert_refused(await error_of(service, None), "TOKEN_MISSING")


async def test_an_invalid_token_is_refused(service: Care) -> None:
    good = signed(service, {})
    for authorization in (
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Bearer a.b.c",
        good,
        f"Basic {good}",
        f"Bearer {good[:-3]}AAA",
        f"Bearer {good} x",
        f"Bearer {signed(service, {}, key=b'w' * 32)}",
        f"Bearer {signed(service, {}, key=secret(service) * 2, algorithm='HS512')}",
        f"Bearer {signed(service, {}, key=secret(service) * 2, algorithm='HS384')}",
        f"Bearer {unsigned(service, {'alg': 'none', 'typ': 'JWT'})}",
        f"Bearer {unsigned(service, {'alg': 'None', 'typ': 'JWT'})}",
        f"Bearer {unsigned(service, {'alg': 'RS256', 'typ': 'JWT'})}",
    ):
        assert_refused(await error_of(service, authorization), "TOKEN_INVALID")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_case_insensitive(service: Care, scheme: str) -> None:
    assert (await error_of(service, f"{scheme} {signed(service, {})}")).reason == "RESOURCE_NOT_FOUND"


@pytest.mark.parametrize(
    ("claims", "claim"),
    [
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "a/b"}, "sub"),
        ({"sub": "a b"}, "sub"),
        ({"sub": "a" * 129}, "sub"),
        ({"org": None}, "org"),
        ({"org": ""}, "org"),
        ({"org": "Org"}, "org"),
        ({"org": "-"}, "org"),
        ({"org": "o" * 64}, "org"),
        ({"org": ["org"]}, "org"),
        ({"roles": "agent"}, "roles"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": 10**400}, "exp"),
        ({"exp": float("nan")}, "exp"),
    ],
)
async def test_a_missing_or_invalid_claim_is_named(service: Care, claims: dict[str, object], claim: str) -> None:
    error = await error_of(service, f"Bearer {signed(service, claims)}")
    # The library may refuse the token before the claim is checked.
    assert_refused(error, "TOKEN_INVALID", {"claim": claim} if error.metadata else {})


async def test_only_the_token_of_an_agent_needs_an_organization(service: Care) -> None:
    for role, refused in (("agent", True), ("supervisor", True), ("service", False), ("worker", False)):
        error = await error_of(service, f"Bearer {signed(service, {'org': None, 'roles': [role]})}")
        assert (error.reason == "TOKEN_INVALID") == refused, role


async def test_a_token_is_refused_before_its_start_time(service: Care) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    assert_refused(
        await error_of(service, f"Bearer {signed(service, {'nbf': soon})}"), "TOKEN_INVALID", {"claim": "nbf"}
    )
    past = datetime.now(UTC) - timedelta(minutes=5)
    assert_refused(
        await error_of(service, f"Bearer {signed(service, {'nbf': past})}"),
        "RESOURCE_NOT_FOUND",
        {"resource": "organizations/org/tickets/1"},
    )


async def test_an_expired_token_is_distinguished_from_an_invalid_one(service: Care) -> None:
    past = datetime.now(UTC) - timedelta(minutes=1)
    assert_refused(await error_of(service, f"Bearer {signed(service, {'exp': past})}"), "TOKEN_EXPIRED")
    wrong = signed(service, {"exp": past}, key=b"w" * 32)
    assert_refused(await error_of(service, f"Bearer {wrong}"), "TOKEN_INVALID")


@pytest.mark.parametrize("name", ["\0", "n" * 1_000, "\ud800", 7, None, ""])
async def test_a_call_works_with_any_name_in_the_token(tenant: Tenant, name: object) -> None:
    client = tenant.care.client(tenant.care.token(sub="named", org=tenant.id, roles=["agent"], name=name))
    found = await client.directory.GetAgent(directory.GetAgentRequest(name=tenant.agent_name("named")))
    assert 0 < len(found.agent.display_name) <= 200


async def test_public_methods_ignore_an_invalid_token(service: Care) -> None:
    await raw(service, "care.v1.LifecycleService/GetLifecycle", token="Bearer nonsense")
