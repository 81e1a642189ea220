"""Sending the form: it is taken once, what is wrong is said at its field, and nothing that was typed gets lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import grpc
import httpx
import pytest
from google.rpc import code_pb2

from care.v1 import customer_service_pb2 as pb
from care.v1.customer_service_pb2_grpc import CustomerServiceStub
from care_client.channel import open_channel
from care_web.app import create_app
from tests.integration.web.customer_service import CustomerService, serve
from tests.integration.web.page import Page
from tests.integration.web.refusals import Failure

JANE = {
    "email": "jane@example.com",
    "phone": "+44 20 7946 0958",
    "display_name": "Jane <b>Doe</b>",
    "message": "\n  Cold soup.\n\nMornings & evenings are best.",
    "consent": "yes",
}
"""All that can be typed, such that each value has to survive being shown again."""

TYPED = {**JANE, "message": JANE["message"].strip()}
"""What is shown of it."""


THANKS = "/f/t/thanks?reference=3F9A-12C7"


def without_id(values: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name != "request_id"}


async def filled_in(pages: httpx.AsyncClient, path: str = "/f/t", **answers: str) -> dict[str, str]:
    """What a browser sends after the form was opened and these answers were typed."""
    return Page(await pages.get(path)).values | (answers or JANE)


async def test_an_answer_is_taken_and_thanked_for(service: CustomerService, pages: httpx.AsyncClient) -> None:
    link = service.add("t")
    values = await filled_in(pages)
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


async def test_line_ends_and_white_space_arrive_as_they_were_meant(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    link = service.add("t")
    body = {"email": " jane@example.com\t", "message": "a\r\n\r\nb\0 ", "consent": "yes"}
    await pages.post("/f/t", data=body)
    [claim] = link.claims
    assert (claim.email, claim.message) == ("jane@example.com", "a\n\nb")


@pytest.mark.parametrize("contact", [{"email": "jane@example.com"}, {"phone": "+44 20 7946 0958"}])
async def test_one_of_email_and_phone_is_enough(
    service: CustomerService, pages: httpx.AsyncClient, contact: dict[str, str]
) -> None:
    link = service.add("t")
    response = await pages.post("/f/t", data=await filled_in(pages, **contact, consent="yes"))
    assert response.status_code == 303
    assert len(link.claims) == 1


@pytest.mark.parametrize("state", [pb.CONTACT_FORM_STATE_EXPIRED, pb.CONTACT_FORM_STATE_CLOSED])
async def test_thanks_stand_whatever_becomes_of_the_form_later(
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
async def test_only_what_looks_like_a_reference_is_shown_as_one(
    service: CustomerService, pages: httpx.AsyncClient, written: str
) -> None:
    service.add("t", pb.CONTACT_FORM_STATE_ANSWERED)
    page = Page(await pages.get("/f/t/thanks", params={"reference": written}))
    assert page.heading == "Thank you, we’ve received your details"
    assert page.all("dl") == []
    assert "if you ask about it" not in page.one("main").text


async def test_an_answer_without_a_reference_is_thanked_for_all_the_same(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    service.add("t")
    service.reference = ""
    response = await pages.post("/f/t", data=JANE)
    assert (response.status_code, response.headers["Location"]) == (303, "/f/t/thanks")


async def test_nobody_is_thanked_for_nothing(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add("t")
    response = await pages.get("/f/t/thanks")
    assert (response.status_code, response.headers["Location"]) == (303, "/f/t")


# --- twice ------------------------------------------------------------------------------------------------------------


async def test_a_double_click_acts_once(service: CustomerService, pages: httpx.AsyncClient) -> None:
    link = service.add("t")
    values = await filled_in(pages)
    responses = await asyncio.gather(*(pages.post("/f/t", data=values) for _ in range(3)))
    assert {(response.status_code, response.headers["Location"]) for response in responses} == {(303, THANKS)}
    assert len(link.claims) == 1


async def test_a_form_that_was_sent_changed_and_sent_again_is_a_further_answer(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    link = service.add("t")
    values = await filled_in(pages)
    await pages.post("/f/t", data=values)
    changed = values | {"message": "Call after six."}
    responses = await asyncio.gather(*(pages.post("/f/t", data=changed) for _ in range(3)))
    assert {response.status_code for response in responses} == {303}
    assert [claim.message for claim in link.claims] == [TYPED["message"], "Call after six."], "the change acts once too"
    first, second = (UUID(claim.request_id) for claim in link.claims)
    assert first != second


@pytest.mark.parametrize("request_id", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
async def test_an_answer_without_a_usable_request_id_is_taken(
    service: CustomerService, pages: httpx.AsyncClient, request_id: str
) -> None:
    link = service.add("t")
    response = await pages.post("/f/t", data=JANE | {"request_id": request_id})
    assert response.status_code == 303
    assert UUID(link.claims[0].request_id).int


# --- what is wrong ----------------------------------------------------------------------------------------------------

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
async def test_each_mistake_is_told_at_its_field_and_in_the_summary(
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
        assert page.by_id(name).tag in {"input", "textarea"}, "a link of the summary leads to its field"
    assert link.claims == []


async def test_the_summary_gets_the_focus_and_what_was_typed_is_kept(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    link = service.add("t")
    values = await filled_in(pages, **(JANE | {"email": "jane@<i>"}))
    page = Page(await pages.post("/f/t", data=values))
    [focused] = [element for element in page.elements if "autofocus" in element.attributes]
    assert focused.attributes["tabindex"] == "-1"
    assert page.by_id(focused.attributes["aria-labelledby"]).text == "Please check what you entered"
    assert page.values == values | TYPED | {"email": "jane@<i>"}
    corrected = await pages.post("/f/t", data=page.values | {"email": "jane@example.com"})
    assert corrected.status_code == 303
    assert len(link.claims) == 1


async def test_a_number_without_country_code_is_explained_by_the_region(
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


async def test_a_refused_field_that_the_page_does_not_have_is_told_in_general(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    service.add("t")
    service.submit_failure = Failure(code_pb2.INVALID_ARGUMENT, "INVALID_FIELD")
    response = await pages.post("/f/t", data=JANE)
    page = Page(response)
    assert response.status_code == 422
    assert "We couldn’t read part of the form" in page.one("div", class_="summary").text
    assert page.errors == page.summary == {}
    assert without_id(page.values) == TYPED


# --- too late ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "heading"),
    [
        (pb.CONTACT_FORM_STATE_EXPIRED, "This form has closed"),
        (pb.CONTACT_FORM_STATE_WITHDRAWN, "This form is no longer in use"),
        (pb.CONTACT_FORM_STATE_REPLACED, "This form is no longer needed"),
    ],
)
@pytest.mark.parametrize("answers", [JANE, {"email": "jane@"}], ids=["right", "wrong"])
async def test_a_form_that_ended_while_it_was_open_says_so(
    service: CustomerService,
    pages: httpx.AsyncClient,
    state: pb.ContactFormState.ValueType,
    heading: str,
    answers: dict[str, str],
) -> None:
    service.add("t")
    values = await filled_in(pages, **answers)
    service.add("t", state)
    response = await pages.post("/f/t", data=values)
    assert response.status_code == 410
    assert Page(response).heading == heading


@pytest.mark.parametrize(
    ("reason", "heading"),
    [
        ("LINK_EXPIRED", "This form has closed"),
        ("LINK_WITHDRAWN", "This form is no longer in use"),
    ],
)
async def test_a_refusal_counts_even_where_the_form_reads_as_open(
    service: CustomerService, pages: httpx.AsyncClient, reason: str, heading: str
) -> None:
    service.add("t")
    service.submit_failure = Failure(code_pb2.FAILED_PRECONDITION, reason)
    response = await pages.post("/f/t", data=JANE)
    assert response.status_code == 410
    assert Page(response).heading == heading


async def test_an_unknown_link_takes_nothing(pages: httpx.AsyncClient) -> None:
    response = await pages.post("/f/nobody-knows", data=JANE)
    assert response.status_code == 404
    assert Page(response).heading == "This link is not valid"


# --- not just now -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason", "status", "heading"),
    [
        (code_pb2.RESOURCE_EXHAUSTED, "RATE_LIMITED", 429, "Please wait a moment"),
        (code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE", 503, "We can’t receive your answer right now"),
        (code_pb2.ABORTED, "CONTENDED", 503, "We can’t receive your answer right now"),
        (code_pb2.DEADLINE_EXCEEDED, "", 503, "We can’t receive your answer right now"),
        (code_pb2.INTERNAL, "", 503, "We can’t receive your answer right now"),
    ],
)
async def test_what_was_typed_survives_a_service_that_cannot_take_it(
    service: CustomerService, pages: httpx.AsyncClient, code: int, reason: str, status: int, heading: str
) -> None:
    link = service.add("t")
    values = await filled_in(pages)
    service.failure = Failure(code, reason, retry_seconds=30)
    response = await pages.post("/f/t", data=values)
    page = Page(response)
    assert response.status_code == status
    assert response.headers["Retry-After"] == "30"
    assert page.heading == heading
    assert page.title == f"Error: {heading}"
    assert page.values == values | TYPED
    service.failure = None
    again = await pages.post("/f/t", data=page.values)
    assert again.status_code == 303
    assert len(link.claims) == 1


async def test_an_answer_that_arrived_although_its_thanks_got_lost_acts_once(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    link = service.add("t")
    service.failure = Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE", after_acting=True)
    response = await pages.post("/f/t", data=JANE)
    assert response.status_code == 503
    service.failure = None
    assert (await pages.post("/f/t", data=Page(response).values)).status_code == 303
    assert len(link.claims) == 1


async def test_a_service_that_is_not_there_loses_nothing_either() -> None:
    async with open_channel("127.0.0.1:1") as channel:
        transport = httpx.ASGITransport(create_app(CustomerServiceStub(channel)))
        async with httpx.AsyncClient(transport=transport, base_url="http://care.example") as pages:
            assert (await pages.get("/healthz")).status_code == 200
            assert (await pages.get("/f/t")).status_code == 503
            response = await pages.post("/f/t", data=JANE)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert without_id(Page(response).values) == TYPED


async def test_one_address_may_not_submit_without_end_and_others_still_may(service: CustomerService) -> None:
    service.add("t")

    def pages(address: str, channel: grpc.aio.Channel) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=(address, 1)), base_url="http://care.example"
        )

    async with serve(service) as server, open_channel(server) as channel:
        app = create_app(CustomerServiceStub(channel), submissions_per_minute=3)
        async with pages("2001:db8::1", channel) as one, pages("2001:db8::2", channel) as same:
            statuses = [(await one.post("/f/t", data={"email": "jane@"})).status_code for _ in range(3)]
            assert statuses == [422, 422, 422]
            calls = len(service.calls)
            response = await same.post("/f/t", data=JANE)
            assert response.status_code == 429
            assert 1 <= int(response.headers["Retry-After"]) <= 60
            assert without_id(Page(response).values) == TYPED
            assert len(service.calls) == calls, "the service is not even asked"
            assert (await same.get("/f/t")).status_code == 200, "reading is not limited"
        async with pages("2001:db8:0:1::1", channel) as other:
            assert (await other.post("/f/t", data=JANE)).status_code == 303


# --- what is no form of ours ------------------------------------------------------------------------------------------

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("media_type", ["multipart/form-data; boundary=x", "application/json", "text/plain", ""])
async def test_only_url_encoded_forms_are_read(
    service: CustomerService, pages: httpx.AsyncClient, media_type: str
) -> None:
    link = service.add("t")
    headers = {"Content-Type": media_type} if media_type else {}
    response = await pages.post("/f/t", content=b"email=jane@example.com&consent=yes", headers=headers)
    assert response.status_code == 415
    assert Page(response).heading == "We couldn’t read what was sent"
    assert link.claims == []


async def test_the_media_type_may_have_parameters(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add("t")
    headers = {"Content-Type": "Application/X-WWW-Form-URLEncoded; charset=UTF-8"}
    response = await pages.post("/f/t", content="email=jos%C3%A9@example.com&consent=yes", headers=headers)
    assert response.status_code == 303
    assert service.links["t"].claims[0].email == "josé@example.com"


@pytest.mark.parametrize(("length", "status"), [(64 * 1024, 422), (64 * 1024 + 1, 413)])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_may_have_64_kib(
    service: CustomerService, pages: httpx.AsyncClient, length: int, status: int, announced: bool
) -> None:
    service.add("t")
    body = b"message=".ljust(length, b"x")

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, length, 1000):
            yield body[start : start + 1000]

    response = await pages.post("/f/t", content=body if announced else chunks(), headers={"Content-Type": FORM})
    assert response.status_code == status


async def test_the_longest_message_fits_whatever_it_is_written_in(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    link = service.add("t")
    message = "𓀀" * 4000
    assert (await pages.post("/f/t", data=JANE | {"message": message})).status_code == 303
    assert link.claims[0].message == message


async def test_a_body_with_too_many_fields_is_not_read(service: CustomerService, pages: httpx.AsyncClient) -> None:
    link = service.add("t")
    body = "&".join(f"x{number}=1" for number in range(50)) + "&email=jane@example.com&consent=yes"
    response = await pages.post("/f/t", content=body, headers={"Content-Type": FORM})
    assert response.status_code == 400
    assert link.claims == []


@pytest.mark.parametrize("body", [b"", b"&&&==%%%", b"\xff\xfe=\xff", b"email=%FF%00%ED%A0%80&consent", b"%"])
async def test_nonsense_is_an_empty_form(service: CustomerService, pages: httpx.AsyncClient, body: bytes) -> None:
    service.add("t")
    response = await pages.post("/f/t", content=body, headers={"Content-Type": FORM})
    assert response.status_code == 422
