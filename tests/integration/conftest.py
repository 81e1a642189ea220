"""One PostgreSQL for all integration tests of a test process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from care_dev.stack import postgres


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Server]:
    with postgres.postgres(Path(tmp_path_factory.mktemp("postgres"))) as running:
        yield running
