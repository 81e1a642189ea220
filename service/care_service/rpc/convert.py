"""Converts entities to messages of the contract."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from care.v1 import (
    activity_pb2,
    conversation_service_pb2,
    customer_service_pb2,
    directory_pb2,
    message_pb2,
    recovery_pb2,
    review_pb2,
    ticket_pb2,
)
from care_rules import names
from care_rules.entities.activity import Activity, ActorKind, FieldChange
from care_rules.entities.agent import Agent
from care_rules.entities.contact import Contact
from care_rules.entities.delivery import Delivery
from care_rules.entities.inbound import Inbound
from care_rules.entities.message import Message, MessageKind
from care_rules.entities.review import Review
from care_rules.entities.ticket import Ticket
from care_rules.organizations import Location, Organization, effective_settings
from care_rules.permissions import Situation, actions
from care_rules.replies import remove_chat_link
from care_service.rpc import enums
from care_service.usecases.ports.reader import MessageView, RecoveryView

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_PER_DAY: Final = 86_400
_SITUATIONS: Final = 4_096
"""The maximum number of situations whose actions are cached. Real callers cause fewer than a hundred."""


def timestamp(time: datetime | None) -> Timestamp | None:
    """Converts a time. None stays None, which leaves a field unset."""
    if time is None:
        return None
    # `Timestamp.FromDatetime` is three times slower, and a ticket has up to six timestamps.
    since = time - _EPOCH
    return Timestamp(seconds=since.days * _SECONDS_PER_DAY + since.seconds, nanos=since.microseconds * 1_000)


def from_timestamp(time: Timestamp) -> datetime:
    """Converts a timestamp to a time in UTC. Truncates nanoseconds to microseconds."""
    return time.ToDatetime(tzinfo=UTC)


def ticket_message(ticket: Ticket, contact: Contact | None, situation: Situation | None) -> ticket_pb2.Ticket:
    """Converts a ticket. The caller's `situation` determines the `actions`; None gives the BASIC view."""
    organization = ticket.organization
    message = ticket_pb2.Ticket(
        name=ticket.name,
        number=ticket.number,
        subject=ticket.subject,
        description=ticket.description,
        location=names.location(organization, ticket.location),
        review=names.review(organization, ticket.review_id) if ticket.review_id else "",
        reporter=names.agent(organization, ticket.reporter) if ticket.reporter else "",
        assignee=names.agent(organization, ticket.assignee) if ticket.assignee else "",
        status=enums.TICKET_STATUS.to_contract(ticket.status),
        close_reason=enums.CLOSE_REASON.to_contract(ticket.close_reason),
        priority=enums.PRIORITY.to_contract(ticket.priority),
        contact_state=enums.CONTACT_STATE.to_contract(ticket.contact_state),
        customer=customer_message(contact) if contact else None,
        recovery=names.recovery(organization, ticket.number, ticket.recovery_id) if ticket.recovery_id else "",
        create_time=timestamp(ticket.create_time),
        update_time=timestamp(ticket.update_time),
        resolve_time=timestamp(ticket.resolve_time),
        close_time=timestamp(ticket.close_time),
        etag=str(ticket.version),
        labels=ticket.labels,
        follow_up_of=names.ticket(organization, ticket.follow_up_of) if ticket.follow_up_of else "",
        follow_up=names.ticket(organization, ticket.follow_up) if ticket.follow_up else "",
        first_response_due_time=timestamp(ticket.timing.first_response_due_time),
        resolution_due_time=timestamp(ticket.timing.resolution_due_time),
        external_reference=ticket.external_reference,
    )
    if situation is not None:
        message.MergeFromString(encoded_actions(situation))
    return message


@lru_cache(_SITUATIONS)
def encoded_actions(situation: Situation) -> bytes:
    """Returns a ticket with only its `actions`: whether each command is open in a situation, and if not, why.

    The ticket is encoded, because merging bytes takes a quarter of the time of copying the messages.
    """
    found = [
        ticket_pb2.TicketAction(
            command=command.value,
            allowed=reason is None,
            reason=enums.ERROR_REASON.to_contract(reason),
        )
        for command, reason in actions(situation)
    ]
    return ticket_pb2.Ticket(actions=found).SerializeToString()


