"""Acts on tickets as agents, customers and the review site do, only through public interfaces."""

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
from care_dev.demo.customer_browser import find_form_link, review_page_url, submit_form
from care_dev.demo.polling import poll_until
from care_dev.stack.secrets import Role
from care_dev.stack.stack import Stack

ORGANIZATION: Final = "acme"
_PARENT: Final = f"organizations/{ORGANIZATION}"
_REPLY: Final = "We are sorry about this visit. Please tell us how to reach you: {form_link}"
_TEXT: Final = "We waited for an hour, and the soup was cold."


class TicketDriver:
    """Acts as the agent alice, to whom every ticket is assigned, and as customers and the review site."""

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
        """Sets the names and the settings of the organization and its locations."""
        organization = Organization(name=_PARENT, display_name="Copper Kettle", default_phone_region="GB")
        await self._service.directory.UpdateOrganization(directory.UpdateOrganizationRequest(organization=organization))
        deadlines = PriorityDeadlines(
            priority=TICKET_PRIORITY_NORMAL, first_response=_duration(days=2), resolution=_duration(days=5)
        )
        await self._update(Settings(name=f"{_PARENT}/settings", deadlines=Deadlines(priorities=[deadlines])))
        for location_id, settings in locations.items():
            name = f"{_PARENT}/locations/{location_id}"
            location = Location(name=name, display_name=f"Copper Kettle {location_id.title()}")
            request = directory.UpdateLocationRequest(location=location, allow_missing=True)
            await self._service.directory.UpdateLocation(request)
            if settings.ListFields():
                settings.name = f"{name}/settings"
                await self._update(settings)

    async def _update(self, settings: Settings) -> None:
        paths = [field.name for field, _ in settings.ListFields() if field.name != "name"]
        request = settings_service.UpdateSettingsRequest(settings=settings, update_mask=FieldMask(paths=paths))
        await self._supervisor.settings.UpdateSettings(request)

    async def raise_ticket(self, location: str, site_mode: str = "accept") -> Ticket:
        """Publishes a bad review, creates its ticket, and takes it. `site_mode` says how the site handles replies."""
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
        behavior = {"mode": site_mode, "organization": ORGANIZATION, "external_id": external_id}
        (await self._http.put(f"{site}/behavior", json=behavior)).raise_for_status()
        create_time = Timestamp()
        create_time.FromDatetime(now)
        ingested = Review(
            site="local",
            external_id=external_id,
            location=f"{_PARENT}/locations/{location}",
            author_display_name="A customer",
            stars=1,
            text=_TEXT,
            url=review_page_url(self._stack.urls.review_site, ORGANIZATION, external_id),
            create_time=create_time,
        )
        ingest = reviews.IngestReviewRequest(parent=_PARENT, review=ingested)
        name = (await self._service.reviews.IngestReview(ingest)).review.name
        create = tickets.CreateTicketRequest(parent=_PARENT, ticket=Ticket(review=name))
        ticket = (await self._service.tickets.CreateTicket(create)).ticket
        return (await self._agent.tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))).ticket

    async def send_form(self, ticket: Ticket, state: str) -> str:
        """Sends the recovery form, and waits until the recovery is in `state`. Returns the recovery's name."""
        request = conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=_REPLY)
        recovery = (await self._agent.conversations.SendRecoveryForm(request)).recovery.name
        await self.wait_for_state(recovery, state)
        return recovery

    async def submit_form(self, ticket: Ticket, recovery: str) -> None:
        """Submits the form as the customer, and waits until the chat is open."""
        response = await self._service.reviews.GetReview(reviews.GetReviewRequest(name=ticket.review))
        link = await find_form_link(self._http, response.review.url, self._stack.urls.web)
        if link is None:
            raise AssertionError("the posted reply has no link")
        email = f"customer-{ticket.number}@example.com"
        fields = {"email": email, "phone": "", "display_name": "A customer", "message": "", "consent": "yes"}
        await submit_form(self._http, link, fields)
        await self.wait_for_state(recovery, "CHAT_UNLOCKED")

    async def wait_for_state(self, recovery: str, state: str) -> None:
        """Waits until the recovery is in `state`."""
        request = conversations.GetRecoveryRequest(name=recovery)

        async def is_reached() -> bool | None:
            current = (await self._agent.conversations.GetRecovery(request)).recovery.state
            return True if current == RecoveryState.Value(f"RECOVERY_STATE_{state}") else None

        await poll_until(f"{state} of {recovery}", is_reached)

    async def send_message(self, ticket: Ticket) -> str:
        """Sends a message to the customer. Returns the message's name."""
        request = conversations.SendMessageRequest(parent=ticket.name, text="Would Tuesday at nine suit you?")
        return (await self._agent.conversations.SendMessage(request)).message.name

    async def wait_until_sent(self, ticket: Ticket, message: str) -> None:
        """Waits until the mail server has accepted the message."""
        request = conversations.ListMessagesRequest(parent=ticket.name)

        async def is_sent() -> bool | None:
            messages = (await self._agent.conversations.ListMessages(request)).messages
            return any(each.name == message and each.delivery.state == DELIVERY_STATE_SENT for each in messages) or None

        await poll_until(f"sending {message}", is_sent)

    async def resolve(self, ticket: Ticket) -> None:
        """Resolves the ticket."""
        await self._agent.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))


def _duration(*, days: int) -> Duration:
    duration = Duration()
    duration.FromTimedelta(timedelta(days=days))
    return duration


@asynccontextmanager
async def open_driver(stack: Stack) -> AsyncIterator[TicketDriver]:
    """Connects a driver to a stack."""
    async with AsyncExitStack() as resources:

        async def client(caller: str, role: Role) -> CareClient:
            care = CareClient.connect(stack.urls.grpc, stack.token(ORGANIZATION, caller, role))
            return await resources.enter_async_context(care)

        yield TicketDriver(
            stack,
            service=await client("intake", Role.SERVICE),
            agent=await client("alice", Role.AGENT),
            supervisor=await client("supervisor", Role.SUPERVISOR),
            http=await resources.enter_async_context(httpx.AsyncClient(timeout=10)),
        )
