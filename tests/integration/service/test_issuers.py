"""Tokens of an issuer are verified with the keys that it publishes over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from care.v1 import directory_service_pb2 as directory
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.activity_pb2 import ACTOR_KIND_AGENT
from care.v1.ticket_pb2 import Ticket
from care_client.errors import CareError, care_errors
from care_dev.stack import postgres
from tests.integration.service.commands import assert_refused
from tests.support.care import Care, care, refusal
from tests.support.issuer import ALGORITHMS, Issuer, issuer, private_key, sign, unreachable_issuer
from tests.support.tenant import Tenant

ORGANIZATION = directory.GetOrganizationRequest(name="organizations/org")
PATIENCE = 30.0
"""Seconds to wait for changes in the background."""


@pytest.fixture(scope="session")
def database_url(server: postgres.Server) -> str:
    return server.create_database("issuers")


@asynccontextmanager
async def trusting(database_url: str, found: Issuer, **variables: str) -> AsyncIterator[Care]:
    """Runs a service that accepts tokens of the issuer and no development tokens."""
    async with care(database_url, variables={**found.variables, "CARE_TOKEN_KEY": "", **variables}) as running:
        yield running


async def call(service: Care, token: str) -> None:
    await service.client(token).directory.GetOrganization(ORGANIZATION)


async def error_of(service: Care, token: str) -> CareError:
    return await refusal(service.client(token).directory.GetOrganization(ORGANIZATION))


async def until(service: Care, token: str, reason: str | None) -> None:
    """Calls until the call is refused with `reason`, or succeeds if `reason` is None."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = None
            try:
                with care_errors():
                    await call(service, token)
            except CareError as error:
                found = error.reason
            if found == reason:
                return
            await asyncio.sleep(0.02)


async def test_tokens_of_every_algorithm_are_accepted(database_url: str) -> None:
    async with issuer() as found:
        for algorithm in ALGORITHMS:
            found.add(algorithm, algorithm)
        async with trusting(database_url, found) as service:
            for algorithm in ALGORITHMS:
                await call(service, found.token(algorithm))
                stranger = sign(private_key(algorithm, 1), algorithm, algorithm)
                assert_refused(await error_of(service, stranger), "TOKEN_INVALID")
            assert found.fetches == 1


async def test_the_refusal_of_an_issuers_token_names_the_claim(database_url: str) -> None:
    async with issuer() as found:
        found.add("a")
        async with trusting(
            database_url, found, CARE_TOKEN_CLAIMS="org=https://example.com/org,roles=groups"
        ) as service:
            org = {"https://example.com/org": "org", "org": 7}
            await call(service, found.token("a", groups=["agent"], roles="none", aud=["crm", "care"], **org))
            for claims, claim in (
                ({"groups": ["agent"]}, "https://example.com/org"),
                ({"groups": "agent", **org}, "groups"),
                ({"groups": ["agent"], "iss": "https://evil.example.com", **org}, "iss"),
                ({"groups": ["agent"], "iss": None, **org}, "iss"),
                ({"groups": ["agent"], "aud": "crm", **org}, "aud"),
                ({"groups": ["agent"], "aud": None, **org}, "aud"),
                ({"groups": ["agent"], "act": "crm", **org}, "act"),
                ({"groups": ["agent"], "sub": None, **org}, "sub"),
                ({"groups": ["agent"], "exp": None, **org}, "exp"),
            ):
                error = await error_of(service, found.token("a", **claims))
                assert_refused(error, "TOKEN_INVALID", {"claim": claim})


async def test_the_development_key_works_beside_an_issuer_and_its_claims_are_checked_too(database_url: str) -> None:
    async with issuer() as found:
        found.add("a")
        async with care(database_url, variables=found.variables) as service:
            assert service.settings.token_key
            await call(service, found.token("a"))
            ours = {"sub": "alice", "org": "org", "roles": ["agent"], "iss": "https://login.example.com", "aud": "care"}
            await call(service, service.token(**ours))
            # Tokens of the development key must name the same issuer and audience.
            assert_refused(
                await error_of(service, service.token(**ours | {"aud": "crm"})), "TOKEN_INVALID", {"claim": "aud"}
            )


async def test_a_new_key_is_accepted_at_once_and_a_removed_one_soon_refused(database_url: str) -> None:
    async with issuer() as found:
        found.add("old")
        async with trusting(database_url, found, CARE_TOKEN_KEYS_REFRESH="1s") as service:
            before = found.token("old")
            await call(service, before)
            found.add("new", "EdDSA")
            await call(service, found.token("new"))
            await call(service, before)
            del found.keys["old"]
            # The token is refused although its signature was verified before and it has not expired.
            await until(service, before, "TOKEN_INVALID")
            await call(service, found.token("new"))


