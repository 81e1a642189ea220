"""One real ticket, played by calls that another service, an agent's desk or a customer's browser could make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import httpx
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import directory_service_pb2 as directory
from care.v1 import recovery_pb2
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.activity_pb2 import Activity
from care.v1.directory_pb2 import Location, Organization
from care.v1.message_pb2 import Message
from care.v1.review_pb2 import Review
from care.v1.ticket_pb2 import TICKET_PRIORITY_HIGH, TICKET_STATUS_CLOSED, Ticket
from care_client.client import CareClient
from care_client.workflow_names import TICKET_ATTRIBUTE, contact_recovery_id, ticket_value
from care_dev.data.reviews import GoogleReview, dump_reviews
from care_dev.demo.cast import AGENT, ORGANIZATION
from care_dev.demo.pages import answer_form, chat_links, form_link, reply_is_without, review_page, write_in_chat
from care_dev.demo.waiting import until
from care_dev.stack.secrets import Role
from care_dev.stack.stack import Stack

_SITE: Final = "local"
_BUSINESS: Final = "Copper Kettle"
_REPLY: Final = (
    "We are very sorry about this visit, and would like to make it right. Please tell us how to reach you: {form_link}"
)
_ANSWERS: Final = {
    "phone": "",
    "display_name": "A customer",
    "message": "Thank you for asking. Mornings are best.",
    "consent": "yes",
}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What there is to show at the end."""

    ticket: Ticket
    thread: Sequence[Message]
    activities: Sequence[Activity]
    links: dict[str, str]


