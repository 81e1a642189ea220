"""Lets code without an event loop, or with one of its own, use the stack's asynchronous context managers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

from anyio.from_thread import start_blocking_portal

T = TypeVar("T")


@contextmanager
def blocking(manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Run `manager` on an event loop in a thread that lives as long as the `with` block.

    The processes that it starts are tied to that thread (see `launch`), hence to the block.
    """
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(manager) as value:
        yield value
