"""One organization for a test: clients for its callers, and methods that create tickets and recoveries in any state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import directory_service_pb2 as directory
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.activity_pb2 import Activity, ActivityType
from care.v1.directory_pb2 import Agent, Organization
from care.v1.message_pb2 import Message, MessageKind
from care.v1.recovery_pb2 import REFUSAL_REASON_LINKS_NOT_ALLOWED, Recovery
from care.v1.review_pb2 import Review
from care.v1.ticket_pb2 import Ticket
from care_client.client import CareClient
from tests.support.care import Care

REPLY = "We are sorry. Please tell us how to reach you: {form_link}"
_externals = count(1)


def timestamp(time: datetime) -> Timestamp:
    converted = Timestamp()
    converted.FromDatetime(time)
    return converted


@dataclass
class Tenant:
    """The organization `organizations/{id}`."""

    care: Care
    id: str

    @property
    def name(self) -> str:
        return f"organizations/{self.id}"

    def agent_name(self, agent: str) -> str:
        return f"{self.name}/agents/{agent}"

    def agent(self, agent: str) -> CareClient:
        token = self.care.token(sub=agent, org=self.id, roles=["agent"], name=agent.title())
        return self.care.client(token)

    @property
    def supervisor(self) -> CareClient:
        return self.care.client(self.care.token(sub="sue", org=self.id, roles=["agent", "supervisor"], name="Sue"))

    @property
    def service(self) -> CareClient:
        return self.care.client(self.care.token(sub="intake", org=self.id, roles=["service"]))

    @property
    def worker(self) -> CareClient:
        return self.care.client(self.care.token(sub="worker", roles=["worker"]))

    @property
    def customer(self) -> CareClient:
        return self.care.client(None)

    async def meet(self, *agents: str) -> None:
        """Makes the first call of each agent, which creates the agent."""
        for agent in agents:
            await self.agent(agent).directory.GetOrganization(directory.GetOrganizationRequest(name=self.name))

    async def toggle(self, agent: str, *, can_be_assignee: bool = True, can_be_reporter: bool = True) -> None:
        await self.meet(agent)
        given = Agent(name=self.agent_name(agent), can_be_assignee=can_be_assignee, can_be_reporter=can_be_reporter)
        request = directory.UpdateAgentRequest(agent=given)
        request.update_mask.paths.extend(["can_be_assignee", "can_be_reporter"])
        await self.supervisor.directory.UpdateAgent(request)

    async def settings(self, organization: Organization) -> None:
        """Updates the organization's fields that are not empty."""
        organization.name = self.name
        await self.service.directory.UpdateOrganization(directory.UpdateOrganizationRequest(organization=organization))

    async def review(
        self, stars: int = 1, text: str = "Cold soup.", site: str = "local", external_id: str = ""
    ) -> Review:
        review = Review(
            site=site,
            external_id=external_id or f"r{next(_externals)}",
            location=f"{self.name}/locations/soho",
            author_display_name="Robin P.",
            stars=stars,
            text=text,
            create_time=timestamp(datetime(2026, 3, 1, 12, tzinfo=UTC)),
        )
        request = reviews.IngestReviewRequest(parent=self.name, review=review)
        return (await self.service.reviews.IngestReview(request)).review

    async def ticket(self, assignee: str | None = "alice", *, with_review: bool = True) -> Ticket:
        """Creates a ticket and takes it as `assignee`. None leaves it unassigned."""
        given = Ticket(subject="Cold soup", location=f"{self.name}/locations/soho")
        if with_review:
            given = Ticket(review=(await self.review()).name)
        request = tickets.CreateTicketRequest(parent=self.name, ticket=given)
        ticket = (await self.service.tickets.CreateTicket(request)).ticket
        if assignee is None:
            return ticket
        return (await self.agent(assignee).tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))).ticket

    async def in_status(self, status: str) -> Ticket:
        """Creates a ticket of alice in `status`."""
        ticket = await self.ticket()
        alice = self.agent("alice").tickets
        match status:
            case "OPEN":
                return ticket
            case "IN_PROGRESS":
                return (await alice.StartTicket(tickets.StartTicketRequest(name=ticket.name))).ticket
            case "RESOLVED":
                return (await alice.ResolveTicket(tickets.ResolveTicketRequest(name=ticket.name))).ticket
            case "CLOSED":
                return (await alice.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))).ticket
            case _:
                raise ValueError(status)

    async def form(self, ticket: Ticket, agent: str = "alice", text: str = REPLY) -> Recovery:
        request = conversations.SendRecoveryFormRequest(parent=ticket.name, reply_text=text)
        return (await self.agent(agent).conversations.SendRecoveryForm(request)).recovery

    async def begin(self, recovery: Recovery, step: workers.RecoveryStep.ValueType) -> workers.BeginPostingResponse:
        return await self.worker.workers.BeginPosting(workers.BeginPostingRequest(name=recovery.name, step=step))

    async def posted(self, recovery: Recovery) -> workers.PostingGrant:
        """Begins posting the reply and records it as posted. Returns the grant."""
        grant = (await self.begin(recovery, workers.RECOVERY_STEP_POST)).grant
        report = workers.RecordPostedRequest(name=recovery.name, attempt=grant.attempt)
        await self.worker.workers.RecordPosted(report)
        return grant

    def form_token(self, recovery: Recovery) -> str:
        links = self.care.links
        return links.form_token(UUID(recovery.name.rpartition("/")[2]), links.current)

    async def submit(self, recovery: Recovery, email: str = "robin@example.com", **more: str) -> None:
        request = customers.SubmitContactRequest(token=self.form_token(recovery), email=email, consent=True, **more)
        await self.customer.customers.SubmitContact(request)

    async def unlock(self, recovery: Recovery) -> None:
        await self.worker.workers.UnlockChat(workers.UnlockChatRequest(name=recovery.name))

    def chat_token(self, contact: str) -> str:
        """Returns the token in the private link to the chat with a contact: the part after `/c/`."""
        links = self.care.links
        return links.chat_token(UUID(contact), links.current)

    async def open_chat(self, ticket: Ticket) -> str:
        """Opens the ticket's chat with the private link of its contact, as the page does. Returns the link's token."""
        recovery = (await self.get(ticket)).recovery
        found = await self.service.conversations.GetRecovery(conversations.GetRecoveryRequest(name=recovery))
        token = self.chat_token(found.recovery.contact.id)
        await self.customer.customers.GetChat(customers.GetChatRequest(token=token))
        return token

    async def thread(self, ticket: Ticket, kind: str = "") -> list[Message]:
        """Returns the messages of the thread, or those of one kind, oldest first."""
        request = conversations.ListMessagesRequest(parent=ticket.name, page_size=1000)
        entries = (await self.service.conversations.ListMessages(request)).messages
        return [entry for entry in entries if kind in {"", MessageKind.Name(entry.kind).removeprefix("MESSAGE_KIND_")}]

    async def get(self, ticket: Ticket, agent: str = "alice") -> Ticket:
        return (await self.agent(agent).tickets.GetTicket(tickets.GetTicketRequest(name=ticket.name))).ticket

    async def log(self, ticket: Ticket) -> list[Activity]:
        """Returns all activities, newest first."""
        request = tickets.ListActivitiesRequest(parent=ticket.name, page_size=1000)
        return list((await self.service.tickets.ListActivities(request)).activities)

    async def log_types(self, ticket: Ticket) -> list[str]:
        """Returns the types of all activities, newest first."""
        return [ActivityType.Name(entry.type).removeprefix("ACTIVITY_TYPE_") for entry in await self.log(ticket)]

    async def wakes(self, recovery: str) -> int:
        """Counts the outbox rows for the recovery's workflow. Without a Temporal server, no row is removed."""
        query = "SELECT count(*) FROM outbox WHERE organization = $1 AND resource_id = $2"
        async with self.care.database.driver() as connection:
            return int(await connection.fetchval(query, self.id, UUID(recovery.rpartition("/")[2])))

    async def check(self, recovery: Recovery) -> workers.RecoveryPlan:
        request = workers.CheckRecoveryRequest(name=recovery.name)
        return (await self.worker.workers.CheckRecovery(request)).plan

    async def recovery(self, recovery: Recovery, agent: str = "alice") -> Recovery:
        request = conversations.GetRecoveryRequest(name=recovery.name)
        return (await self.agent(agent).conversations.GetRecovery(request)).recovery

    async def in_recovery_state(self, ticket: Ticket, state: str) -> Recovery:
        """Creates a recovery of alice's ticket in `state`, only with calls of the API. Returns the recovery."""
        recovery = await self.form(ticket)
        alice = self.agent("alice").conversations
        if state == "FORM_REQUESTED":
            return recovery
        if state == "REFUSED":
            grant = (await self.begin(recovery, workers.RECOVERY_STEP_POST)).grant
            refused = workers.RecordRefusedRequest(
                name=recovery.name, attempt=grant.attempt, reason=REFUSAL_REASON_LINKS_NOT_ALLOWED
            )
            await self.worker.workers.RecordRefused(refused)
            return recovery
        await self.posted(recovery)
        match state:
            case "AWAITING_CONTACT":
                pass
            case "WITHDRAWN":
                await alice.WithdrawRecoveryForm(conversations.WithdrawRecoveryFormRequest(name=recovery.name))
            case "REPLACED":
                await alice.AddContact(conversations.AddContactRequest(parent=ticket.name, email="robin@example.com"))
            case "CONTACT_RECEIVED":
                await self.submit(recovery)
            case "CHAT_UNLOCKED" | "REJECTED":
                await self.submit(recovery)
                await self.unlock(recovery)
                if state == "REJECTED":
                    await alice.RejectContact(conversations.RejectContactRequest(name=recovery.name))
            case "ENDED_BY_CLOSE":
                await self.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=ticket.name))
            case _:
                raise ValueError(state)
        return recovery
