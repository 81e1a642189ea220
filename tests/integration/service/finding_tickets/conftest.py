"""The organization whose tickets the tests find."""

from __future__ import annotations

import pytest

from tests.integration.service.clocks import SettableClock
from tests.integration.service.finding_tickets.known_tickets import World, make_tickets
from tests.support.care import Care
from tests.support.tenant import Tenant


@pytest.fixture(scope="session")
async def world(timed_service: Care, clock: SettableClock) -> World:
    """Two organizations with the same tickets. One fixture serves all tests, because they only read."""
    made = World(Tenant(timed_service, "finding"), clock, clock.now())
    await make_tickets(made)
    # The tickets of the second organization are never found.
    other = World(Tenant(timed_service, "finding-other"), clock, clock.now())
    await make_tickets(other)
    return made
