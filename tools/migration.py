"""Writes an Alembic migration for the differences between the table definitions and the latest migration.

    python -m tools.migration "add labels"

The command starts a temporary PostgreSQL, and uses no other database.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from care_dev.stack.postgres import postgres
from care_service.storage.migrate import revise


def main() -> None:
    """Writes the migration to `service/care_service/storage/migrations/versions`."""
    description = " ".join(sys.argv[1:]).strip()
    if not description:
        sys.exit('describe the change: make migration M="add labels"')
    with tempfile.TemporaryDirectory(prefix="care-migration-") as folder, postgres(Path(folder)) as server:
        asyncio.run(revise(server.create_database("migration"), description))


if __name__ == "__main__":
    main()