async def test_a_key_that_was_replaced_under_its_id_is_refused(database_url: str) -> None:
    async with issuer() as found:
        found.add("a")
        async with trusting(database_url, found, CARE_TOKEN_KEYS_REFRESH="1s") as service:
            before = found.token("a")
            await call(service, before)
            found.add("a", number=1)
            await until(service, before, "TOKEN_INVALID")
            await call(service, found.token("a"))


async def test_known_keys_stay_valid_while_the_issuer_is_unavailable(database_url: str) -> None:
    async with issuer() as found:
        found.add("a")
        async with trusting(database_url, found, CARE_TOKEN_KEYS_REFRESH="1s") as service:
            await call(service, found.token("a"))
            found.status = 503
            asked = found.fetches
            # An unknown key may be a new one, which the service cannot know now.
            found.add("b", number=1)
            assert_refused(await error_of(service, found.token("b")), "TOKEN_KEYS_UNAVAILABLE")
            async with asyncio.timeout(PATIENCE):
                await found.wait_for_fetches(asked + 3)
            await call(service, found.token("a", name="Alice"))
            found.status = 200
            await until(service, found.token("b"), None)


async def test_a_service_starts_without_its_issuer_and_accepts_no_token_until_it_is_back(database_url: str) -> None:
    async with unreachable_issuer() as (found, arrive), trusting(database_url, found) as service:
        found.add("a")
        error = await error_of(service, found.token("a"))
        assert_refused(error, "TOKEN_KEYS_UNAVAILABLE")
        assert error.retry_after
        stranger = sign(private_key("ES256", 1), "ES256", "a")
        assert_refused(await error_of(service, stranger), "TOKEN_KEYS_UNAVAILABLE")
        async with arrive():
            await until(service, found.token("a"), None)
            assert_refused(await error_of(service, stranger), "TOKEN_INVALID")


async def test_a_clock_may_differ_by_the_leeway(database_url: str) -> None:
    now = datetime.now(UTC)
    async with issuer() as found:
        found.add("a")
        late, early = found.token("a", exp=now - timedelta(minutes=2)), found.token("a", nbf=now + timedelta(minutes=2))
        async with trusting(database_url, found, CARE_TOKEN_LEEWAY="300s") as service:
            await call(service, late)
            await call(service, early)
        async with trusting(database_url, found) as service:
            assert_refused(await error_of(service, late), "TOKEN_EXPIRED")
            assert_refused(await error_of(service, early), "TOKEN_INVALID", {"claim": "nbf"})


async def test_a_service_that_calls_for_an_agent_is_logged_and_adds_no_rights(tenant: Tenant) -> None:
    by_crm = {"sub": "alice", "org": tenant.id, "roles": ["agent"], "act": {"sub": "crm", "act": {"sub": "desk"}}}
    client = tenant.care.client(tenant.care.token(**by_crm))
    with capture_logs() as lines:
        ticket = Ticket(subject="Cold soup", location=f"{tenant.name}/locations/soho")
        created = await client.tickets.CreateTicket(tickets.CreateTicketRequest(parent=tenant.name, ticket=ticket))
        await tenant.agent("alice").tickets.TakeTicket(tickets.TakeTicketRequest(name=created.ticket.name))
        await client.tickets.StartTicket(tickets.StartTicketRequest(name=created.ticket.name))
    alice = tenant.agent_name("alice")
    logged = [(entry.actor_kind, entry.actor, entry.acting_service) for entry in await tenant.log(created.ticket)]
    assert logged == [(ACTOR_KIND_AGENT, alice, "crm"), (ACTOR_KIND_AGENT, alice, ""), (ACTOR_KIND_AGENT, alice, "crm")]
    calls = [(line["caller"], line.get("acting_service")) for line in lines if line["event"] == "call"]
    assert calls == [("alice", "crm"), ("alice", None), ("alice", "crm")]
    # A service may ingest reviews. A service that calls for an agent has the rights of the agent only.
    assert_refused(
        await refusal(client.reviews.IngestReview(reviews.IngestReviewRequest(parent=tenant.name))),
        "ROLE_NOT_ALLOWED",
        {"method": "care.v1.ReviewService/IngestReview", "roles": "agent", "allowed": "service"},
    )


async def test_keys_from_a_file_work_in_the_same_way(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    found = Issuer(str(path))
    found.add("a")
    path.write_bytes(found.jwk_set)
    async with trusting(database_url, found) as service:
        await call(service, found.token("a"))
        found.add("b", "RS256")
        path.write_bytes(found.jwk_set)
        await call(service, found.token("b"))
