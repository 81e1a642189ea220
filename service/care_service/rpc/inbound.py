"""Converts the request and the response of IngestMessage: an email or SMS, and where it was stored."""

from __future__ import annotations

from datetime import datetime
from typing import Final, assert_never

from care.v1 import conversation_service_pb2 as pb
from care_rules import names
from care_rules.entities.inbound import Inbound, IngestOutcome
from care_rules.entities.message import Channel
from care_service.rpc import convert, enums
from care_service.rpc.fields import LONG_TEXT, Fields
from care_service.usecases.inbound import IngestedMessage

_LINE: Final = 998
"""The maximum length of a line of an email, in characters (RFC 5322, section 2.1.1)."""
_ANSWERED: Final = 100


def ingest_response(ingested: IngestedMessage) -> pb.IngestMessageResponse:
    """Converts an ingested message."""
    inbound = ingested.inbound
    return pb.IngestMessageResponse(
        outcome=enums.INGEST_OUTCOME.to_contract(inbound.outcome),
        message=convert.thread_message(ingested.entry) if ingested.entry else None,
        ticket=names.ticket(inbound.organization, inbound.ticket_number) if inbound.ticket_number else "",
    )


def read_inbound(fields: Fields, organization: str, given: pb.InboundMessage, now: datetime) -> Inbound:
    """Reads a message. Refuses with INVALID_FIELD if `fields` has a violation, even one from before this call."""
    channel = enums.CHANNEL.from_contract(given.channel)
    if channel is None:
        fields.reject("message.channel", f"must be {enums.CHANNEL.choices}")
        channel = Channel.EMAIL
    external_id = fields.text("message.external_id", given.external_id, _LINE, required=True, line=True)
    match channel:
        case Channel.SMS:
            if not given.sender.strip().startswith("+"):
                fields.reject("message.sender", "must be a phone number with its country code, like +1 415 555 0123")
            sender = fields.phone("message.sender", given.sender)
        case Channel.EMAIL:
            sender = fields.email("message.sender", given.sender)
        case _:
            assert_never(channel)
    if not given.sender.strip() and not given.automatic:
        # Bounces have no sender, so that no machine answers them (RFC 5321, section 4.5.5).
        fields.reject("message.sender", "is required, except for an automatic email")
    if len(given.in_reply_to) > _ANSWERED:
        fields.reject("message.in_reply_to", f"must have at most {_ANSWERED} ids; it has {len(given.in_reply_to)}")
    answered = tuple(fields.text("message.in_reply_to", each, _LINE, line=True) for each in given.in_reply_to)
    if given.HasField("send_time"):
        fields.past("message.send_time", given.send_time, now)
    subject = fields.text("message.subject", given.subject, _LINE)
    text = fields.text("message.text", given.text, LONG_TEXT, required=True)
    fields.check()
    return Inbound(
        organization=organization,
        channel=channel,
        external_id=external_id,
        sender=sender,
        subject=subject,
        text=text,
        in_reply_to=answered,
        automatic=given.automatic,
        send_time=convert.from_timestamp(given.send_time) if given.HasField("send_time") else now,
        outcome=IngestOutcome.UNMATCHED,
        ticket_number=None,
        message_id=None,
        ingest_time=now,
    )
