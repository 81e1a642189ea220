"""The worker's variables for Google Business Profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from care_roles import environment
from care_workflows.worker import WorkerSettings
from tests.support.google import Google
from tests.workflows.channels.google_business.replies import FOREIGN, TARGET, TEXT, get_reply, set_reply


def load(**given: str) -> WorkerSettings:
    return environment.load(WorkerSettings, {"CARE_TOKEN": "a.b.c", **given})


async def test_the_worker_has_the_site_if_an_account_is_configured(google: Google, tmp_path: Path) -> None:
    assert load().create_google_business() is None
    key = str(google.write_key(tmp_path / "key.json"))
    site = load(
        CARE_GOOGLE_CREDENTIALS_FILE=key, CARE_GOOGLE_URL=google.url, CARE_GOOGLE_OVERWRITE="yes"
    ).create_google_business()
    assert site is not None
    set_reply(google, FOREIGN)
    async with site:
        await site.post_reply(TARGET, TEXT, "k")
    assert get_reply(google) == TEXT


def test_a_wrong_setting_is_named_and_no_key_is_shown(tmp_path: Path) -> None:
    for content in ("", "[]", "{}", '{"private_key": "SECRET", "client_email": "x", "token_uri": "y"}'):
        (tmp_path / "key.json").write_text(content)
        with pytest.raises(
            environment.ConfigurationError, match=r"key\.json is not the key of a service account"
        ) as mistake:
            load(CARE_GOOGLE_CREDENTIALS_FILE=str(tmp_path / "key.json"))
        assert "SECRET" not in str(mistake.value)
    with pytest.raises(environment.ConfigurationError, match=r"CARE_GOOGLE_CREDENTIALS_FILE: .* cannot be read"):
        load(CARE_GOOGLE_CREDENTIALS_FILE=str(tmp_path / "none"))
    with pytest.raises(environment.ConfigurationError, match=r"CARE_GOOGLE_URL: tokens would go to .* unencrypted"):
        load(CARE_GOOGLE_CREDENTIALS_FILE=str(tmp_path / "key.json"), CARE_GOOGLE_URL="http://google.example")
