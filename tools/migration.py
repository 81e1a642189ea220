"""Writes a new Alembic migration from what the tables have and an up-to-date database has not.

    python -m tools.migration "what changes"

Runs on a PostgreSQL of its own, so that no database of yours is asked.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from care_dev.stack.postgres import postgres
from care_service.storage.migrate import revise


def main() -> None:
    """Writes it below `service/care_service/storage/migrations/versions`."""
    words = " ".join(sys.argv[1:]).strip()
    if not words:
        sys.exit('say what changes: make migration M="add labels"')
    with tempfile.TemporaryDirectory(prefix="care-migration-") as folder, postgres(Path(folder)) as server:
        asyncio.run(revise(server.create_database("migration"), words))


if __name__ == "__main__":
    main()
