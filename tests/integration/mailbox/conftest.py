"""The local mailbox, served over HTTP and SMTP from a new folder."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from care_dev.mailbox import smtp
from care_dev.mailbox.app import create_app
from care_dev.mailbox.store import EmailStore
from care_workflows.channels.smtp import SmtpEmail, SmtpServer
from tests.support.plain_http import NO_TLS
from tests.support.serving import serve


@pytest.fixture
def smtp_listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@pytest.fixture
async def url(tmp_path: Path, smtp_listener: socket.socket) -> AsyncIterator[str]:
    """The URL of the page. The SMTP server runs too."""
    store = EmailStore(tmp_path / "mailbox")
    async with smtp.serve(store, smtp_listener), serve(create_app(store, smtp_listener)) as url:
        yield url


@pytest.fixture
async def http(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS) as client:
        yield client


@pytest.fixture
def worker(url: str, smtp_listener: socket.socket) -> SmtpEmail:
    """The worker's adapter. It sends to the mailbox."""
    host, port = smtp_listener.getsockname()
    return SmtpEmail(SmtpServer(host, port, "care@example.com", security="none"))
