"""Each page in each language, selected by the browser or by the reader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from google.rpc import code_pb2
from markupsafe import Markup

from care.v1 import customer_service_pb2 as pb
from care_web.languages import LANGUAGES, Language
from tests.integration.web.customer_service import EXPIRE_TIME, CustomerService
from tests.integration.web.page import Page
from tests.integration.web.refusals import Failure

EACH = pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
NAME = "Harbor Café"

AWAY = Failure(code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE", 90)
LIMITED = Failure(code_pb2.RESOURCE_EXHAUSTED, "RATE_LIMITED", 90)
LOCKED = Failure(code_pb2.FAILED_PRECONDITION, "CHAT_LOCKED", 90)
GOOD = {"email": "jane@example.com", "consent": "yes"}
TYPED = GOOD | {"phone": "+44 20 7946 0958", "display_name": "Jane Doe", "message": "Cold soup."}


@dataclass(frozen=True)
class Answer:
    """A request for a page, and the keys of texts that the page must contain."""

    heading: str
    status: int
    path: str
    data: Mapping[str, str] | None = None
    content: bytes | None = None
    failure: Failure | None = None
    texts: tuple[str, ...] = ()
    """Keys of further texts that the page contains unchanged."""


ANSWERS = [
    Answer("form.greeting", 200, "/f/open", texts=("form.heading", "form.lead", "email.label", "submit", "footer")),
    Answer("answered.greeting", 200, "/f/answered", texts=("answered.lead", "answered.invite", "answered.open")),
    Answer("closed.greeting", 200, "/f/closed", texts=("closed.lead", "form.heading", "submit")),
    Answer("expired.title", 410, "/f/expired"),
    Answer("withdrawn.title", 410, "/f/withdrawn"),
    Answer("replaced.title", 410, "/f/replaced"),
    Answer("expired.title", 410, "/f/expired", data=GOOD),
    Answer("withdrawn.title", 410, "/f/withdrawn", data=GOOD),
    Answer("thanks.title", 200, "/f/answered/thanks?reference=3F9A-12C7", texts=("thanks.reference", "thanks.more")),
    Answer("unknown.title", 404, "/f/unknown", texts=("unknown.lead", "unknown.advice")),
    Answer("unknown.title", 404, "/f/unknown", data=GOOD),
    Answer("unavailable.title", 503, "/f/open", failure=AWAY, texts=("unavailable.retry",)),
    Answer("down.title", 503, "/f/open", data=GOOD, failure=AWAY, texts=("kept", "consent.earlier", "submit.again")),
    Answer("busy.title", 429, "/f/open", data=GOOD, failure=LIMITED, texts=("kept", "submit.again")),
    Answer("form.greeting", 422, "/f/open", data={}, texts=("errors.heading", "errors.contact", "errors.consent")),
    Answer("large.title", 413, "/f/open", data={"message": "x" * 70_000}),
    Answer("unreadable.title", 415, "/f/open", content=b"{}", texts=("unreadable.lead",)),
    Answer("unreadable.title", 405, "/f/open/thanks", data=GOOD),
    Answer("chat.title", 200, "/c/chat", texts=("chat.empty", "text.label", "chat.send", "chat.private")),
    Answer("chat.title", 200, "/c/closed", texts=("chat.you", "chat.refresh")),
    Answer("chat.title", 422, "/c/chat", data={"text": ""}, texts=("chat.errors.empty",)),
    Answer("down.title", 503, "/c/chat", data={"text": "Hello"}, failure=AWAY, texts=("kept", "submit.again")),
    Answer("locked.title", 409, "/c/chat", data={"text": "Hello"}, failure=LOCKED, texts=("kept", "submit.again")),
    Answer("missing.title", 404, "/nowhere", texts=("missing.lead", "missing.advice")),
    Answer("root.title", 200, "/", texts=("root.lead", "root.advice")),
]


@pytest.fixture
async def links(service: CustomerService) -> CustomerService:
    """Adds a link in each state, with the state's name as token."""
    for state in pb.ContactFormState.values():
        if state != pb.CONTACT_FORM_STATE_UNSPECIFIED:
            service.add(pb.ContactFormState.Name(state).removeprefix("CONTACT_FORM_STATE_").lower(), state)
    service.add_chat("chat")
    closed = service.add_chat("closed")
    await closed.say("Hello", pb.CHAT_AUTHOR_CUSTOMER)
    await closed.close()
    return service


