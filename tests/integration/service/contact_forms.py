"""Calls on a contact form, as the holder of its link makes them."""

from __future__ import annotations

from care.v1 import customer_service_pb2 as customers
from care.v1.customer_service_pb2 import ContactForm
from care_client.errors import CareError
from tests.integration.service.commands import assert_refused
from tests.support.tenant import Tenant


async def read_form(tenant: Tenant, token: str) -> ContactForm:
    return (await tenant.customer.customers.GetContactForm(customers.GetContactFormRequest(token=token))).form


def form_state(shown: ContactForm) -> str:
    name = customers.ContactFormState.Name(shown.state)
    return name.removeprefix("CONTACT_FORM_STATE_")


async def submit(tenant: Tenant, token: str, email: str = "robin@example.com") -> None:
    request = customers.SubmitContactRequest(token=token, email=email, consent=True)
    await tenant.customer.customers.SubmitContact(request)


def assert_refused_without_details(error: CareError, reason: str) -> None:
    """Checks the reason of an error for a customer, and that the error contains nothing of the ticket."""
    assert_refused(error, reason)
    assert "organizations/" not in error.message
