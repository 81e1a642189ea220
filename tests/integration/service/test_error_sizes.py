"""An error with many violations reaches the client, although the trailers of a call are limited."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from care.v1 import directory_service_pb2 as directory
from care.v1 import review_service_pb2 as reviews
from care.v1 import ticket_service_pb2 as tickets
from care.v1.directory_pb2 import Organization
from care.v1.ticket_pb2 import Ticket
from tests.integration.service.raw import raw
from tests.support.care import refusal
from tests.support.tenant import Tenant

OTHER = "organizations/other-organization/tickets/123456789012345678"


def everything_wrong(tenant: Tenant, case: str) -> tuple[str, Message]:
    organization, ticket = Organization(name=tenant.name), Ticket(name=f"{tenant.name}/tickets/1")
    match case:
        case "many paths":
            request = directory.UpdateOrganizationRequest(organization=organization)
            request.update_mask.paths.extend(f"path{number}" for number in range(10_000))
            return "DirectoryService/UpdateOrganization", request
        case "a long path":
            request = directory.UpdateOrganizationRequest(organization=organization)
            request.update_mask.paths.append("x" * 100_000)
            return "DirectoryService/UpdateOrganization", request
        case "paths that are written in many bytes":
            update = tickets.UpdateTicketRequest(ticket=ticket)
            update.update_mask.paths.extend("🍲" * 1_000 + str(number) for number in range(50))
            return "TicketService/UpdateTicket", update
        case "another organization's items":
            close = tickets.BatchCloseTicketsRequest(parent=tenant.name)
            close.requests.extend(tickets.CloseTicketRequest(name=OTHER) for _ in range(100))
            return "TicketService/BatchCloseTickets", close
        case "every field of a review":
            ingest = reviews.IngestReviewRequest(parent="x" * 5_000, request_id="x" * 5_000)
            for field in ("site", "external_id", "location", "author_display_name", "url"):
                setattr(ingest.review, field, "🍲\n" * 5_000)
            ingest.review.text = "x" * 100_000
            ingest.review.create_time.seconds = ingest.review.update_time.seconds = -(2**63)
            return "ReviewService/IngestReview", ingest
        case "a long field of a filter":
            return "TicketService/ListTickets", tickets.ListTicketsRequest(
                parent=tenant.name, filter="🍲" * 3_000 + " = a"
            )
        case "a long order":
            order = ",".join(f"{number}{'🍲' * 2_000}" for number in range(20))
            return "TicketService/ListTickets", tickets.ListTicketsRequest(parent=tenant.name, order_by=order)
        case _:
            raise ValueError(case)


@pytest.mark.parametrize(
    "case",
    [
        "many paths",
        "a long path",
        "paths that are written in many bytes",
        "another organization's items",
        "every field of a review",
        "a long field of a filter",
        "a long order",
    ],
)
async def test_an_error_with_many_violations_reaches_the_client(tenant: Tenant, case: str) -> None:
    method, request = everything_wrong(tenant, case)
    role = "service" if "Review" in method else "supervisor"
    token = tenant.care.token(sub="sue", org=tenant.id, roles=[role])
    error = await refusal(raw(tenant.care, f"care.v1.{method}", request.SerializeToString(), f"Bearer {token}"))
    assert error.reason == ("INVALID_FILTER" if "filter" in case else "INVALID_FIELD")
    assert error.field_violations
