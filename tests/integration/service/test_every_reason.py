"""Every reason of the contract is provoked through gRPC; all of its metadata is compared with what is written here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import grpc
import jwt
import pytest
from google.protobuf.message import Message

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import error_reason_pb2
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.recovery_pb2 import Recovery
from care.v1.ticket_pb2 import Ticket
from care_dev.stack import postgres
from tests.integration.service.clocks import SettableClock
from tests.integration.service.renew_access import full_name, methods
from tests.support.care import NOWHERE, Care, care
from tests.support.design_tables import CODES
from tests.support.reasons import CheckedError, check_error, documented_reasons
from tests.support.reflection import send
from tests.support.system import eventually
from tests.support.tenant import REPLY, Tenant

REQUEST_ID: Final = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"


@dataclass(frozen=True)
class Provoked:
    """A call that must be refused, and what its error must hold beside the reason."""

    care: Care
    token: str | None
    request: Message
    metadata: Mapping[str, str] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()
    """Those that `BadRequest` names."""
    retry_delay: timedelta | None = None
    end: Callable[[], Awaitable[None]] | None = None
    """Of a stream: ends it, once it has begun."""

    async def refusal(self) -> CheckedError:
        """Calls the method whose request it is, past care_client, which keeps less of an error than came."""
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
    """A service whose database may be disturbed: nobody else uses that PostgreSQL."""

    care: Care
    stop_database: Callable[[], None]


@pytest.fixture(scope="module")
async def troubled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Troubled]:
    with ExitStack() as cluster:
        server = cluster.enter_context(postgres.postgres(tmp_path_factory.mktemp("troubled")))
        variables = {"CARE_MAX_CALL_TIME": "3s"}
        async with care(server.create_database("troubled"), variables=variables) as running:
            yield Troubled(running, cluster.close)


@pytest.fixture(scope="module")
async def waiting(server: postgres.Server) -> AsyncIterator[Care]:
    variables = {
        "CARE_TOKEN_KEYS": f"http://{NOWHERE}/keys",
        "CARE_TOKEN_ISSUER": "https://issuer.example",
        "CARE_TOKEN_AUDIENCE": "care",
    }
    async with care(server.create_database("waiting"), variables=variables) as running:
        yield running


@dataclass(frozen=True)
class Place:
    """Where a reason is provoked."""

    tenant: Tenant
    timed: Tenant
    """Its time is `hours_later`'s to set."""
    hours_later: Callable[[int], None]
    troubled: Tenant
    stop_database: Callable[[], None]
    waiting: Care
    """A service that can't reach the issuer of its tokens."""
    narrow: Care
    """A service that takes one call at a time."""
    server: postgres.Server
    """For a service of one's own."""
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
        """A call by an agent of the tenant."""
        tenant = tenant or self.tenant
        token = tenant.care.token(sub=agent, org=tenant.id, roles=["agent"])
        return Provoked(tenant.care, token, request, metadata, frozenset(fields))


@pytest.fixture(scope="module")
async def narrow(server: postgres.Server) -> AsyncIterator[Care]:
    async with care(server.create_database("one_at_a_time"), variables={"CARE_MAX_CALLS": "1"}) as running:
        yield running


@pytest.fixture
async def place(
    tenant: Tenant,
    timed: Tenant,
    clock: SettableClock,
    troubled: Troubled,
    waiting: Care,
    narrow: Care,
    server: postgres.Server,
) -> AsyncIterator[Place]:
    disturbed, advance = Tenant(troubled.care, tenant.id), lambda hours: clock.advance(hours=hours)
    async with AsyncExitStack() as until_the_end:
        yield Place(tenant, timed, advance, disturbed, troubled.stop_database, waiting, narrow, server, until_the_end)


def get(name: str) -> tickets.GetTicketRequest:
    return tickets.GetTicketRequest(name=name)


def start(ticket: Ticket, **more: str) -> tickets.StartTicketRequest:
    return tickets.StartTicketRequest(name=ticket.name, **more)


def take(ticket: Ticket) -> tickets.TakeTicketRequest:
    return tickets.TakeTicketRequest(name=ticket.name)


def create(tenant: Tenant, ticket: Ticket) -> tickets.CreateTicketRequest:
    return tickets.CreateTicketRequest(parent=tenant.name, ticket=ticket)


def send_form(ticket: Ticket) -> conversations.SendRecoveryFormRequest:
    return conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=REPLY)


def submit(tenant: Tenant, recovery: Recovery, **more: str) -> customers.SubmitContactRequest:
    given = {"email": "robin@example.com"} | more
    return customers.SubmitContactRequest(token=tenant.form_token(recovery), consent=True, **given)


async def invalid_field(at: Place) -> Provoked:
    request = tickets.CreateTicketRequest(parent="acme", ticket=Ticket(subject="two\nlines"), request_id="7")
    fields = {"parent", "request_id", "ticket.subject", "ticket.location"}
    return at.by("alice", request, fields=fields)


async def invalid_page_token(at: Place) -> Provoked:
    request = tickets.ListTicketsRequest(parent=at.tenant.name, page_token="bm9uZQ")
    return at.by("alice", request)