async def ask(
    pages: httpx.AsyncClient, answer: Answer, headers: Mapping[str, str] | None = None, query: str = ""
) -> httpx.Response:
    method = "GET" if answer.data is None and answer.content is None else "POST"
    media_type = {"Content-Type": "application/x-www-form-urlencoded"} if answer.data is not None else {}
    path = answer.path + (("&" if "?" in answer.path else "?") + query if query else "")
    return await pages.request(
        method, path, data=answer.data, content=answer.content, headers={**media_type, **(headers or {})}
    )


def read(text: Markup) -> str:
    """Returns the text of HTML. ``striptags`` would replace no-break spaces."""
    return unescape(re.sub("<[^>]*>", "", text))


def assert_language(response: httpx.Response, language: Language) -> Page:
    page = Page(response)
    assert page.one("html").attributes == {"lang": language.tag, "dir": language.direction}
    assert response.headers["Content-Language"] == language.tag
    assert response.headers["Vary"] == "Accept-Language"
    return page


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: f"{answer.status} {answer.heading}")
async def test_every_page_is_in_the_language_that_the_browser_requests(
    links: CustomerService, pages: httpx.AsyncClient, answer: Answer
) -> None:
    links.failure = answer.failure
    for language in LANGUAGES.values():
        response = await ask(pages, answer, {"Accept-Language": f"{language.tag}-XX, nl;q=0.9"})
        assert response.status_code == answer.status
        page = assert_language(response, language)
        assert page.heading.removeprefix("H ") == read(language.translate(answer.heading, business=NAME))
        everything = page.one("body").text
        assert [key for key in answer.texts if language.translate_plain(key) not in everything] == []
        assert "{" not in everything, "nothing is left to be filled in"


@EACH
async def test_values_of_placeholders_are_in_the_language_of_the_page(
    links: CustomerService, pages: httpx.AsyncClient, language: Language
) -> None:
    headers = {"Accept-Language": language.tag}
    form = Page(await pages.get("/f/open", headers=headers))
    assert form.title == language.translate_plain("form.title", business=NAME)
    assert read(language.translate("form.private", business=NAME)) in form.one("main").text
    assert read(language.translate("form.until", time=language.format_time(EXPIRE_TIME))) in form.one("main").text
    large = Page(await pages.post("/f/open", headers=headers, data={"message": "x" * 70_000}))
    assert read(language.translate("large.lead", limit=language.format_number(4000))) in large.one("main").text
    links.failure = AWAY
    away = Page(await pages.get("/f/open", headers=headers))
    assert language.format_wait(90) in away.one("main").text


@EACH
async def test_errors_are_in_the_language_of_the_page(
    links: CustomerService, pages: httpx.AsyncClient, language: Language
) -> None:
    wrong = {"email": "jane@", "phone": "12", "display_name": "x" * 201, "message": "x" * 4001}
    page = Page(await pages.post("/f/open", data=wrong, headers={"Accept-Language": language.tag}))
    told = {name: read(language.translate(f"errors.{name}")) for name in (*wrong, "consent")}
    assert page.summary == told
    for name, message in told.items():
        assert page.by_id(f"{name}-error").text == f"{language.translate_plain('errors.prefix')} {message}"
    assert page.title == language.translate_plain(
        "title.error", title=language.translate_plain("form.title", business=NAME)
    )


@pytest.mark.parametrize("header", [None, "nl, ja;q=0.5", "*", "nonsense;;q=,"])
async def test_english_is_the_default_language(
    links: CustomerService, pages: httpx.AsyncClient, header: str | None
) -> None:
    response = await pages.get("/f/open", headers={"Accept-Language": header} if header is not None else {})
    assert_language(response, LANGUAGES["en"])


async def test_texts_of_the_business_are_not_translated(service: CustomerService, pages: httpx.AsyncClient) -> None:
    reply, consent = "Es tut uns leid.", "Sie dürfen mich anrufen."
    service.add("t", business_name="مقهى الميناء", reply_text=reply, consent_text=consent)
    page = Page(await pages.get("/f/t", headers={"Accept-Language": "fr"}))
    assert page.one("blockquote").text == reply
    assert page.one("label", for_="consent").text == consent
    [label] = page.all("span", class_="line-breaks")
    for element in (page.one("blockquote"), label):
        assert (element.attributes["dir"], element.attributes["lang"]) == ("auto", "")
    assert page.all("bdi")[0].text == "مقهى الميناء"


async def test_the_default_consent_text_is_in_the_language_of_the_page(
    links: CustomerService, pages: httpx.AsyncClient
) -> None:
    links.failure = AWAY
    page = Page(await pages.post("/f/open", data=GOOD, headers={"Accept-Language": "ar"}))
    [label] = page.all("span", class_="line-breaks")
    assert label.attributes == {"class": "line-breaks"}, "neither of another language nor of another direction"


