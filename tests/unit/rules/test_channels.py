"""A message goes through the preferred channel if the contact has an address for it, otherwise through another one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from care_rules.delivery import channel_for
from care_rules.entities.message import Channel
from care_rules.settings import Settings
from tests.support.sample_tickets import contact

EMAIL = contact()
PHONE = replace(contact(email=""), phone="+14155550123")
BOTH = replace(contact(), phone="+14155550123")


@pytest.mark.parametrize("preferred", Channel)
def test_the_preferred_channel_is_used_if_there_is_an_address_for_it(preferred: Channel) -> None:
    for each in (EMAIL, PHONE, BOTH):
        channel = channel_for(each, Settings(preferred_channel=preferred))
        assert each.address(channel)
        assert channel is preferred or not each.address(preferred)
