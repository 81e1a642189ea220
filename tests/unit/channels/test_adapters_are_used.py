"""The worker opens each adapter, each channel can be configured, and the service has a reply limit for each site."""

from __future__ import annotations

import ast
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from care_roles.environment import load
from care_rules import replies
from care_workflows import worker_channels
from care_workflows.messenger_settings import CHANNELS
from care_workflows.worker import WorkerSettings
from tests.unit.vocabulary.source import modules

TOKEN = {"CARE_TOKEN": "the-workers-token"}
METHODS = ({"post_reply", "read_reply", "retract_reply"}, {"send", "check"})
"""The methods of an adapter for a review site, and those of an adapter for a channel."""
PROTOCOLS = {"ReviewSite", "Messenger"}


def adapters() -> set[str]:
    return {
        node.name
        for module in modules()
        if module.path.startswith("workflows/care_workflows/channels/")
        for node, _ in module.nodes
        if isinstance(node, ast.ClassDef)
        and any(
            methods <= {each.name for each in node.body if isinstance(each, ast.AsyncFunctionDef)}
            for methods in METHODS
        )
    } - PROTOCOLS


def test_the_worker_opens_each_adapter() -> None:
    found = adapters()
    assert {"LocalReviewSite", "GoogleBusiness", "SmtpEmail", "TwilioSms", "SignedWebhook"} <= found
    reached = {
        name
        for module in modules()
        if module.path.rpartition("/")[2] in {"worker_channels.py", "review_site_settings.py"}
        for name in module.names
    }
    assert sorted(found - reached) == []


def test_each_site_has_a_limit_for_replies_and_a_variable() -> None:
    sites = {value for name, value in vars(worker_channels).items() if name.endswith("_SITE")}
    assert sites == replies._BYTE_LIMITS.keys()
    assert sites == worker_channels.SITES.keys()


async def test_a_channel_that_is_not_configured_is_named_with_its_variable() -> None:
    with capture_logs() as lines:
        async with AsyncExitStack() as stack:
            await worker_channels.open_messengers(load(WorkerSettings, TOKEN), stack)
    assert [line["channel"] for line in lines] == list(CHANNELS)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_the_webhook_supports_each_channel(channel: str) -> None:
    secret = f"whsec_{'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3'}"
    webhook = {
        "CARE_WEBHOOK_URL": "https://example.com/",
        "CARE_WEBHOOK_SECRETS": secret,
        "CARE_WEBHOOK_CHANNELS": channel,
    }
    assert load(WorkerSettings, TOKEN | webhook).webhook_channels == (channel,)
