"""PostgreSQL, through SQLAlchemy and asyncpg: loads snapshots, commits decisions, lists, and holds the outbox."""