async def invalid_filter(at: Place) -> Provoked:
    # 14 characters stand before the field that there is none of.
    request = tickets.ListTicketsRequest(parent=at.tenant.name, filter='"🍲 é" AND NOT colour = RED')
    return at.by("alice", request, {"position": "14", "field": "colour"}, fields=["filter"])


async def token_missing(at: Place) -> Provoked:
    return Provoked(at.tenant.care, None, get(f"{at.tenant.name}/tickets/1"))


async def token_invalid(at: Place) -> Provoked:
    token = at.tenant.care.token(sub="two words", org=at.tenant.id, roles=["agent"])
    return Provoked(at.tenant.care, token, get(f"{at.tenant.name}/tickets/1"), {"claim": "sub"})


async def token_expired(at: Place) -> Provoked:
    token = at.tenant.care.token(sub="alice", org=at.tenant.id, roles=["agent"], exp=1)
    return Provoked(at.tenant.care, token, get(f"{at.tenant.name}/tickets/1"))


async def token_keys_unavailable(at: Place) -> Provoked:
    # As if by a key that the issuer, who has not answered yet, made since.
    claims = {"sub": "alice", "org": at.tenant.id, "roles": ["agent"], "exp": 2**32}
    token = jwt.encode(claims, "k" * 32, algorithm="HS256", headers={"kid": "tomorrow"})
    return Provoked(at.waiting, token, get(f"{at.tenant.name}/tickets/1"), retry_delay=timedelta(seconds=5))


async def role_not_allowed(at: Place) -> Provoked:
    token = at.tenant.care.token(sub="both", org=at.tenant.id, roles=["worker", "service"])
    ticket = await at.tenant.ticket(None)
    metadata = {
        "method": "care.v1.TicketService/TakeTicket",
        "roles": "service,worker",
        "allowed": "agent,supervisor",
    }
    return Provoked(at.tenant.care, token, take(ticket), metadata)


async def not_assignee(at: Place) -> Provoked:
    ticket = await at.tenant.ticket()
    metadata = {"ticket": ticket.name, "assignee": at.tenant.agent_name("alice")}
    return at.by("bob", start(ticket), metadata)


async def not_assignable(at: Place) -> Provoked:
    await at.tenant.toggle("bob", can_be_assignee=False)
    ticket = await at.tenant.ticket(None)
    return at.by("bob", take(ticket), {"ticket": ticket.name, "agent": at.tenant.agent_name("bob")})


async def not_reportable(at: Place) -> Provoked:
    await at.tenant.toggle("bob", can_be_reporter=False)
    given = Ticket(subject="Cold soup", location=f"{at.tenant.name}/locations/soho")
    return at.by("bob", create(at.tenant, given), {"agent": at.tenant.agent_name("bob")})


async def resource_not_found(at: Place) -> Provoked:
    name = f"{at.tenant.name}/tickets/999"
    return at.by("alice", get(name), {"resource": name})


async def link_unknown(at: Place) -> Provoked:
    request = customers.GetContactFormRequest(token="k1.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA")
    return Provoked(at.tenant.care, None, request)


async def request_id_reused(at: Place) -> Provoked:
    first, second = await at.tenant.ticket(), await at.tenant.ticket()
    await at.tenant.agent("alice").tickets.StartTicket(start(first, request_id=REQUEST_ID))
    return at.by("alice", start(second, request_id=REQUEST_ID), {"request_id": REQUEST_ID})


async def ticket_exists(at: Place) -> Provoked:
    ticket = await at.tenant.ticket()
    metadata = {"ticket": ticket.name, "review": ticket.review}
    return at.by("alice", create(at.tenant, Ticket(review=ticket.review)), metadata)


async def illegal_transition(at: Place) -> Provoked:
    ticket = await at.tenant.in_status("RESOLVED")
    machine = {"machine": "status", "state": "RESOLVED", "allowed": "auto_close,close,reopen"}
    return at.by("alice", start(ticket), machine | {"ticket": ticket.name, "trigger": "start"})


async def unassigned(at: Place) -> Provoked:
    ticket = await at.tenant.ticket(None)
    return at.by("alice", start(ticket), {"ticket": ticket.name})


async def already_assigned(at: Place) -> Provoked:
    ticket = await at.tenant.ticket()
    await at.tenant.meet("bob")
    metadata = {"ticket": ticket.name, "assignee": at.tenant.agent_name("alice")}
    return at.by("bob", take(ticket), metadata)


async def ticket_closed(at: Place) -> Provoked:
    ticket = await at.tenant.in_status("CLOSED")
    metadata = {"machine": "status", "state": "CLOSED", "allowed": "", "ticket": ticket.name}
    return at.by("alice", start(ticket), metadata)


async def no_review(at: Place) -> Provoked:
    ticket = await at.tenant.ticket(with_review=False)
    return at.by("alice", send_form(ticket), {"ticket": ticket.name})


