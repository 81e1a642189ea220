"""The requests of the reference in docs/api are well-formed: the service refuses none for its fields."""

from __future__ import annotations

import pytest

from care_client.errors import CareError, care_errors
from tests.integration.service.raw import raw
from tests.support.care import Care
from tools.api_docs import examples
from tools.api_docs.contract import PACKAGE, Method, Service, load_contract

METHODS = [(service, method) for service in load_contract().services for method in service.methods]
NOT_THERE = {"RESOURCE_NOT_FOUND", "LINK_UNKNOWN"}
"""Reasons that are correct for the examples, because their tickets and links do not exist."""


@pytest.mark.parametrize(
    ("of", "method"), METHODS, ids=[f"{service.name}.{method.name}" for service, method in METHODS]
)
async def test_an_example_is_well_formed(service: Care, of: Service, method: Method) -> None:
    roles = [role.lower() for role in method.roles]
    token = f"Bearer {service.token(sub='alice', org='acme', roles=roles)}" if roles else None
    body = examples.request(of, method).SerializeToString()
    try:
        with care_errors():
            await raw(service, f"{PACKAGE}.{of.name}/{method.name}", body, token)
    except CareError as error:
        assert error.reason in NOT_THERE, (error.message, error.field_violations)  # noqa: PT017 - it may succeed as well
