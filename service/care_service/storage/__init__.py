"""PostgreSQL, through SQLAlchemy and asyncpg: loads cases, commits decisions, lists, and keeps the outbox."""