async def form_live(at: Place) -> Provoked:
    ticket = await at.tenant.ticket()
    recovery = await at.tenant.in_recovery_state(ticket, "AWAITING_CONTACT")
    triggers = "expire_form,record_refused,replace_form,submit_contact,ticket_closed,withdraw_form"
    machine = {"machine": "recovery", "state": "AWAITING_CONTACT", "allowed": triggers}
    return at.by("alice", send_form(ticket), machine | {"ticket": ticket.name, "recovery": recovery.name})


async def chat_locked(at: Place) -> Provoked:
    ticket = await at.tenant.ticket()
    machine = {"machine": "recovery", "state": "NO_CONTACT", "allowed": "request_form,add_contact"}
    request = conversations.SendMessageRequest(parent=ticket.name, text="Hello")
    return at.by("alice", request, machine | {"ticket": ticket.name})


async def link_expired(at: Place) -> Provoked:
    recovery = await at.timed.form(await at.timed.ticket())
    at.hours_later(24 * 366)
    return Provoked(at.timed.care, None, submit(at.timed, recovery))


async def link_withdrawn(at: Place) -> Provoked:
    recovery = await at.tenant.in_recovery_state(await at.tenant.ticket(), "WITHDRAWN")
    return Provoked(at.tenant.care, None, submit(at.tenant, recovery))


async def etag_mismatch(at: Place) -> Provoked:
    ticket = await at.tenant.in_status("IN_PROGRESS")  # created, taken, started: version 3
    return at.by("alice", start(ticket, etag="2"), {"ticket": ticket.name, "etag": "3"})


async def contended(at: Place) -> Provoked:
    ticket = await at.troubled.ticket()
    async with at.troubled.care.database.driver() as connection:
        # Somebody else is always faster: no update of a ticket finds its row as it was.
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


PROVOCATIONS: Final[Mapping[str, Callable[[Place], Awaitable[Provoked]]]] = {
    "INVALID_FIELD": invalid_field,
    "INVALID_PAGE_TOKEN": invalid_page_token,
    "INVALID_FILTER": invalid_filter,
    "TOKEN_MISSING": token_missing,
    "TOKEN_INVALID": token_invalid,
    "TOKEN_EXPIRED": token_expired,
    "TOKEN_KEYS_UNAVAILABLE": token_keys_unavailable,
    "ROLE_NOT_ALLOWED": role_not_allowed,
    "NOT_ASSIGNEE": not_assignee,
    "NOT_ASSIGNABLE": not_assignable,
    "NOT_REPORTABLE": not_reportable,
    "RESOURCE_NOT_FOUND": resource_not_found,
    "LINK_UNKNOWN": link_unknown,
    "REQUEST_ID_REUSED": request_id_reused,
    "TICKET_EXISTS": ticket_exists,
    "ILLEGAL_TRANSITION": illegal_transition,
    "UNASSIGNED": unassigned,
    "ALREADY_ASSIGNED": already_assigned,
    "TICKET_CLOSED": ticket_closed,
    "NO_REVIEW": no_review,
    "FORM_LIVE": form_live,
    "CHAT_LOCKED": chat_locked,
    "LINK_EXPIRED": link_expired,
    "LINK_WITHDRAWN": link_withdrawn,
    "ETAG_MISMATCH": etag_mismatch,
    "CONTENDED": contended,
    "RATE_LIMITED": rate_limited,
    "TIME_LIMIT_EXCEEDED": time_limit_exceeded,
    "OVERLOADED": overloaded,
    "DRAINING": draining,
    # The last one: the troubled service has no database afterwards.
    "DATABASE_UNAVAILABLE": database_unavailable,
}


def test_every_reason_of_the_contract_is_provoked_here_and_documented() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118 - no dict
    assert set(PROVOCATIONS) == set(documented_reasons()) == names - {"UNSPECIFIED"}


def comparable(metadata: Mapping[str, str]) -> dict[str, object]:
    """The comma-separated values are sets."""
    return {
        key: frozenset(value.split(",")) if key in {"allowed", "roles"} else value for key, value in metadata.items()
    }


@pytest.mark.parametrize("reason", PROVOCATIONS)
@pytest.mark.xdist_group("every_reason")  # its troubled service is one for all, and disturbed in this order
async def test_an_error_holds_what_the_contract_documents(place: Place, reason: str) -> None:
    provoked = await PROVOCATIONS[reason](place)
    refused = await provoked.refusal()
    assert refused.reason == reason, refused.words
    assert documented_reasons()[reason].code == CODES[reason]
    assert comparable(refused.metadata) == comparable(provoked.metadata)
    assert set(refused.violations) == provoked.fields
    assert refused.retry_delay == provoked.retry_delay


async def test_a_customer_is_told_nothing_of_a_request_id_that_was_used(place: Place) -> None:
    recovery = await place.tenant.form(await place.tenant.ticket())
    await place.tenant.customer.customers.SubmitContact(submit(place.tenant, recovery, request_id=REQUEST_ID))
    other = submit(place.tenant, recovery, email="sam@example.com", request_id=REQUEST_ID)
    refused = await Provoked(place.tenant.care, None, other).refusal()
    assert (refused.reason, refused.metadata) == ("REQUEST_ID_REUSED", {})