def customer_message(contact: Contact) -> ticket_pb2.Customer:
    """Converts a contact to the customer of a ticket."""
    return ticket_pb2.Customer(
        display_name=contact.display_name,
        email=contact.email,
        phone=contact.phone,
        verified=contact.verify_time is not None,
    )


def contact_message(contact: Contact) -> recovery_pb2.Contact:
    """Converts a contact for recoveries and for the list of contacts."""
    return recovery_pb2.Contact(
        id=str(contact.id),
        display_name=contact.display_name,
        email=contact.email,
        phone=contact.phone,
        message=contact.message,
        verified=contact.verify_time is not None,
        create_time=timestamp(contact.create_time),
        recovery=names.recovery(contact.organization, contact.recovery_ticket_number, contact.recovery_id),
    )


def recovery_message(view: RecoveryView) -> recovery_pb2.Recovery:
    """Converts a recovery with its contact and its claims."""
    recovery = view.recovery
    contact = next((each for each in view.contacts if each.id == recovery.contact_id), None)
    return recovery_pb2.Recovery(
        name=recovery.name,
        kind=enums.RECOVERY_KIND.to_contract(recovery.kind),
        state=enums.RECOVERY_STATE.to_contract(recovery.state),
        reply_text=recovery.reply_text,
        contact=contact_message(contact) if contact else None,
        claims=[contact_message(each) for each in view.contacts if each is not contact],
        refusal_reason=enums.REFUSAL_REASON.to_contract(recovery.refusal_reason),
        refusal_message=recovery.refusal_message,
        creator=names.agent(recovery.organization, recovery.creator) if recovery.creator else "",
        create_time=timestamp(recovery.create_time),
        post_time=timestamp(recovery.post_time),
        expire_time=timestamp(recovery.expire_time),
        contact_time=timestamp(recovery.contact_time),
        unlock_time=timestamp(recovery.unlock_time),
        end_time=timestamp(recovery.end_time),
        retract_time=timestamp(recovery.retract_time),
        reference=recovery.reference,
    )


def field_change(change: FieldChange) -> activity_pb2.FieldChange:
    """Converts the change of one field."""
    return activity_pb2.FieldChange(field=change.field, before=change.before, after=change.after)


def activity_message(activity: Activity) -> activity_pb2.Activity:
    """Converts an entry of the activity log."""
    organization, number = activity.organization, activity.ticket_number
    is_agent = activity.actor_kind is ActorKind.AGENT
    return activity_pb2.Activity(
        name=names.activity(organization, number, activity.number),
        type=enums.ACTIVITY_TYPE.to_contract(activity.type),
        actor_kind=enums.ACTOR_KIND.to_contract(activity.actor_kind),
        actor=names.agent(organization, activity.actor) if is_agent else activity.actor,
        create_time=timestamp(activity.create_time),
        changes=map(field_change, activity.changes),
        message=names.message(organization, number, activity.message_id) if activity.message_id else "",
        recovery=names.recovery(organization, number, activity.recovery_id) if activity.recovery_id else "",
        request_id=str(activity.request_id) if activity.request_id else "",
        acting_service=activity.acting_service,
    )


def thread_message(view: MessageView) -> message_pb2.Message:
    """Converts an entry of the thread."""
    message = view.message
    organization, number = message.organization, message.ticket_number
    is_agent = message.author_kind is ActorKind.AGENT
    state = view.recovery_state if message.kind is MessageKind.RECOVERY_FORM else None
    return message_pb2.Message(
        name=names.message(organization, number, message.id),
        kind=enums.MESSAGE_KIND.to_contract(message.kind),
        author_kind=enums.ACTOR_KIND.to_contract(message.author_kind),
        author=names.agent(organization, message.author) if is_agent else message.author,
        author_display_name=message.author_display_name,
        text=message.text,
        recovery=names.recovery(organization, number, message.recovery_id) if message.recovery_id else "",
        recovery_state=enums.RECOVERY_STATE.to_contract(state),
        create_time=timestamp(message.create_time),
        contact=str(message.contact_id) if message.contact_id else "",
        delivery=delivery_message(view.delivery) if view.delivery else None,
        channel=enums.CHANNEL.to_contract(message.channel),
        automatic=message.automatic,
    )


