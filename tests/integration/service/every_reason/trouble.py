"""Requests that are refused because of the service's load, its database, or the issuer of its tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Final

import jwt

from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.ticket_pb2 import Ticket
from tests.integration.service.every_reason.place import Place, Provocation, Provoked
from tests.integration.service.every_reason.requests import create, get, start, submit
from tests.support.care import care
from tests.support.system import eventually
from tests.support.tenant import Tenant


async def token_keys_unavailable(at: Place) -> Provoked:
    # The token is signed with a key that the service does not know, and the issuer cannot be reached.
    claims = {"sub": "alice", "org": at.tenant.id, "roles": ["agent"], "exp": 2**32}
    token = jwt.encode(claims, "k" * 32, algorithm="HS256", headers={"kid": "tomorrow"})
    return Provoked(at.waiting, token, get(f"{at.tenant.name}/tickets/1"), retry_delay=timedelta(seconds=5))


async def contended(at: Place) -> Provoked:
    ticket = await at.troubled.ticket()
    async with at.troubled.care.database.driver() as connection:
        # As if another writer were always faster: no update of a ticket finds its row unchanged.
        await connection.execute(
            "CREATE FUNCTION overtake() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        )
        await connection.execute("CREATE TRIGGER t BEFORE UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION overtake()")
    return at.by("alice", start(ticket), {"ticket": ticket.name}, tenant=at.troubled)


async def rate_limited(at: Place) -> Provoked:
    recovery = await at.tenant.form(await at.tenant.ticket())
    for _ in range(10):
        await at.tenant.customer.customers.SubmitContact(submit(at.tenant, recovery))
    return Provoked(at.tenant.care, None, submit(at.tenant, recovery), retry_delay=timedelta(minutes=1))


async def time_limit_exceeded(at: Place) -> Provoked:
    async with at.troubled.care.database.driver() as connection:
        await connection.execute(
            "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END'"
        )
        await connection.execute(
            "CREATE TRIGGER lingering BEFORE INSERT ON tickets FOR EACH ROW EXECUTE FUNCTION linger()"
        )
    given = Ticket(subject="Cold soup", location=f"{at.troubled.name}/locations/soho")
    return at.by("alice", create(at.troubled, given), tenant=at.troubled)


async def overloaded(at: Place) -> Provoked:
    tenant = Tenant(at.narrow, at.tenant.id)
    ticket = await tenant.ticket()
    connection = await at.until_the_end.enter_async_context(at.narrow.database.driver())
    await at.until_the_end.enter_async_context(connection.transaction())
    await connection.execute("SELECT 1 FROM tickets FOR UPDATE")
    waiting = asyncio.ensure_future(tenant.agent("alice").tickets.StartTicket(start(ticket)))
    at.until_the_end.callback(waiting.cancel)

    async def is_served() -> bool:
        return at.narrow.metrics.registry.get_sample_value("care_calls_in_progress") == 1

    await eventually("a call that waits", is_served)
    return replace(at.by("alice", get(ticket.name), tenant=tenant), retry_delay=timedelta(seconds=1))


async def draining(at: Place) -> Provoked:
    running = await at.until_the_end.enter_async_context(AsyncExitStack())
    stopping = await running.enter_async_context(care(at.server.create_database("draining_reason")))
    tenant = Tenant(stopping, at.tenant.id)
    request = tickets.WatchTicketsRequest(parent=tenant.name)
    return replace(at.by("alice", request, tenant=tenant), retry_delay=timedelta(seconds=1), end=running.aclose)


async def database_unavailable(at: Place) -> Provoked:
    request = reviews.ListReviewsRequest(parent=at.troubled.name)
    await at.troubled.service.reviews.ListReviews(request)
    at.stop_database()
    return replace(at.by("alice", request, tenant=at.troubled), retry_delay=timedelta(seconds=1))


TROUBLE: Final[Mapping[str, Provocation]] = {
    "TOKEN_KEYS_UNAVAILABLE": token_keys_unavailable,
    "CONTENDED": contended,
    "RATE_LIMITED": rate_limited,
    "TIME_LIMIT_EXCEEDED": time_limit_exceeded,
    "OVERLOADED": overloaded,
    "DRAINING": draining,
    # Must be last: the troubled service has no database afterwards.
    "DATABASE_UNAVAILABLE": database_unavailable,
}
