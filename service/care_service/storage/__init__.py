"""Stores everything in PostgreSQL, through SQLAlchemy and asyncpg. Implements the ports of the use cases."""
