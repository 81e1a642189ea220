"""What an agent, a customer and the review site do to a ticket, through the public interfaces alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import directory_service_pb2 as directory
from care.v1 import review_service_pb2 as reviews
from care.v1 import settings_service_pb2 as settings_service
from care.v1 import ticket_service_pb2 as tickets
from care.v1.directory_pb2 import Location, Organization
from care.v1.message_pb2 import DELIVERY_STATE_SENT
from care.v1.recovery_pb2 import RecoveryState
from care.v1.review_pb2 import Review
from care.v1.settings_pb2 import Deadlines, PriorityDeadlines, Settings
from care.v1.ticket_pb2 import TICKET_PRIORITY_NORMAL, Ticket
from care_client.client import CareClient
from care_dev.data.reviews import GoogleReview, Reviewer, StarRating, dump_reviews
from care_dev.demo.pages import answer_form, form_link, review_page
from care_dev.demo.waiting import until
from care_dev.stack.secrets import Role
from care_dev.stack.stack import Stack

ORGANIZATION: Final = "acme"
_PARENT: Final = f"organizations/{ORGANIZATION}"
_REPLY: Final = "We are sorry about this visit. Please tell us how to reach you: {form_link}"
_TEXT: Final = "We waited for an hour, and the soup was cold."


class Desk:
    """The desk of the agent alice, who owns every ticket, with what comes in from outside."""

    def __init__(
        self,
        stack: Stack,
        *,
        service: CareClient,
        agent: CareClient,
        supervisor: CareClient,
        http: httpx.AsyncClient,
    ) -> None:
        self._stack = stack
        self._service = service
        self._agent = agent
        self._supervisor = supervisor
        self._http = http

    async def name_business(self, locations: Mapping[str, Settings]) -> None:
        """Names the organization and its locations, each with settings of its own."""
        organization = Organization(name=_PARENT, display_name="Copper Kettle", default_phone_region="GB")
        await self._service.directory.UpdateOrganization(directory.UpdateOrganizationRequest(organization=organization))
        promised = PriorityDeadlines(
            priority=TICKET_PRIORITY_NORMAL, first_response=_span(days=2), resolution=_span(days=5)
        )
        await self._set(Settings(name=f"{_PARENT}/settings", deadlines=Deadlines(priorities=[promised])))
        for location, wanted in locations.items():
            name = f"{_PARENT}/locations/{location}"
            place = Location(name=name, display_name=f"Copper Kettle {location.title()}")
            request = directory.UpdateLocationRequest(location=place, allow_missing=True)
            await self._service.directory.UpdateLocation(request)
            if wanted.ListFields():
                wanted.name = f"{name}/settings"
                await self._set(wanted)

    async def _set(self, wanted: Settings) -> None:
        paths = [field.name for field, _ in wanted.ListFields() if field.name != "name"]
        request = settings_service.UpdateSettingsRequest(settings=wanted, update_mask=FieldMask(paths=paths))
        await self._supervisor.settings.UpdateSettings(request)

    async def raise_ticket(self, location: str, behaves: str = "accept") -> Ticket:
        """Publishes a bad review, raises a ticket for it, and takes it; the site does to its replies as it is told."""
        now = datetime.now(UTC)
        external_id = f"{location}-{now:%H%M%S%f}"
        review = GoogleReview(
            name=f"accounts/1/locations/{location}/reviews/{external_id}",
            review_id=external_id,
            star_rating=StarRating.ONE,
            create_time=now,
            update_time=now,
            reviewer=Reviewer(display_name="A customer"),
            comment=_TEXT,
        )
        site = f"{self._stack.urls.review_site}/v1"
        (await self._http.put(f"{site}/{ORGANIZATION}/reviews", content=dump_reviews([review]))).raise_for_status()
        behavior = {"mode": behaves, "organization": ORGANIZATION, "external_id": external_id}
        (await self._http.put(f"{site}/behavior", json=behavior)).raise_for_status()
        written = Timestamp()
        written.FromDatetime(now)
        taken_in = Review(
            site="local",
            external_id=external_id,
            location=f"{_PARENT}/locations/{location}",
            author_display_name="A customer",
            stars=1,
            text=_TEXT,
            url=review_page(self._stack.urls.review_site, ORGANIZATION, external_id),
            create_time=written,
        )
        ingest = reviews.IngestReviewRequest(parent=_PARENT, review=taken_in)
        name = (await self._service.reviews.IngestReview(ingest)).review.name
        create = tickets.CreateTicketRequest(parent=_PARENT, ticket=Ticket(review=name))
        ticket = (await self._service.tickets.CreateTicket(create)).ticket
        return (await self._agent.tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))).ticket

    async def send_form(self, ticket: Ticket, state: str) -> str:
        """Asks for the form; returns the recovery's name, once it is in `state`."""
        request = conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=_REPLY)
        recovery = (await self._agent.conversations.SendRecoveryForm(request)).recovery.name
        await self.reaches(recovery, state)
        return recovery

    async def answer(self, ticket: Ticket, recovery: str) -> None:
        """Has the customer answer the form; returns once the chat is open."""
        found = await self._service.reviews.GetReview(reviews.GetReviewRequest(name=ticket.review))
        link = await form_link(self._http, found.review.url, self._stack.urls.web)
        if link is None:
            raise AssertionError("a posted reply shows its link")
        email = f"customer-{ticket.number}@example.com"
        answers = {"email": email, "phone": "", "display_name": "A customer", "message": "", "consent": "yes"}
        await answer_form(self._http, link, answers)
        await self.reaches(recovery, "CHAT_UNLOCKED")

    async def reaches(self, recovery: str, state: str) -> None:
        """Returns once the recovery is in `state`."""
        request = conversations.GetRecoveryRequest(name=recovery)

        async def there() -> bool | None:
            found = (await self._agent.conversations.GetRecovery(request)).recovery.state
            return True if found == RecoveryState.Value(f"RECOVERY_STATE_{state}") else None

        await until(f"{state} of {recovery}", there)

    async def write(self, ticket: Ticket) -> str:
        """Writes to the customer; returns the message's name."""
        request = conversations.SendMessageRequest(parent=ticket.name, text="Would Tuesday at nine suit you?")
        return (await self._agent.conversations.SendMessage(request)).message.name

    async def is_sent(self, ticket: Ticket, message: str) -> None:
        """Returns once the mail server has the message."""
        request = conversations.ListMessagesRequest(parent=ticket.name)

        async def there() -> bool | None:
            found = (await self._agent.conversations.ListMessages(request)).messages
            return any(each.name == message and each.delivery.state == DELIVERY_STATE_SENT for each in found) or None

        await until(f"sending {message}", there)

    async def resolve(self, ticket: Ticket) -> None:
        """Resolves the ticket."""
        await self._agent.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))


def _span(*, days: int) -> Duration:
    found = Duration()
    found.FromTimedelta(timedelta(days=days))
    return found


@asynccontextmanager
async def opened(stack: Stack) -> AsyncIterator[Desk]:
    """A desk at a stack."""
    async with AsyncExitStack() as resources:

        async def client(caller: str, role: Role) -> CareClient:
            connected = CareClient.connect(stack.urls.grpc, stack.token(ORGANIZATION, caller, role))
            return await resources.enter_async_context(connected)

        yield Desk(
            stack,
            service=await client("intake", Role.SERVICE),
            agent=await client("alice", Role.AGENT),
            supervisor=await client("supervisor", Role.SUPERVISOR),
            http=await resources.enter_async_context(httpx.AsyncClient(timeout=10)),
        )