# --- the language switch ----------------------------------------------------------------------------------------------


def offered_languages(page: Page) -> dict[str, str]:
    """Returns the names of the offered languages by tag."""
    offers = [*page.all("a", rel="nofollow"), *page.all("button", name="lang")]
    return {offer.attributes["lang"]: offer.text for offer in offers}


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: f"{answer.status} {answer.heading}")
async def test_every_page_offers_the_other_languages_by_their_own_names(
    links: CustomerService, pages: httpx.AsyncClient, answer: Answer
) -> None:
    links.failure = answer.failure
    page = Page(await ask(pages, answer, {"Accept-Language": "de"}))
    assert offered_languages(page) == {"en": "English", "es": "Español", "fr": "Français", "ar": "العربية"}
    current = page.one("span", lang="de")
    assert (current.text, current.attributes["aria-current"]) == ("Deutsch", "true")
    assert page.one("nav").attributes["aria-label"] == "Sprache"


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: f"{answer.status} {answer.heading}")
async def test_a_chosen_language_takes_precedence_over_the_browsers(
    links: CustomerService, pages: httpx.AsyncClient, answer: Answer
) -> None:
    links.failure = answer.failure
    for language in LANGUAGES.values():
        other = "fr" if language.tag != "fr" else "es"
        page = assert_language(await ask(pages, answer, {"Accept-Language": other}, f"lang={language.tag}"), language)
        assert page.heading.removeprefix("H ") == read(language.translate(answer.heading, business=NAME))


@pytest.mark.parametrize("choice", ["nl", "DE", "", "<b>", "de&lang=nl"])
async def test_an_unknown_choice_changes_nothing(links: CustomerService, pages: httpx.AsyncClient, choice: str) -> None:
    response = await pages.get(f"/f/open?lang={choice}", headers={"Accept-Language": "es"})
    page = assert_language(response, LANGUAGES["es"])
    assert page.one("form").attributes["action"] == "/f/open", "and is not passed on"


async def test_the_links_of_the_switch_lead_to_the_same_page(links: CustomerService, pages: httpx.AsyncClient) -> None:
    path = "/f/answered/thanks"
    page = Page(await pages.get(f"{path}?reference=3F9A-12C7"))
    for tag in offered_languages(page):
        [link] = page.all("a", lang=tag)
        assert parse_qs(urlsplit(link.attributes["href"]).query) == {"lang": [tag], "reference": ["3F9A-12C7"]}
        there = assert_language(await pages.get(f"{path}{link.attributes['href']}"), LANGUAGES[tag])
        assert there.heading == LANGUAGES[tag].translate_plain("thanks.title")
        assert there.one("dd").text == "3F9A-12C7"


async def test_a_choice_is_kept_on_the_next_pages(links: CustomerService, pages: httpx.AsyncClient) -> None:
    arabic = LANGUAGES["ar"]
    form = Page(await pages.get("/f/open?lang=ar"))
    action = form.one("form").attributes["action"]
    assert action == "/f/open?lang=ar"
    wrong = Page(await pages.post(action, data=form.values))
    assert wrong.one("form").attributes["action"] == action
    sent = await pages.post(action, data=wrong.values | GOOD)
    assert sent.headers["Location"] == "/f/open/thanks?lang=ar&reference=3F9A-12C7"
    thanks = assert_language(await pages.get(sent.headers["Location"]), arabic)
    more = thanks.one("a", class_="action").attributes["href"]
    assert more == "/f/open?lang=ar"
    assert_language(await pages.get(more), arabic)
    links.failure = AWAY
    away = Page(await pages.get("/f/open?lang=ar"))
    assert away.one("a", class_="action").attributes["href"] == "/f/open?lang=ar"
    again = Page(await pages.post("/f/open?lang=ar", data=GOOD))
    assert again.one("form").attributes["action"] == "/f/open?lang=ar"


async def test_without_a_choice_no_url_names_a_language(links: CustomerService, pages: httpx.AsyncClient) -> None:
    headers = {"Accept-Language": "ar"}
    assert Page(await pages.get("/f/open", headers=headers)).one("form").attributes["action"] == "/f/open"
    sent = await pages.post("/f/open", data=GOOD, headers=headers)
    assert sent.headers["Location"] == "/f/open/thanks?reference=3F9A-12C7"


async def test_the_redirect_from_an_early_thanks_page_keeps_the_language(
    links: CustomerService, pages: httpx.AsyncClient
) -> None:
    assert (await pages.get("/f/open/thanks?lang=de")).headers["Location"] == "/f/open?lang=de"


