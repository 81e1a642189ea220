"""Every property holds in every state that the rules allow."""

from __future__ import annotations

import pytest

from tests.model.exploration import Exploration
from tests.model.moves import Model
from tests.model.rules import Rules
from tests.model.states import FULL, QUICK, Budget

MOST_STATES = 10_000_000
"""Far more states than there are. An exploration that reaches this number is not bounded."""


def explore(budget: Budget) -> None:
    found = Exploration(Model(budget, Rules())).run(MOST_STATES)
    assert found.violations == {}
    assert found.complete


@pytest.mark.parametrize("budget", QUICK, ids=str)
def test_every_property_holds(budget: Budget) -> None:
    explore(budget)


@pytest.mark.long
@pytest.mark.parametrize("budget", FULL, ids=str)
def test_every_property_holds_with_more_recoveries_and_faults(budget: Budget) -> None:
    explore(budget)
