"""The pages about channels name each channel, and channels.md names each reason for a failed delivery."""

from __future__ import annotations

import re

import pytest

from care_workflows.channels.errors import DeliveryFailure
from care_workflows.messenger_settings import CHANNELS
from tests.unit.vocabulary.source import ROOT


def words(page: str) -> set[str]:
    return set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*\b", (ROOT / "docs" / page).read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", ["channels.md", "embedding.md"])
def test_each_channel_is_named(page: str) -> None:
    assert CHANNELS.keys() <= words(page)


def test_each_failure_is_named() -> None:
    assert {failure.value for failure in DeliveryFailure} <= words("channels.md")
