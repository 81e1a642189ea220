"""Sending the form: an answer is accepted once, and the customer is thanked."""

from __future__ import annotations

import asyncio
from uuid import UUID

import httpx
import pytest
from google.rpc import code_pb2

from care.v1 import customer_service_pb2 as pb
from tests.integration.web.customer_service import CustomerService
from tests.integration.web.form_answers import JANE, THANKS, TYPED, fill_in
from tests.integration.web.page import Page
from tests.integration.web.refusals import Failure


async def test_an_answer_is_accepted_and_the_customer_is_thanked(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    link = service.add("t")
    values = await fill_in(pages)
    response = await pages.post("/f/t", data=values)
    assert response.status_code == 303
    assert response.headers["Location"] == THANKS
    assert link.claims == [
        pb.SubmitContactRequest(
            token="t",
            email="jane@example.com",
            phone="+44 20 7946 0958",
            display_name="Jane <b>Doe</b>",
            message="Cold soup.\n\nMornings & evenings are best.",
            consent=True,
            request_id=values["request_id"],
        )
    ]
    thanks = await pages.get(response.headers["Location"])
    page = Page(thanks)
    assert thanks.status_code == 200
    assert page.heading == "Thank you, we’ve received your details"
    assert "The team at Harbor Café" in page.one("main").text
    assert page.one("dl", class_="reference").text == "Your reference number 3F9A-12C7"
    assert page.one("dd").attributes == {"dir": "ltr", "translate": "no"}
    assert page.one("a", class_="action").attributes["href"] == "/f/t"


async def test_line_ends_are_normalized_and_surrounding_white_space_is_removed(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    link = service.add("t")
    body = {"email": " jane@example.com\t", "message": "a\r\n\r\nb\0 ", "consent": "yes"}
    await pages.post("/f/t", data=body)
    [claim] = link.claims
    assert (claim.email, claim.message) == ("jane@example.com", "a\n\nb")


@pytest.mark.parametrize("contact", [{"email": "jane@example.com"}, {"phone": "+44 20 7946 0958"}])
async def test_an_email_address_or_a_phone_number_is_enough(
    service: CustomerService, pages: httpx.AsyncClient, contact: dict[str, str]
) -> None:
    link = service.add("t")
    response = await pages.post("/f/t", data=await fill_in(pages, **contact, consent="yes"))
    assert response.status_code == 303
    assert len(link.claims) == 1


@pytest.mark.parametrize("state", [pb.CONTACT_FORM_STATE_EXPIRED, pb.CONTACT_FORM_STATE_CLOSED])
async def test_the_thanks_page_is_shown_in_every_later_state_of_the_form(
    service: CustomerService, pages: httpx.AsyncClient, state: pb.ContactFormState.ValueType
) -> None:
    service.add("t", state)
    assert (await pages.get("/f/t/thanks")).status_code == 200
    service.failure = Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE")
    response = await pages.get("/f/t/thanks")
    assert response.status_code == 200
    assert "We’ll use them" in Page(response).one("main").text


@pytest.mark.parametrize(
    "written", ["3f9a-12c7", "3F9A-12C7 ", "CALL-0900-1234", "<b>1-</b>", "", "3F9A\u2010C712"], ids=ascii
)
async def test_only_a_valid_reference_is_shown(
    service: CustomerService, pages: httpx.AsyncClient, written: str
) -> None:
    service.add("t", pb.CONTACT_FORM_STATE_ANSWERED)
    page = Page(await pages.get("/f/t/thanks", params={"reference": written}))
    assert page.heading == "Thank you, we’ve received your details"
    assert page.all("dl") == []
    assert "if you ask about it" not in page.one("main").text


async def test_the_customer_is_thanked_without_a_reference(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add("t")
    service.reference = ""
    response = await pages.post("/f/t", data=JANE)
    assert (response.status_code, response.headers["Location"]) == (303, "/f/t/thanks")


async def test_an_open_form_has_no_thanks_page(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add("t")
    response = await pages.get("/f/t/thanks")
    assert (response.status_code, response.headers["Location"]) == (303, "/f/t")


async def test_a_double_click_submits_once(service: CustomerService, pages: httpx.AsyncClient) -> None:
    link = service.add("t")
    values = await fill_in(pages)
    responses = await asyncio.gather(*(pages.post("/f/t", data=values) for _ in range(3)))
    assert {(response.status_code, response.headers["Location"]) for response in responses} == {(303, THANKS)}
    assert len(link.claims) == 1


async def test_a_changed_form_that_is_sent_again_is_a_further_answer(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    link = service.add("t")
    values = await fill_in(pages)
    await pages.post("/f/t", data=values)
    changed = values | {"message": "Call after six."}
    responses = await asyncio.gather(*(pages.post("/f/t", data=changed) for _ in range(3)))
    assert {response.status_code for response in responses} == {303}
    assert [claim.message for claim in link.claims] == [TYPED["message"], "Call after six."], (
        "the changed form is submitted once too"
    )
    first, second = (UUID(claim.request_id) for claim in link.claims)
    assert first != second


@pytest.mark.parametrize("request_id", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
async def test_an_answer_without_a_usable_request_id_is_accepted(
    service: CustomerService, pages: httpx.AsyncClient, request_id: str
) -> None:
    link = service.add("t")
    response = await pages.post("/f/t", data=JANE | {"request_id": request_id})
    assert response.status_code == 303
    assert UUID(link.claims[0].request_id).int
