"""Sending a form that has ended, or while the service is down or limits the caller."""

from __future__ import annotations

import grpc
import httpx
import pytest
from google.rpc import code_pb2

from care.v1 import customer_service_pb2 as pb
from care.v1.customer_service_pb2_grpc import CustomerServiceStub
from care_client.channel import open_channel
from care_web.app import create_app
from tests.integration.web.customer_service import CustomerService, serve
from tests.integration.web.form_answers import JANE, TYPED, fill_in, without_request_id
from tests.integration.web.page import Page
from tests.integration.web.refusals import Failure


@pytest.mark.parametrize(
    ("state", "heading"),
    [
        (pb.CONTACT_FORM_STATE_EXPIRED, "This form has closed"),
        (pb.CONTACT_FORM_STATE_WITHDRAWN, "This form is no longer in use"),
        (pb.CONTACT_FORM_STATE_REPLACED, "This form is no longer needed"),
    ],
)
@pytest.mark.parametrize("answers", [JANE, {"email": "jane@"}], ids=["right", "wrong"])
async def test_a_form_that_ended_while_it_was_open_is_refused(
    service: CustomerService,
    pages: httpx.AsyncClient,
    state: pb.ContactFormState.ValueType,
    heading: str,
    answers: dict[str, str],
) -> None:
    service.add("t")
    values = await fill_in(pages, **answers)
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
async def test_a_refusal_is_shown_even_if_the_form_is_read_as_open(
    service: CustomerService, pages: httpx.AsyncClient, reason: str, heading: str
) -> None:
    service.add("t")
    service.submit_failure = Failure(code_pb2.FAILED_PRECONDITION, reason)
    response = await pages.post("/f/t", data=JANE)
    assert response.status_code == 410
    assert Page(response).heading == heading


async def test_an_unknown_link_accepts_no_answer(pages: httpx.AsyncClient) -> None:
    response = await pages.post("/f/nobody-knows", data=JANE)
    assert response.status_code == 404
    assert Page(response).heading == "This link is not valid"


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
async def test_the_answers_are_kept_if_the_service_cannot_accept_them(
    service: CustomerService, pages: httpx.AsyncClient, code: int, reason: str, status: int, heading: str
) -> None:
    link = service.add("t")
    values = await fill_in(pages)
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


async def test_an_answer_whose_response_was_lost_is_submitted_once(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    link = service.add("t")
    service.failure = Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE", after_acting=True)
    response = await pages.post("/f/t", data=JANE)
    assert response.status_code == 503
    service.failure = None
    assert (await pages.post("/f/t", data=Page(response).values)).status_code == 303
    assert len(link.claims) == 1


async def test_the_answers_are_kept_if_the_service_is_not_running() -> None:
    async with open_channel("127.0.0.1:1") as channel:
        transport = httpx.ASGITransport(create_app(CustomerServiceStub(channel)))
        async with httpx.AsyncClient(transport=transport, base_url="http://care.example") as pages:
            assert (await pages.get("/healthz")).status_code == 200
            assert (await pages.get("/f/t")).status_code == 503
            response = await pages.post("/f/t", data=JANE)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert without_request_id(Page(response).values) == TYPED


async def test_submissions_are_limited_per_address(service: CustomerService) -> None:
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
            assert without_request_id(Page(response).values) == TYPED
            assert len(service.calls) == calls, "the service is not called"
            assert (await same.get("/f/t")).status_code == 200, "reading is not limited"
        async with pages("2001:db8:0:1::1", channel) as other:
            assert (await other.post("/f/t", data=JANE)).status_code == 303
