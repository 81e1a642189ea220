"""The bare stack: a gRPC server that only reads and writes with asyncpg.

It checks no tokens or rules, recognizes no repeated requests, writes no log, and stores no activities and no outbox. So
its cost is that of gRPC, protobuf and PostgreSQL alone.
"""
