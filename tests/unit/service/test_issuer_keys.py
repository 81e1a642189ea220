"""When the issuer's keys are fetched, and which keys are used while the issuer is down."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from structlog.testing import capture_logs

from care_roles.environment import ConfigurationError
from care_service.tokens import url_source
from care_service.tokens.fetch_error import FetchError
from care_service.tokens.issuer_keys import PAUSE, TokenKeys, open_keys
from care_service.tokens.keys import KeySet
from care_service.tokens.url_source import UrlSource
from tests.support.certificates import authority, write_pair
from tests.support.issuer import Issuer, issuer, unreachable_issuer
from tests.support.serving import serve

HOUR = timedelta(hours=1)


class FakeSource:
    """Returns the keys that a test sets, at the time that a test sets."""

    name = "fake"

    def __init__(self) -> None:
        self.issuer = Issuer("")
        self.error: str | None = None
        self.asked = 0
        self.fetching = 0
        self.open = asyncio.Event()
        self.open.set()
        self.was_asked = asyncio.Condition()

    async def fetch(self) -> bytes:
        async with self.was_asked:
            self.asked += 1
            self.was_asked.notify_all()
        self.fetching += 1
        try:
            await self.open.wait()
        finally:
            self.fetching -= 1
        if self.error:
            raise FetchError(self.error)
        return self.issuer.jwk_set

    async def until(self, enough: Callable[[], bool]) -> None:
        async with self.was_asked:
            await self.was_asked.wait_for(enough)


class FakeTime:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_tokens_with_unknown_keys_cause_at_most_one_fetch_per_interval() -> None:
    source, time = FakeSource(), FakeTime()
    keys = TokenKeys(source, HOUR, time)
    await keys.fetch()
    for _ in range(100):
        await keys.refresh_now()
    # A fetch at start or in the background does not prevent the fetch for a token.
    assert source.asked == 2
    time.now += PAUSE.total_seconds() - 0.1
    await keys.refresh_now()
    assert source.asked == 2
    time.now += 0.2
    await asyncio.gather(*[keys.refresh_now() for _ in range(100)])
    assert source.asked == 3


async def test_concurrent_calls_wait_for_the_same_fetch() -> None:
    source = FakeSource()
    source.issuer.add("a")
    source.open.clear()
    keys = TokenKeys(source, HOUR)
    waiting = [asyncio.create_task(keys.refresh_now()) for _ in range(10)]
    await source.until(lambda: source.asked > 0)
    # The first caller cancels its call.
    waiting[0].cancel()
    source.open.set()
    await asyncio.gather(*waiting[1:])
    assert (source.asked, keys.current.ids) == (1, ["a"])


async def test_keys_stay_valid_while_the_issuer_is_down_and_one_warning_is_logged() -> None:
    source = FakeSource()
    source.issuer.add("a")
    keys = TokenKeys(source, HOUR)
    await keys.fetch()
    assert (keys.is_unavailable, keys.current.ids) == (False, ["a"])
    had = keys.current
    with capture_logs() as lines:
        source.error = "it is away"
        for _ in range(3):
            await keys.fetch()
        assert (keys.is_unavailable, keys.current) == (True, had)
        source.error = None
        await keys.fetch()
    assert (keys.is_unavailable, keys.current) == (False, had)
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "token keys can't be fetched: degraded"),
        ("info", "token keys can be fetched again"),
    ]


async def test_the_set_is_replaced_only_if_it_differs() -> None:
    source = FakeSource()
    source.issuer.add("a")
    keys = TokenKeys(source, HOUR)
    await keys.fetch()
    had = keys.current
    await keys.fetch()
    assert keys.current is had
    source.issuer.add("b", number=1)
    await keys.fetch()
    assert keys.current.ids == ["a", "b"]
    # If an issuer publishes an empty set, no key is valid any more.
    source.issuer.keys.clear()
    await keys.fetch()
    assert keys.current == KeySet()
    assert not keys.is_unavailable


async def test_keys_are_fetched_in_the_background_until_the_task_ends() -> None:
    source = FakeSource()
    keys = TokenKeys(source, timedelta(milliseconds=1))
    task = asyncio.create_task(keys.run())
    await source.until(lambda: source.asked >= 2)
    source.error = "it is away"
    await source.until(lambda: keys.is_unavailable)
    source.error = None
    await source.until(lambda: not keys.is_unavailable)
    source.open.clear()
    asked = source.asked
    await source.until(lambda: source.asked > asked)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.fetching == 0


async def test_without_a_source_there_are_no_keys_and_no_fetch() -> None:
    keys = await open_keys(None, HOUR)
    await keys.refresh_now()
    await keys.run()
    assert (keys.current, keys.is_unavailable) == (KeySet(), False)


async def test_a_file_is_read_and_read_again(tmp_path: Path) -> None:
    source, path = FakeSource(), tmp_path / "jwks.json"
    source.issuer.add("a")
    path.write_bytes(source.issuer.jwk_set)
    keys = await open_keys(str(path), HOUR)
    assert keys.current.ids == ["a"]
    source.issuer.add("b")
    path.write_bytes(source.issuer.jwk_set)
    await keys.refresh_now()
    assert keys.current.ids == ["a", "b"]
    path.unlink()
    await keys.fetch()
    assert (keys.is_unavailable, keys.current.ids) == (True, ["a", "b"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "can't be read"),
        ("", "not JSON"),
        ("{}", "not a JWK Set"),
        ('{"keys": []}', "no key for signatures"),
        ('{"keys": [{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}]}', "a: it is symmetric"),
    ],
)
async def test_an_unusable_file_stops_the_start_of_the_service(
    tmp_path: Path, content: str | None, expected: str
) -> None:
    path = tmp_path / "jwks.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        await open_keys(str(path), HOUR)
    said = str(caught.value)
    assert said.startswith(f"CARE_TOKEN_KEYS: {path}")
    assert expected in said
    assert "\n" not in said
    assert "c2VjcmV0" not in said


async def test_the_response_of_a_url_is_checked() -> None:
    async with issuer() as found:
        found.add("a")
        source = UrlSource(f"{found.url}?tenant=secret")
        assert source.name == found.url
        assert await source.fetch() == found.jwk_set
        for status in (404, 500, 204, 302):
            found.status = status
            with pytest.raises(FetchError, match=f"HTTP status {status}"):
                await source.fetch()
        found.status = httpx.codes.OK
        for number in range(6_000):
            found.keys[f"{number:0200}"] = found.keys["a"]
        with pytest.raises(FetchError, match="longer than"):
            await source.fetch()
    async with unreachable_issuer() as (absent, _):
        with pytest.raises(FetchError, match="ConnectError"):
            await UrlSource(absent.url).fetch()


async def test_a_fetch_from_an_issuer_that_does_not_answer_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_source, "_DEADLINE", 0.1)
    # The operating system accepts connections of a listening socket, but nothing reads from them.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = UrlSource(f"http://127.0.0.1:{silent.getsockname()[1]}/jwks.json")
        with pytest.raises(FetchError, match="took longer"):
            await source.fetch()


async def test_the_certificate_of_an_https_issuer_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ca, certificate, key = authority(), tmp_path / "tls.crt", tmp_path / "tls.key"
    write_pair(ca, certificate, key)
    found = Issuer("")
    found.add("a")
    app = Starlette(routes=[Route("/jwks.json", found.serve_keys)])
    async with serve(app, tls=(certificate, key)) as url:
        with pytest.raises(FetchError, match="ConnectError"):
            await UrlSource(f"{url}/jwks.json").fetch()
        assert found.fetches == 0
        ca.cert_pem.write_to_path(tmp_path / "ca.crt")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
        assert await UrlSource(f"{url}/jwks.json").fetch() == found.jwk_set
