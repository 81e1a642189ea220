"""The bare stack: a gRPC server that only reads and writes with asyncpg.

It has no tokens, rules, repeated requests, logs, activities or outbox, so its cost is that of gRPC, protobuf and
PostgreSQL alone.
"""