# --- the language switch of a form ------------------------------------------------------------------------------------


def press(page: Page, tag: str) -> dict[str, str]:
    """Returns the values that a browser sends when the button of a language is pressed."""
    [button] = page.all("button", name="lang", value=tag)
    assert button.attributes["form"] == page.one("form").attributes["id"]
    return page.values | {"lang": tag}


@pytest.mark.parametrize("token", ["open", "answered", "closed"])
async def test_switching_keeps_the_answers_and_does_not_submit_them(
    links: CustomerService, pages: httpx.AsyncClient, token: str
) -> None:
    form = Page(await pages.get(f"/f/{token}"))
    switched = await pages.post(f"/f/{token}", data=press(form, "de") | TYPED)
    assert switched.status_code == 200
    page = assert_language(switched, LANGUAGES["de"])
    assert page.values == form.values | TYPED, "with the id that makes sending it twice act once"
    assert page.errors == page.summary == {}
    assert all("open" in details.attributes for details in page.all("details"))
    assert links.links[token].claims == []
    sent = await pages.post(page.one("form").attributes["action"], data=page.values)
    assert sent.headers["Location"] == f"/f/{token}/thanks?lang=de&reference=3F9A-12C7"
    [claim] = links.links[token].claims
    assert (claim.email, claim.message, claim.consent) == ("jane@example.com", "Cold soup.", True)


async def test_switching_an_empty_form_leads_to_a_page_that_can_be_reloaded(
    links: CustomerService, pages: httpx.AsyncClient
) -> None:
    form = Page(await pages.get("/f/open?lang=fr"))
    switched = await pages.post("/f/open?lang=fr", data=press(form, "ar"))
    assert (switched.status_code, switched.headers["Location"]) == (303, "/f/open?lang=ar")


async def test_switching_with_mistakes_works_and_does_not_submit(
    links: CustomerService, pages: httpx.AsyncClient
) -> None:
    wrong = Page(await pages.post("/f/open", data={"email": "jane@"}))
    page = assert_language(await pages.post("/f/open", data=press(wrong, "es")), LANGUAGES["es"])
    assert page.values["email"] == "jane@"
    assert links.calls[-1] == pb.GetContactFormRequest(token="open")


async def test_switching_keeps_the_answers_while_the_service_is_down(
    links: CustomerService, pages: httpx.AsyncClient
) -> None:
    links.failure = AWAY
    again = Page(await pages.post("/f/open", data=TYPED))
    response = await pages.post("/f/open", data=press(again, "fr"))
    assert response.status_code == 503
    page = assert_language(response, LANGUAGES["fr"])
    assert page.values == again.values
    links.failure = None
    assert (await pages.post("/f/open?lang=fr", data=page.values)).status_code == 303
    assert len(links.links["open"].claims) == 1


async def test_switching_is_not_limited_as_a_submission(links: CustomerService, pages: httpx.AsyncClient) -> None:
    form = Page(await pages.get("/f/open"))
    statuses = [(await pages.post("/f/open", data=press(form, "de") | TYPED)).status_code for _ in range(30)]
    assert set(statuses) == {200}


@pytest.mark.parametrize(
    ("token", "status", "heading"), [("withdrawn", 410, "withdrawn.title"), ("unknown", 404, "unknown.title")]
)
async def test_a_form_that_has_ended_shows_its_state_in_the_chosen_language(
    links: CustomerService, pages: httpx.AsyncClient, token: str, status: int, heading: str
) -> None:
    response = await pages.post(f"/f/{token}", data=TYPED | {"lang": "de"})
    assert response.status_code == status
    assert assert_language(response, LANGUAGES["de"]).heading == LANGUAGES["de"].translate_plain(heading)


async def test_an_unknown_language_is_not_a_switch(links: CustomerService, pages: httpx.AsyncClient) -> None:
    assert (await pages.post("/f/open", data=TYPED | {"lang": "nl"})).status_code == 303
    assert len(links.links["open"].claims) == 1


async def test_the_enter_key_sends_the_form(links: CustomerService, pages: httpx.AsyncClient) -> None:
    """The enter key presses the first button of the form (HTML, "implicit submission"): it must not be a language."""
    for path in ("/f/open", "/f/answered", "/f/closed"):
        buttons = Page(await pages.get(path)).all("button")
        assert "name" not in buttons[0].attributes
        assert buttons[0].attributes["form"] == "form"
        assert (buttons[0].attributes["tabindex"], buttons[0].attributes["aria-hidden"]) == ("-1", "true")
