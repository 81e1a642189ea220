"""Compares the service with a model of the design's rules, for random sequential and concurrent actions."""

from __future__ import annotations

import pytest

from tests.property.machine import Bench, check_property


def test_the_service_does_what_the_model_does(bench: Bench) -> None:
    bench.outcomes.clear()
    check_property(bench, examples=20, steps=30)
    assert bench.outcomes.total() >= 400


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_service_does_what_the_model_does_for_thousands_of_steps(bench: Bench) -> None:
    bench.outcomes.clear()
    check_property(bench, examples=150, steps=60)
    assert bench.outcomes.total() >= 5000
