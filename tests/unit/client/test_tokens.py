"""The token file, and token providers with concurrent calls."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from care_client.tokens import ProvidedToken, TokenFile, token_source


async def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("one\n")
    tokens = TokenFile(path)
    assert await tokens.current() == "one"
    fresh = tmp_path / "fresh"
    fresh.write_text("two\n")
    os.replace(fresh, path)  # noqa: PTH105  (as a platform rotates it)
    assert await tokens.refresh("one") == "two"
    assert await tokens.current() == "two"
    assert await tokens.refresh("two") is None


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff\xfe"])
async def test_while_a_file_holds_no_token_the_last_one_is_used(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token"
    path.write_text("one")
    tokens = TokenFile(path)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert await tokens.current() == "one"
    path.write_text("three")
    assert await tokens.current() == "three"


@pytest.mark.parametrize("content", [None, b"", b"secret words", b"\xff\xfe"])
def test_a_file_without_a_token_is_refused_by_its_name_alone(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{path} ") as caught:
        TokenFile(path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "Bearer abc", "abc\n", "ünicode"])
def test_a_text_that_no_header_can_contain_is_not_a_token(text: str) -> None:
    with pytest.raises(ValueError, match="not a bearer token") as caught:
        token_source(text)
    assert not text or text not in str(caught.value)


async def test_concurrent_calls_ask_the_provider_once() -> None:
    answers, asked = asyncio.Queue[str](), 0

    async def ask() -> str:
        nonlocal asked
        asked += 1
        return await answers.get()

    tokens = ProvidedToken(ask)
    first = [asyncio.create_task(tokens.current()) for _ in range(3)]
    await answers.put("one")
    assert await asyncio.gather(*first) == ["one"] * 3
    again = [asyncio.create_task(tokens.refresh("one")) for _ in range(3)]
    await answers.put("two")
    assert await asyncio.gather(*again) == ["two"] * 3
    assert asked == 2