class Story:
    """The ticket's way, step by step."""

    def __init__(self, stack: Stack, service: CareClient, agent: CareClient, http: httpx.AsyncClient, say: Say) -> None:
        self._stack = stack
        self._service = service
        self._agent = agent
        self._http = http
        self._say = say
        self._parent = f"organizations/{ORGANIZATION}"

    async def play(self, given: Sequence[GoogleReview]) -> Outcome:
        """Plays it to CLOSED."""
        await self._name_business(given)
        await self._publish(given)
        review = await self._pick(await self._ingest(given))
        ticket = await self._take_up(review)
        recovery = await self._recover(ticket, review)
        await self._talk(ticket)
        await self._finish(ticket)
        page = review_page(self._stack.urls.review_site, ORGANIZATION, review.external_id)
        reply = f"{self._stack.urls.review_site}/v1/{ORGANIZATION}/reviews/{quote(review.external_id, safe='')}/reply"

        async def retracted() -> bool | None:
            return True if await reply_is_without(self._http, reply, self._stack.urls.web) else None

        await until("taking the link out of the public reply", retracted)
        self._say("The link is gone from the public reply")
        return await self._outcome(ticket, recovery, page)

    async def _name_business(self, given: Sequence[GoogleReview]) -> None:
        organization = Organization(name=self._parent, display_name=_BUSINESS, default_phone_region="GB")
        await self._service.directory.UpdateOrganization(directory.UpdateOrganizationRequest(organization=organization))
        for location in sorted({review.location for review in given}):
            place = Location(
                name=f"{self._parent}/locations/{location}", display_name=f"{_BUSINESS} {location.title()}"
            )
            request = directory.UpdateLocationRequest(location=place, allow_missing=True)
            await self._service.directory.UpdateLocation(request)

    async def _publish(self, given: Sequence[GoogleReview]) -> None:
        url = f"{self._stack.urls.review_site}/v1/{ORGANIZATION}/reviews"
        headers = {"content-type": "application/json"}
        (await self._http.put(url, content=dump_reviews(given), headers=headers)).raise_for_status()
        self._say(f"{len(given)} reviews stand on the review site")

    async def _ingest(self, given: Sequence[GoogleReview]) -> list[Review]:
        ingested = []
        for review in given:
            request = reviews.IngestReviewRequest(parent=self._parent, review=self._convert(review))
            ingested.append((await self._service.reviews.IngestReview(request)).review)
        self._say(f"{len(ingested)} reviews taken in by Care")
        return ingested

    def _convert(self, review: GoogleReview) -> Review:
        written, edited = Timestamp(), Timestamp()
        written.FromDatetime(review.create_time)
        edited.FromDatetime(review.update_time)
        return Review(
            site=_SITE,
            external_id=review.review_id,
            location=f"{self._parent}/locations/{review.location}",
            author_display_name="" if review.reviewer.is_anonymous else review.reviewer.display_name,
            stars=review.star_rating.stars,
            text=review.comment,
            url=review_page(self._stack.urls.review_site, ORGANIZATION, review.review_id),
            create_time=written,
            update_time=edited,
        )

    async def _pick(self, ingested: Sequence[Review]) -> Review:
        """Returns the first bad review whose ticket, if it has one, is over."""
        for review in (review for review in ingested if review.stars == 1 and review.text):
            if not review.ticket:
                return review
            request = tickets.GetTicketRequest(name=review.ticket)
            if (await self._service.tickets.GetTicket(request)).ticket.status == TICKET_STATUS_CLOSED:
                return review
        return next(review for review in ingested if not review.ticket)

    async def _take_up(self, review: Review) -> Ticket:
        create = tickets.CreateTicketRequest(parent=self._parent, ticket=Ticket(review=review.name))
        ticket = (await self._service.tickets.CreateTicket(create)).ticket
        self._say(f"Ticket {ticket.number}: {ticket.subject}")
        desk = self._agent.tickets
        await desk.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))
        await desk.StartTicket(tickets.StartTicketRequest(name=ticket.name))
        update = tickets.UpdateTicketRequest(
            ticket=Ticket(name=ticket.name, priority=TICKET_PRIORITY_HIGH), update_mask=FieldMask(paths=["priority"])
        )
        await desk.UpdateTicket(update)
        self._say("Alice has taken it, and started to work on it")
        return ticket

    async def _recover(self, ticket: Ticket, review: Review) -> str:
        talk = self._agent.conversations
        send = conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=_REPLY)
        recovery = (await talk.SendRecoveryForm(send)).recovery.name
        self._say(f"The recovery form is requested: {self._workflow(recovery)}")
        await self._reaches(recovery, recovery_pb2.RECOVERY_STATE_AWAITING_CONTACT)
        page = review_page(self._stack.urls.review_site, ORGANIZATION, review.external_id)
        link = await form_link(self._http, page, self._stack.urls.web)
        if link is None:
            raise AssertionError("a posted reply shows its link")
        self._say("The reply is public, and the workflow waits for the customer")
        await answer_form(self._http, link, _ANSWERS | {"email": _address(ticket)})
        self._say("The customer has opened the link and left an address")
        await self._reaches(recovery, recovery_pb2.RECOVERY_STATE_CHAT_UNLOCKED)
        self._say("The chat is unlocked")
        return recovery

    async def _talk(self, ticket: Ticket) -> None:
        """The customer finds the private link in an email, writes on its page, and is answered by email and there."""
        urls, address = self._stack.urls, _address(ticket)

        async def link_of(email: int) -> str | None:
            links = await chat_links(self._http, urls.mailbox, address, urls.web)
            return links[email] if len(links) > email else None

        link = await until("an email with the link to the chat", lambda: link_of(0))
        await write_in_chat(self._http, link, "Would Tuesday at nine suit you?")
        self._say("The customer has followed the private link in their email, and written on its page")
        answer = conversations.SendMessageRequest(parent=ticket.name, text="It would: a table by the window is yours.")
        await self._agent.conversations.SendMessage(answer)
        await until("the email with the answer", lambda: link_of(1))
        self._say(f"Alice has answered; the customer reads it there and by email: {urls.mailbox}")

    async def _reaches(self, recovery: str, state: recovery_pb2.RecoveryState.ValueType) -> None:
        request = conversations.GetRecoveryRequest(name=recovery)

        async def reached() -> bool | None:
            found = (await self._agent.conversations.GetRecovery(request)).recovery
            return True if found.state == state else None

        await until(f"{recovery_pb2.RecoveryState.Name(state)} of {recovery}", reached)

    async def _finish(self, ticket: Ticket) -> None:
        note = conversations.AddNoteRequest(parent=ticket.name, text="Offered a free breakfast; the customer is happy.")
        await self._agent.conversations.AddNote(note)
        await self._agent.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))
        await self._agent.tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
        self._say("Alice has written a note, resolved the ticket and closed it")

    async def _outcome(self, ticket: Ticket, recovery: str, page: str) -> Outcome:
        desk, talk = self._agent.tickets, self._agent.conversations
        found = await desk.GetTicket(tickets.GetTicketRequest(name=ticket.name))
        thread = await talk.ListMessages(conversations.ListMessagesRequest(parent=ticket.name))
        log = await desk.ListActivities(tickets.ListActivitiesRequest(parent=ticket.name, page_size=1000))
        query = quote(f'{TICKET_ATTRIBUTE}="{ticket_value(ORGANIZATION, ticket.number)}"', safe="")
        workflows = f"{self._stack.urls.temporal_ui}/namespaces/default/workflows"
        return Outcome(
            ticket=found.ticket,
            thread=thread.messages,
            activities=list(reversed(log.activities)),
            links={
                "The review and its reply": page,
                "The workflow": self._workflow(recovery),
                "All workflows of the ticket": f"{workflows}?query={query}",
            },
        )

    def _workflow(self, recovery: str) -> str:
        _, organization, _, number, _, recovery_id = recovery.split("/")
        workflow = contact_recovery_id(organization, int(number), recovery_id)
        return f"{self._stack.urls.temporal_ui}/namespaces/default/workflows/{quote(workflow, safe='')}"


def _address(ticket: Ticket) -> str:
    """Returns the customer's address, another one for each ticket, whose emails stay apart."""
    return f"customer-{ticket.number}@example.com"


async def play(stack: Stack, given: Sequence[GoogleReview], say: Say) -> Outcome:
    """Plays the story on a stack; raises CareError, httpx.HTTPError or StackError where a step fails."""
    async with AsyncExitStack() as opened:
        service = CareClient.connect(stack.urls.grpc, stack.token(ORGANIZATION, "intake", Role.SERVICE))
        agent = CareClient.connect(stack.urls.grpc, stack.token(ORGANIZATION, AGENT, Role.AGENT))
        await opened.enter_async_context(service)
        await opened.enter_async_context(agent)
        http = await opened.enter_async_context(httpx.AsyncClient(timeout=10))
        return await Story(stack, service, agent, http, say).play(given)
