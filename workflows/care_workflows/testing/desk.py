"""What people do with the fake service's tickets. The rules decide, and refuse as the service does."""

from datetime import datetime
from typing import Final
from uuid import uuid4

from care_rules import addresses, commands, names, replies
from care_rules.callers import Caller, Role, customer_caller
from care_rules.chat import ChatSnapshot, post_message
from care_rules.command_refusals import recovery_keys
from care_rules.create import assign_new_ticket, create_ticket
from care_rules.decide import check_allowed, decide
from care_rules.decision import Decision
from care_rules.entities.activity import ActorKind
from care_rules.entities.recovery import RecoveryKind
from care_rules.lifecycle import RECOVERY, Trigger
from care_rules.permissions import Command
from care_rules.refusals import Reason, Refusal, Violation, invalid, not_found
from care_rules.scheduling import ScheduledDecision, schedule, schedule_new_ticket
from care_rules.snapshot import TicketSnapshot
from care_rules.submit import submit_contact
from care_rules.timing import DeadlineKind
from care_workflows.testing.memory import ASSIGNEE, LOCATION, Memory
from care_workflows.testing.policy import Policy
from care_workflows.testing.records import Delivery, Recovery, Ticket
from care_workflows.testing.views import Views, form_link

KEY_ID: Final = "kit"
_SITE: Final = "local"


