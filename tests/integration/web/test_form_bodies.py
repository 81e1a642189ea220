"""The bodies of requests that send the form: media types, sizes and malformed bodies."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.integration.web.customer_service import CustomerService
from tests.integration.web.form_answers import JANE
from tests.integration.web.page import Page

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


async def test_the_longest_message_fits_in_any_script(service: CustomerService, pages: httpx.AsyncClient) -> None:
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
async def test_a_malformed_body_is_an_empty_form(
    service: CustomerService, pages: httpx.AsyncClient, body: bytes
) -> None:
    service.add("t")
    response = await pages.post("/f/t", content=body, headers={"Content-Type": FORM})
    assert response.status_code == 422
