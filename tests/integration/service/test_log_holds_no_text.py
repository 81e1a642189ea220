"""Activities contain no text and nothing of a customer, so the log does not change when a customer's data is erased.

A script writes activities of every type. Each text, name and address contains its own marker, and the test searches the
log for all markers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

from google.protobuf.duration_pb2 import Duration

from care.v1 import conversation_service_pb2 as conversations
from care.v1 import customer_service_pb2 as customers
from care.v1 import message_pb2, recovery_pb2, settings_service_pb2, ticket_pb2
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1 import worker_service_pb2 as workers
from care.v1.message_pb2 import Message
from care.v1.recovery_pb2 import Recovery
from care.v1.review_pb2 import Review
from care.v1.settings_pb2 import Deadlines, PriorityDeadlines, Settings
from care.v1.ticket_pb2 import Ticket
from care_rules.entities.activity import ActivityType
from care_service.storage import tables
from tests.integration.service.clocks import SettableClock
from tests.support.tenant import Tenant, timestamp

PHONES = ("4155552671", "2079460018")


class Script:
    """Works tickets with texts that contain markers."""

    def __init__(self, tenant: Tenant, clock: SettableClock) -> None:
        self.tenant = tenant
        self.clock = clock
        self.markers: list[str] = list(PHONES)
        self._numbers = count(1)
        self.alice = tenant.agent("alice")
        self.worker = tenant.worker.workers

    def text(self, text: str = "") -> str:
        marker = f"zqm{next(self._numbers)}x"
        self.markers.append(marker)
        return f"{marker} {text}".strip()

    def address(self) -> str:
        return f"{self.text()}@example.com"

    async def settle(self) -> None:
        """Sets texts of the business, which are sent in messages."""
        deadlines = PriorityDeadlines(priority=ticket_pb2.TICKET_PRIORITY_NORMAL)
        deadlines.first_response.CopyFrom(Duration(seconds=4 * 3600))
        deadlines.resolution.CopyFrom(Duration(seconds=2 * 86_400))
        settings = Settings(
            name=f"{self.tenant.name}/settings",
            warn_customer=True,
            closing_notice=self.text("We will close this."),
            chat_greeting=self.text("Write to us: {chat_link}"),
            deadlines=Deadlines(priorities=[deadlines]),
        )
        await self.tenant.meet("alice", "bob")
        request = settings_service_pb2.UpdateSettingsRequest(settings=settings)
        await self.tenant.supervisor.settings.UpdateSettings(request)

    async def raise_ticket(self, description: str = "") -> Ticket:
        """Creates a ticket of alice for a review."""
        review = Review(
            site="local",
            external_id=self.text().replace(" ", "-"),
            location=f"{self.tenant.name}/locations/soho",
            author_display_name=self.text("Robin"),
            stars=1,
            text=self.text("Cold soup."),
            create_time=timestamp(datetime(2026, 3, 1, 12, tzinfo=UTC)),
        )
        ingest = reviews.IngestReviewRequest(parent=self.tenant.name, review=review)
        name = (await self.tenant.service.reviews.IngestReview(ingest)).review.name
        given = Ticket(review=name, description=description, labels=["vip"])
        create = tickets.CreateTicketRequest(parent=self.tenant.name, ticket=given)
        ticket = (await self.alice.tickets.CreateTicket(create)).ticket
        return (await self.alice.tickets.TakeTicket(tickets.TakeTicketRequest(name=ticket.name))).ticket

    async def work(self, ticket: Ticket) -> None:
        """Sends the commands that need no customer."""
        name, to_alice, to_bob = ticket.name, self.tenant.agent_name("alice"), self.tenant.agent_name("bob")
        given = Ticket(name=name, subject=self.text("Soup"), description=self.text("Also"), labels=["late"])
        await self.alice.tickets.UpdateTicket(tickets.UpdateTicketRequest(ticket=given))
        await self.alice.tickets.StartTicket(tickets.StartTicketRequest(name=name))
        await self.alice.tickets.ResolveTicket(tickets.ResolveTicketRequest(name=name))
        await self.alice.tickets.ReopenTicket(tickets.ReopenTicketRequest(name=name))
        await self.alice.tickets.ReleaseTicket(tickets.ReleaseTicketRequest(name=name))
        assign = tickets.AssignTicketRequest(name=name, assignee=to_bob)
        await self.tenant.supervisor.tickets.AssignTicket(assign)
        assign.assignee = to_alice
        await self.tenant.agent("bob").tickets.AssignTicket(assign)
        note = conversations.AddNoteRequest(parent=name, text=self.text("The cook is new."))
        await self.alice.conversations.AddNote(note)

    async def form(self, ticket: Ticket) -> Recovery:
        return await self.tenant.form(ticket, text=self.text("Please tell us: {form_link}"))

    async def refuse(self, recovery: Recovery, step: workers.RecoveryStep.ValueType) -> None:
        """Reports that the site refused a step with its own message."""
        attempt = (await self.tenant.begin(recovery, step)).grant.attempt
        request = workers.RecordRefusedRequest(
            name=recovery.name,
            attempt=attempt,
            reason=recovery_pb2.REFUSAL_REASON_LINKS_NOT_ALLOWED,
            provider_message=self.text("not like that"),
        )
        await self.worker.RecordRefused(request)

    async def fail_with_forms(self, ticket: Ticket) -> None:
        """Sends forms that end without a contact."""
        await self.refuse(await self.form(ticket), workers.RECOVERY_STEP_POST)
        recovery = await self.form(ticket)
        await self.tenant.posted(recovery)
        withdraw = conversations.WithdrawRecoveryFormRequest(name=recovery.name)
        await self.alice.conversations.WithdrawRecoveryForm(withdraw)
        await self.refuse(recovery, workers.RECOVERY_STEP_RETRACT)
        self.clock.advance(days=1)
        attempt = (await self.tenant.begin(recovery, workers.RECOVERY_STEP_RETRACT)).grant.attempt
        await self.worker.RecordRetracted(workers.RecordRetractedRequest(name=recovery.name, attempt=attempt))
        recovery = await self.form(ticket)
        await self.tenant.posted(recovery)
        await self.wait(ticket, 5)  # one deadline a day, until the reminder is due
        self.clock.advance(days=30)
        await self.worker.ExpireForm(workers.ExpireFormRequest(name=recovery.name))

    async def reach(self, ticket: Ticket) -> str:
        """Rejects a wrong customer and opens the chat with the right one. Returns the token of its link."""
        recovery = await self.form(ticket)
        await self.tenant.posted(recovery)
        for phone in PHONES:
            await self.tenant.submit(
                recovery,
                self.address(),
                phone=f"+1{phone}" if phone.startswith("415") else f"+44{phone}",
                display_name=self.text("Kim"),
                message=self.text("Call me."),
            )
        await self.alice.conversations.RejectContact(conversations.RejectContactRequest(name=recovery.name))
        add = conversations.AddContactRequest(parent=ticket.name, email=self.address(), display_name=self.text("Sam"))
        direct = (await self.alice.conversations.AddContact(add)).recovery
        await self.tenant.unlock(direct)
        return await self.tenant.open_chat(ticket)

    async def talk(self, ticket: Ticket, token: str) -> None:
        """Sends messages in both directions. One is delivered and one fails."""
        arrives, fails, provider_id = await self.send(ticket), await self.send(ticket), self.text()
        for state in (message_pb2.DELIVERY_STATE_SENT, message_pb2.DELIVERY_STATE_DELIVERED):
            await self.worker.RecordDelivered(
                workers.RecordDeliveredRequest(
                    name=arrives.name,
                    attempt=await self.handed_out(arrives),
                    state=state,
                    provider_id=provider_id,
                    can_be_checked=True,
                )
            )
        await self.worker.RecordFailed(
            workers.RecordFailedRequest(
                name=fails.name,
                attempt=await self.handed_out(fails),
                reason=message_pb2.DELIVERY_FAILURE_BOUNCED,
                provider_message=self.text("no such person"),
            )
        )
        post = customers.PostMessageRequest(token=token, text=self.text("Thank you."))
        await self.tenant.customer.customers.PostMessage(post)
        email = conversations.InboundMessage(
            channel=message_pb2.CHANNEL_EMAIL,
            external_id=self.text().replace(" ", "-"),
            sender=(await self.tenant.get(ticket)).customer.email,
            subject=self.text("Re:"),
            text=self.text("By email."),
        )
        await self.tenant.service.conversations.IngestMessage(
            conversations.IngestMessageRequest(parent=self.tenant.name, message=email)
        )

    async def send(self, ticket: Ticket) -> Message:
        request = conversations.SendMessageRequest(parent=ticket.name, text=self.text("We looked into it."))
        return (await self.alice.conversations.SendMessage(request)).message

    async def handed_out(self, message: Message) -> int:
        """Begins the planned step of the delivery. Returns the number of the attempt."""
        self.clock.advance(hours=1)
        request = workers.BeginDeliveryRequest(name=message.name)
        step = (await self.worker.BeginDelivery(request)).plan.step
        request.step = step
        return (await self.worker.BeginDelivery(request)).grant.attempt

    async def edit_review(self, ticket: Ticket) -> None:
        """Edits and deletes the review."""
        get = reviews.GetReviewRequest(name=(await self.tenant.get(ticket)).review)
        for is_deleted in (False, True):
            review = (await self.tenant.service.reviews.GetReview(get)).review
            review.text, review.author_display_name = self.text("Better."), self.text("Robin")
            review.stars = 3
            review.update_time.FromDatetime(self.clock.now())
            self.clock.advance(hours=1)
            if is_deleted:
                review.delete_time.FromDatetime(self.clock.now())
            ingest = reviews.IngestReviewRequest(parent=self.tenant.name, review=review)
            await self.tenant.service.reviews.IngestReview(ingest)

    async def wait(self, ticket: Ticket, days: int) -> None:
        """Advances the clock by days and fires the due deadlines."""
        for _ in range(days):
            self.clock.advance(days=1)
            await self.worker.FireDeadline(workers.FireDeadlineRequest(name=ticket.name))


async def stored(tenant: Tenant, *only: str) -> str:
    """Returns the rows of the tenant as text: of the given tables, or else of all tables except `activities`."""
    found = []
    async with tenant.care.database.driver() as connection:
        for table in tables.metadata.sorted_tables:
            if "organization" in table.c and (table.name in only if only else table.name != "activities"):
                query = f"SELECT t::TEXT FROM {table.name} t WHERE organization = $1"  # noqa: S608 - a table of the schema
                found += [str(row[0]) for row in await connection.fetch(query, tenant.id)]
    return "\n".join(found)


async def test_no_activity_contains_a_text_or_anything_of_a_customer(timed: Tenant, clock: SettableClock) -> None:
    script = Script(timed, clock)
    await script.settle()
    answered, neglected = await script.raise_ticket(), await script.raise_ticket(script.text("By letter."))
    await script.work(answered)
    await script.fail_with_forms(answered)
    token = await script.reach(answered)
    await script.talk(answered, token)
    await script.edit_review(answered)
    await timed.agent("alice").tickets.CloseTicket(tickets.CloseTicketRequest(name=answered.name))
    # The customer writes again, which creates a follow-up with the contact.
    again = customers.PostMessageRequest(token=token, text=script.text("Me again."))
    await timed.customer.customers.PostMessage(again)
    await script.wait(neglected, 90)

    query = "SELECT type FROM activities WHERE organization = $1"
    async with timed.care.database.driver() as connection:
        types = {row[0] for row in await connection.fetch(query, timed.id)}
    assert types == set(ActivityType), "the script must write activities of every type"
    elsewhere, log = await stored(timed), await stored(timed, "activities")
    assert [marker for marker in script.markers if marker not in elsewhere] == [], "texts that were not stored at all"
    assert [marker for marker in script.markers if marker in log] == []
    for private in ("Robin", "Kim", "Sam", "Soup", "Alice", "@", "{form_link}", "{chat_link}", "review at"):
        assert private not in log


async def test_the_change_of_a_text_is_logged_without_its_values(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    given = Ticket(name=ticket.name, subject="Robin's soup", description="Robin called.")
    await tenant.agent("alice").tickets.UpdateTicket(tickets.UpdateTicketRequest(ticket=given))
    updated, _, created = await tenant.log(ticket)
    assert [(each.field, each.before, each.after) for each in updated.changes] == [
        ("description", "", ""),
        ("subject", "", ""),
    ]
    assert [each.field for each in created.changes] == ["contact_state", "priority", "status", "subject"]
    assert [(each.before, each.after) for each in created.changes if each.field == "subject"] == [("", "")]


async def test_an_automatic_subject_does_not_contain_the_name_of_the_reviewer(tenant: Tenant) -> None:
    ticket = await tenant.ticket()
    assert ticket.subject == "1-star review at Local, soho"
    assert (await tenant.thread(ticket, "REVIEW"))[0].author_display_name == "Robin P."