def delivery_message(delivery: Delivery) -> message_pb2.Delivery:
    """Converts the delivery of a message."""
    return message_pb2.Delivery(
        state=enums.DELIVERY_STATE.to_contract(delivery.state),
        channel=enums.CHANNEL.to_contract(delivery.channel),
        failure_reason=enums.DELIVERY_FAILURE.to_contract(delivery.failure_reason),
        failure_message=delivery.failure_message,
        send_time=timestamp(delivery.send_time),
        end_time=timestamp(delivery.end_time),
    )


def chat_message(message: Message) -> customer_service_pb2.ChatMessage:
    """Converts a message for the customer. The result does not tell which agent wrote the message."""
    is_customers = message.kind is MessageKind.CUSTOMER_MESSAGE
    return customer_service_pb2.ChatMessage(
        id=str(message.id),
        author=(
            customer_service_pb2.CHAT_AUTHOR_CUSTOMER if is_customers else customer_service_pb2.CHAT_AUTHOR_BUSINESS
        ),
        text=remove_chat_link(message.text) if message.is_greeting else message.text,
        create_time=timestamp(message.create_time),
    )


def review_message(review: Review) -> review_pb2.Review:
    """Converts a review."""
    organization = review.organization
    return review_pb2.Review(
        name=names.review(organization, review.id),
        site=review.site,
        external_id=review.external_id,
        location=names.location(organization, review.location),
        author_display_name=review.author_display_name,
        stars=review.stars,
        text=review.text,
        url=review.url,
        create_time=timestamp(review.create_time),
        update_time=timestamp(review.update_time),
        ticket=names.ticket(organization, review.ticket_number) if review.ticket_number else "",
        ingest_time=timestamp(review.ingest_time),
        delete_time=timestamp(review.delete_time) if review.delete_time else None,
    )


def organization_message(organization: Organization) -> directory_pb2.Organization:
    """Converts an organization."""
    settings = effective_settings(organization, None)
    lifetime = Duration()
    lifetime.FromTimedelta(settings.form_lifetime)
    return directory_pb2.Organization(
        name=names.organization(organization.id),
        display_name=organization.display_name,
        default_phone_region=organization.default_phone_region,
        form_lifetime=lifetime,
        consent_text=settings.consent_text,
        chat_greeting=settings.chat_greeting,
        create_time=timestamp(organization.create_time),
        update_time=timestamp(organization.update_time),
    )


def location_message(location: Location) -> directory_pb2.Location:
    """Converts a location."""
    own = location.settings
    return directory_pb2.Location(
        name=names.location(location.organization, location.id),
        display_name=location.display_name,
        default_phone_region=location.default_phone_region,
        preferred_channel=enums.CHANNEL.to_contract(
            own.values.preferred_channel if "preferred_channel" in own.names else None
        ),
        create_time=timestamp(location.create_time),
        update_time=timestamp(location.update_time),
    )


def agent_message(agent: Agent) -> directory_pb2.Agent:
    """Converts an agent."""
    return directory_pb2.Agent(
        name=names.agent(agent.organization, agent.id),
        display_name=agent.display_name,
        can_be_assignee=agent.can_be_assignee,
        can_be_reporter=agent.can_be_reporter,
        locations=[names.location(agent.organization, each) for each in agent.locations],
        create_time=timestamp(agent.create_time),
        update_time=timestamp(agent.update_time),
    )


def unmatched_message(inbound: Inbound) -> conversation_service_pb2.UnmatchedMessage:
    """Converts a message that was ingested without an open chat."""
    ticket = names.ticket(inbound.organization, inbound.ticket_number) if inbound.ticket_number else ""
    return conversation_service_pb2.UnmatchedMessage(
        message=conversation_service_pb2.InboundMessage(
            channel=enums.CHANNEL.to_contract(inbound.channel),
            external_id=inbound.external_id,
            sender=inbound.sender,
            subject=inbound.subject,
            text=inbound.text,
            in_reply_to=inbound.in_reply_to,
            automatic=inbound.automatic,
            send_time=timestamp(inbound.send_time),
        ),
        outcome=enums.INGEST_OUTCOME.to_contract(inbound.outcome),
        ticket=ticket,
        ingest_time=timestamp(inbound.ingest_time),
    )