class Desk:
    """The tickets of one organization. Names are full resource names. Methods raise the ``Refusal`` of the rules."""

    def __init__(self, organization: str, policy: Policy) -> None:
        """Begins without tickets."""
        self.memory: Final = Memory(organization, policy)
        self._views = Views(self.memory)
        self._alice = Caller(ActorKind.AGENT, ASSIGNEE, organization, frozenset({Role.AGENT}), "Alice")

    # --- finding ------------------------------------------------------------------------------------------------------

    def ticket(self, name: str) -> Ticket:
        """Returns a ticket, by its own name or that of a recovery or message; raises RESOURCE_NOT_FOUND."""
        return self._views.tickets[self._load(name).ticket.number]

    def recovery(self, name: str) -> Recovery:
        """Returns a recovery; raises RESOURCE_NOT_FOUND."""
        return self._views.recoveries[self.memory.recovery(_recovery(name)).recovery.id]

    def message(self, name: str) -> Delivery:
        """Returns a message to the customer; raises RESOURCE_NOT_FOUND."""
        try:
            parsed = names.parse_message(name)
        except names.BadNameError:
            raise not_found(name) from None
        return self._views.messages[self.memory.delivery(parsed).delivery.message_id]

    # --- what the team does -------------------------------------------------------------------------------------------

    def create_ticket(self, now: datetime, review: str | None) -> str:
        """Creates a ticket, for the review with that external id or without a review; returns the ticket's name."""
        snapshot = self.memory.new_ticket(_SITE, review, now)
        command = commands.CreateTicket(
            subject="" if review else "A customer",
            description="",
            location=LOCATION,
            priority=None,
            labels=(),
            email="",
            phone="",
            display_name="",
            recovery_id=uuid4(),
            contact_id=uuid4(),
            message_id=uuid4(),
        )
        decision = create_ticket(snapshot, self._next_number, command, self._alice, now)
        self.commit(schedule_new_ticket(snapshot.settings, assign_new_ticket(decision, ASSIGNEE)))
        return decision.ticket.name

    def send_form(self, ticket: str, reply_text: str, now: datetime) -> str:
        """Sends a form, as ``SendRecoveryForm``; returns the recovery's name."""
        if reply_text.count(replies.FORM_LINK) != 1:
            raise invalid(Violation("reply_text", f"must contain {replies.FORM_LINK} exactly once"))
        recovery = uuid4()
        command = commands.SendRecoveryForm(
            reply_text=reply_text,
            link=form_link(recovery),
            key_id=KEY_ID,
            recovery_id=recovery,
            reply_message_id=uuid4(),
            form_message_id=uuid4(),
        )
        return _new_recovery(self._decide(self._load(ticket), command, now))

    def withdraw_form(self, recovery: str, now: datetime) -> None:
        """Withdraws the form, as ``WithdrawRecoveryForm``."""
        self._decide(self._load_named(recovery), commands.WithdrawRecoveryForm(), now)

    def reject_contact(self, recovery: str, now: datetime) -> None:
        """Rejects the contact as the wrong person, as ``RejectContact``."""
        self._decide(self._load_named(recovery), commands.RejectContact(), now)

    def add_contact(self, ticket: str, email: str, phone: str, now: datetime) -> str:
        """Adds a contact, as ``AddContact``; returns the recovery's name."""
        email = addresses.normalize_email(email)
        command = commands.AddContact(email, phone, "", recovery_id=uuid4(), contact_id=uuid4())
        return _new_recovery(self._decide(self._load(ticket), command, now))

    def set_status(self, ticket: str, command: commands.AgentCommand, now: datetime) -> None:
        """Starts, resolves, reopens or closes a ticket."""
        self._decide(self._load(ticket), command, now)

    def send_message(self, ticket: str, text: str, now: datetime) -> str:
        """Writes to the customer, as ``SendMessage``; returns the message's name."""
        decision = self._decide(self._load(ticket), commands.SendMessage(text, uuid4()), now)
        sent = decision.messages[0]
        return names.message(sent.organization, sent.ticket_number, sent.id)

    # --- what the customer does ---------------------------------------------------------------------------------------

    def submit_contact(self, recovery: str, email: str, phone: str, now: datetime) -> str | None:
        """Answers the form, as ``SubmitContact``.

        Returns the name of the recovery that has the contact now. If the form's ticket is CLOSED, that recovery belongs
        to the follow-up. Returns None if the answer is only a claim, or adds nothing new: then no state changes.
        """
        form = self.memory.form(_recovery(recovery))
        if form.recovery.kind is not RecoveryKind.FORM:
            raise Refusal(Reason.LINK_UNKNOWN, "There is no such form.")
        command = commands.SubmitContact(
            email=addresses.normalize_email(email),
            phone=phone,
            display_name="",
            message="",
            contact_id=uuid4(),
            recovery_id=uuid4(),
            message_id=uuid4(),
        )
        decision = submit_contact(form, self._next_number, command, customer_caller(str(form.recovery.id)), now)
        if decision is None:
            return None
        self.commit(schedule(form.target, decision))
        reached = decision.new_recovery or decision.recovery
        return reached.name if reached else None

    def write(self, ticket: str, now: datetime) -> None:
        """Writes a message of the customer in the open chat."""
        snapshot = self._load(ticket)
        # A chat accepts messages of the customer whenever it accepts messages of the team.
        check_allowed(snapshot, Command.SEND_MESSAGE, self._alice)
        if snapshot.contact is None or snapshot.live is None:
            raise AssertionError("the chat is open, but the snapshot has no contact; memory must load it")
        chat = ChatSnapshot(snapshot, snapshot.contact, snapshot.live)
        command = commands.PostMessage("Hello.", uuid4(), uuid4(), uuid4(), uuid4())
        decision = post_message(chat, self._next_number, command, customer_caller(str(snapshot.contact.id)), now)
        if decision is not None:
            self.commit(schedule(chat.target, decision))

    # --- what time does -----------------------------------------------------------------------------------------------

    def expire_now(self, recovery: str, now: datetime) -> None:
        """Sets a form's expiry to now. The recovery's workflow then ends the form."""
        found = self.memory.recovery(_recovery(recovery)).recovery
        if Trigger.EXPIRE_FORM not in RECOVERY.allowed(found.state):
            metadata = recovery_keys(found.state) | {"trigger": Trigger.EXPIRE_FORM.value}
            raise Refusal(Reason.ILLEGAL_TRANSITION, f"No form can expire in {found.state}.", metadata)
        self.memory.expire_now(found, now)
        self._views.refresh(found.ticket_number)

    # --- for the workflows --------------------------------------------------------------------------------------------

    def commit(self, scheduled: ScheduledDecision, *, deadline: DeadlineKind | None = None) -> None:
        """Stores a decision. ``deadline`` is the kind of the deadline that the decision fires, if any."""
        self.memory.commit(scheduled)
        decision = scheduled.decision
        for ticket in (decision.ticket, decision.followed_ticket):
            if ticket is not None:
                self._views.refresh(ticket.number)
        if deadline is not None:
            self._views.record_deadline(decision.ticket.number, deadline)

    # --- inside -------------------------------------------------------------------------------------------------------

    @property
    def _next_number(self) -> int:
        return len(self.memory.tickets) + 1

    def _load(self, name: str) -> TicketSnapshot:
        try:
            parsed = names.parse_ticket("/".join(name.split("/")[:4]))
        except names.BadNameError:
            raise not_found(name) from None
        if parsed.organization != self.memory.organization.id:
            raise not_found(name)
        return self.memory.ticket(parsed.number)

    def _load_named(self, recovery: str) -> TicketSnapshot:
        return self.memory.recovery(_recovery(recovery)).base

    def _decide(self, snapshot: TicketSnapshot, command: commands.AgentCommand, now: datetime) -> Decision:
        decision = decide(snapshot, command, self._alice, now)
        if decision is None:
            raise AssertionError("the command returned no decision; it must change something or be refused")
        self.commit(schedule(snapshot, decision))
        return decision


def _recovery(name: str) -> names.RecoveryName:
    try:
        return names.parse_recovery(name)
    except names.BadNameError:
        raise not_found(name) from None


def _new_recovery(decision: Decision) -> str:
    if decision.new_recovery is None:
        raise AssertionError("the decision has no new recovery; the command must create one")
    return decision.new_recovery.name
