"""Mistakes in the form: each has an error at its field, and the page keeps what was typed."""

from __future__ import annotations

import httpx
import pytest
from google.rpc import code_pb2

from care.v1 import customer_service_pb2 as pb
from tests.integration.web.customer_service import CustomerService
from tests.integration.web.form_answers import JANE, TYPED, fill_in, without_request_id
from tests.integration.web.page import Page
from tests.integration.web.refusals import Failure

ONE_OF_BOTH = "Enter an email address or a phone number"
EMAIL = "Enter a complete email address, such as name@example.com"
PHONE = "Enter a complete phone number that starts with the country code, such as +44"
NAME = "Enter a name of at most 200 characters on one line, or leave the field empty"
MESSAGE = "Enter a message of at most 4,000 characters, or leave the field empty"
CONSENT = "Tick the box if you agree; without your consent we can’t use your details"


@pytest.mark.parametrize(
    ("answers", "errors"),
    [
        ({}, {"email": ONE_OF_BOTH, "consent": CONSENT}),
        ({"email": " ", "phone": "\t", "consent": "yes"}, {"email": ONE_OF_BOTH}),
        ({"email": "jane@", "consent": "yes"}, {"email": EMAIL}),
        ({"email": "jane@", "phone": "12"}, {"email": EMAIL, "phone": PHONE, "consent": CONSENT}),
        ({"phone": "020 7946 0958", "consent": "yes"}, {"phone": PHONE}),
        ({"email": "jane@example.com", "display_name": "x" * 201, "consent": "yes"}, {"display_name": NAME}),
        ({"email": "jane@example.com", "message": "x" * 4001, "consent": "yes"}, {"message": MESSAGE}),
    ],
)
async def test_each_mistake_is_shown_at_its_field_and_in_the_summary(
    service: CustomerService, pages: httpx.AsyncClient, answers: dict[str, str], errors: dict[str, str]
) -> None:
    link = service.add("t")
    fresh = Page(await pages.get("/f/t"))
    response = await pages.post("/f/t", data=fresh.values | answers)
    page = Page(response)
    assert response.status_code == 422
    assert page.title == f"Error: {fresh.title}"
    assert page.errors == errors
    assert page.summary == errors
    assert list(page.summary) == list(errors), "in the order of the page"
    for name in page.summary:
        assert page.by_id(name).tag in {"input", "textarea"}, "each link of the summary leads to its field"
    assert link.claims == []


async def test_the_summary_gets_the_focus_and_the_answers_are_kept(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    link = service.add("t")
    values = await fill_in(pages, **(JANE | {"email": "jane@<i>"}))
    page = Page(await pages.post("/f/t", data=values))
    [focused] = [element for element in page.elements if "autofocus" in element.attributes]
    assert focused.attributes["tabindex"] == "-1"
    assert page.by_id(focused.attributes["aria-labelledby"]).text == "Please check what you entered"
    assert page.values == values | TYPED | {"email": "jane@<i>"}
    corrected = await pages.post("/f/t", data=page.values | {"email": "jane@example.com"})
    assert corrected.status_code == 303
    assert len(link.claims) == 1


async def test_the_error_of_a_phone_number_depends_on_the_region(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    service.add("t", phone_region="US")
    page = Page(await pages.post("/f/t", data={"phone": "12", "consent": "yes"}))
    assert "with its area code" in page.errors["phone"]
    assert page.by_id("phone").attributes["aria-describedby"] == "phone-hint phone-error"
    assert (await pages.post("/f/t", data={"phone": "(415) 555-2671", "consent": "yes"})).status_code == 303


async def test_mistakes_in_a_further_answer_leave_its_form_open(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    service.add("t", pb.CONTACT_FORM_STATE_ANSWERED)
    page = Page(await pages.post("/f/t", data={"email": "jane@"}))
    assert "open" in page.one("details").attributes
    assert set(page.errors) == {"email", "consent"}


async def test_an_error_in_an_unknown_field_is_shown_in_the_summary(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    service.add("t")
    service.submit_failure = Failure(code_pb2.INVALID_ARGUMENT, "INVALID_FIELD")
    response = await pages.post("/f/t", data=JANE)
    page = Page(response)
    assert response.status_code == 422
    assert "We couldn’t read part of the form" in page.one("div", class_="summary").text
    assert page.errors == page.summary == {}
    assert without_request_id(page.values) == TYPED
