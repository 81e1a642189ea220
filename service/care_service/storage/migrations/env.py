"""Runs the migrations on the connection of the caller: see `migrate.py`. Alembic loads this file."""

from alembic import context

from care_service.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
