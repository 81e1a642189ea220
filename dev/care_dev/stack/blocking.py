"""Lets synchronous code, or code on another event loop, use the stack's asynchronous context managers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

from anyio.from_thread import start_blocking_portal

T = TypeVar("T")


@contextmanager
def blocking(manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Runs `manager` on an event loop in a separate thread. The thread ends with the `with` block.

    The processes that the manager starts end with that thread (see `launch`), so they end with the block too.
    """
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(manager) as value:
        yield value
