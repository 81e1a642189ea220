"""The page of a form's link shows the form while it accepts answers, and otherwise its state."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest
from google.rpc import code_pb2

from care.v1 import customer_service_pb2 as pb
from tests.integration.web.customer_service import CustomerService
from tests.integration.web.page import Page
from tests.integration.web.refusals import Failure

RLO, PDI, RLI = "\u202e", "\u2069", "\u2067"


async def test_the_form_shows_the_business_its_reply_and_the_consent_text(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    service.add(
        "t", business_name="Harbor Café", reply_text="We are sorry.\n\nThe team", consent_text="You may call me."
    )
    response = await pages.get("/f/t")
    page = Page(response)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.one("html").attributes == {"lang": "en", "dir": "ltr"}
    assert page.title == "Harbor Café would like to put things right"
    assert "".join(page.one("blockquote").parts) == "We are sorry.\n\nThe team"
    assert page.one("blockquote").attributes["dir"] == "auto"
    assert page.one("blockquote").attributes["lang"] == "", "nobody knows which language the business wrote it in"
    assert page.one("label", for_="consent").text == "You may call me."
    assert page.one("time").attributes["datetime"] == "2031-05-03T14:05:00+00:00"
    assert page.one("time").text == "3\u00a0May\u00a02031, 14:05 UTC"
    assert page.summary == {}


async def test_the_fields_have_types_and_autocomplete_hints(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add("t")
    page = Page(await pages.get("/f/t"))
    expected = {
        "email": {"type": "email", "autocomplete": "email", "inputmode": "email", "dir": "ltr"},
        "phone": {"type": "tel", "autocomplete": "tel", "inputmode": "tel", "dir": "ltr"},
        "display_name": {"type": "text", "autocomplete": "name", "dir": "auto"},
        "consent": {"type": "checkbox", "required": ""},
    }
    for name, attributes in expected.items():
        field = page.by_id(name)
        assert field.attributes["name"] == name
        assert attributes.items() <= field.attributes.items()
    for name in (*expected, "message"):
        assert page.one("label", for_=name).text
    form = page.one("form", method="post")
    assert "novalidate" in form.attributes, "errors are told by the page, alike in all browsers"
    assert form.attributes["action"] == "/f/t"
    assert page.all("script") == []


async def test_each_form_has_its_own_request_id(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add("t")
    ids = {Page(await pages.get("/f/t")).values["request_id"] for _ in range(3)}
    assert len({UUID(found) for found in ids}) == 3


@pytest.mark.parametrize(("region", "hint"), [("", "Start with the country code"), ("US", "from another country")])
async def test_the_phone_field_says_whether_the_country_code_is_needed(
    service: CustomerService, pages: httpx.AsyncClient, region: str, hint: str
) -> None:
    service.add("t", phone_region=region)
    page = Page(await pages.get("/f/t"))
    assert page.by_id("phone").attributes["aria-describedby"] == "phone-hint"
    assert hint in page.by_id("phone-hint").text


async def test_a_long_reply_has_a_skip_link(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add("long", reply_text="We are sorry. " * 100)
    page = Page(await pages.get("/f/long"))
    assert page.summary == {"answer": "Go to the form"}
    assert page.by_id("answer").attributes["tabindex"] == "-1"


async def test_an_answered_form_is_shown_as_answered_and_can_still_be_used(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    service.add("t", pb.CONTACT_FORM_STATE_ANSWERED)
    response = await pages.get("/f/t")
    page = Page(response)
    assert response.status_code == 200
    assert page.heading == "We already have contact details"
    assert "open" not in page.one("details").attributes
    assert "email" in page.values


async def test_a_form_of_a_closed_ticket_says_that_an_answer_starts_a_follow_up(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    link = service.add("t", pb.CONTACT_FORM_STATE_CLOSED)
    response = await pages.get("/f/t")
    page = Page(response)
    assert response.status_code == 200
    assert page.title == "Harbor Café has closed this case"
    assert page.heading == "We have closed this case"
    assert "Leave your details, and we’ll reopen it" in page.one("main").text
    assert "we are sorry that your table was not ready" in page.one("blockquote").text
    answer = await pages.post("/f/t", data=page.values | {"email": "jane@example.com", "consent": "yes"})
    assert answer.status_code == 303
    assert [claim.email for claim in link.claims] == ["jane@example.com"]


@pytest.mark.parametrize(
    ("state", "heading", "expected"),
    [
        (pb.CONTACT_FORM_STATE_EXPIRED, "This form has closed", "until 3\u00a0May\u00a02031, 14:05 UTC."),
        (pb.CONTACT_FORM_STATE_WITHDRAWN, "This form is no longer in use", "Harbor Café has withdrawn it"),
        (pb.CONTACT_FORM_STATE_REPLACED, "This form is no longer needed", "Harbor Café is in touch with the customer"),
    ],
)
async def test_an_ended_form_shows_its_state(
    service: CustomerService,
    pages: httpx.AsyncClient,
    state: pb.ContactFormState.ValueType,
    heading: str,
    expected: str,
) -> None:
    service.add("t", state)
    response = await pages.get("/f/t")
    page = Page(response)
    assert response.status_code == 410
    assert page.heading == heading
    assert expected in page.one("main").text
    assert page.all("form") == []


async def test_an_unknown_state_is_shown_as_an_outage(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add("t", pb.CONTACT_FORM_STATE_UNSPECIFIED)
    assert (await pages.get("/f/t")).status_code == 503


@pytest.mark.parametrize("token", ["nobody-knows", "x" * 200, "x" * 201, "%00", "%F0%9F%94%91", "a%3Fb%23c", "%FF"])
@pytest.mark.parametrize("path", ["/f/{}", "/f/{}/thanks"])
async def test_all_unknown_links_get_the_same_answer(pages: httpx.AsyncClient, path: str, token: str) -> None:
    response = await pages.get(path.format(token))
    assert response.status_code == 404
    assert response.text == (await pages.get("/f/other")).text
    assert Page(response).heading == "This link is not valid"


async def test_a_token_that_is_too_long_causes_no_call(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add("x" * 201)
    answers = [
        await pages.get(f"/f/{'x' * 201}"),
        await pages.get(f"/f/{'x' * 201}/thanks"),
        await pages.post(f"/f/{'x' * 201}", data={"email": "jane@example.com"}),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert service.calls == []


async def test_a_malformed_token_is_an_unknown_link(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.failure = Failure(code_pb2.INVALID_ARGUMENT, "INVALID_FIELD")
    response = await pages.get("/f/t")
    assert response.status_code == 404
    assert Page(response).heading == "This link is not valid"


async def test_the_page_says_that_the_service_is_down_and_when_to_retry(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    service.add("t/ü")
    service.failure = Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE", retry_seconds=90)
    response = await pages.get("/f/t%3F%C3%BC")
    page = Page(response)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "90"
    assert "Wait 2\u00a0minutes" in page.one("main").text
    assert page.one("a", class_="action").attributes["href"] == "/f/t%3F%C3%BC"


async def test_texts_of_the_business_are_text_and_not_markup(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    evil = "<script>alert(1)</script><b>&amp;\"'{{ 7 * 7 }}{business}"
    service.add("t", business_name=evil, reply_text=evil, consent_text=evil)
    page = Page(await pages.get("/f/t"))
    assert page.all("script") == page.all("b") == []
    assert page.one("blockquote").text == evil
    assert page.one("label", for_="consent").text == evil
    assert page.title == f"{evil} would like to put things right"
    for state in (pb.CONTACT_FORM_STATE_ANSWERED, pb.CONTACT_FORM_STATE_EXPIRED, pb.CONTACT_FORM_STATE_CLOSED):
        service.add("t", state, business_name=evil)
        shown = Page(await pages.get("/f/t"))
        assert shown.all("script") == shown.all("b") == []
        assert evil in shown.one("main").text


async def test_a_name_cannot_change_the_direction_of_the_page(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    service.add("t", business_name=f"Har{RLO}bor\n\tCafé{PDI}{RLI}\x07", reply_text=f"{RLO}sorry{PDI}")
    response = await pages.get("/f/t")
    page = Page(response)
    assert page.title == "Harbor Café would like to put things right"
    assert [name.text for name in page.all("bdi")] == ["Harbor Café", "+44", "Harbor Café"]
    # The reply keeps its characters: it is a separate block, and they have no effect beyond the block.
    assert page.one("blockquote").text == f"{RLO}sorry{PDI}"
    assert RLO not in response.text.replace(f"{RLO}sorry", "")


async def test_the_page_works_for_a_business_without_a_visible_name(
    service: CustomerService, pages: httpx.AsyncClient
) -> None:
    service.add("t", business_name=RLO)
    page = Page(await pages.get("/f/t"))
    assert page.title == "We’d like to put things right"
    assert "only our team sees it" in page.one("main").text
    assert page.all("bdi") == page.all("bdi", dir="ltr"), "where a name would be, nothing is"


async def test_reading_pages_submits_nothing(service: CustomerService, pages: httpx.AsyncClient) -> None:
    service.add("t")
    for method in ("GET", "HEAD"):
        for path in ("/f/t", "/f/t/thanks"):
            await pages.request(method, path)
    assert {type(call) for call in service.calls} == {pb.GetContactFormRequest}
