"""Converts grants. A grant contains what a workflow needs for one attempt at a review site or a provider."""

from __future__ import annotations

from care.v1 import worker_service_pb2 as pb
from care_rules import names
from care_service.rpc import enums
from care_service.usecases.deliveries import BegunDelivery
from care_service.usecases.recovery_steps import PostingGrant


def posting_grant(grant: PostingGrant) -> pb.PostingGrant:
    """Converts the grant of an attempt at a review site."""
    review = grant.review
    return pb.PostingGrant(
        attempt=grant.attempt,
        text=grant.text,
        link=grant.link,
        review_site=review.site,
        review_external_id=review.external_id,
        review_url=review.url,
        location=names.location(review.organization, review.location),
        read_first=grant.read_first,
    )


def delivery_grant(begun: BegunDelivery) -> pb.DeliveryGrant:
    """Converts the grant of an attempt at a provider. For a CHECK, it has no data of the message or the customer."""
    snapshot, message = begun.snapshot, begun.to_send
    delivery, ticket = snapshot.delivery, snapshot.base.ticket
    channel = enums.CHANNEL.to_contract(delivery.channel)
    location = names.location(ticket.organization, ticket.location)
    if message is None:
        return pb.DeliveryGrant(
            attempt=delivery.attempt, channel=channel, provider_id=delivery.provider_id, location=location
        )
    return pb.DeliveryGrant(
        attempt=delivery.attempt,
        channel=channel,
        address=message.address,
        display_name=message.display_name,
        business_name=message.business_name,
        text=message.text,
        chat_link=message.chat_link,
        idempotency_key=str(delivery.message_id),
        thread_key=str(snapshot.contact.id),
        location=location,
    )
