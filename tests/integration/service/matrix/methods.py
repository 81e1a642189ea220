"""Every method of the contract, read from its descriptors."""

from __future__ import annotations

from typing import Final

from care.v1 import (
    conversation_service_pb2,
    customer_service_pb2,
    directory_service_pb2,
    lifecycle_service_pb2,
    review_service_pb2,
    ticket_service_pb2,
    worker_service_pb2,
)

METHODS: Final[dict[str, str]] = {
    method.name: f"{service.full_name}/{method.name}"
    for module in (
        conversation_service_pb2,
        customer_service_pb2,
        directory_service_pb2,
        lifecycle_service_pb2,
        review_service_pb2,
        ticket_service_pb2,
        worker_service_pb2,
    )
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
"""Full names such as `care.v1.TicketService/GetTicket`, by simple name."""
