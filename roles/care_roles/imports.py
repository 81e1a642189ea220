"""Imports a library without an optional dependency that the library would use if it were installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(module: str) -> Iterator[None]:
    """Makes every import of ``module`` in the block fail, as if it were not installed."""
    present = sys.modules.get(module)
    # https://docs.python.org/3/library/sys.html#sys.modules: an import of a name whose value is None fails.
    sys.modules[module] = None  # type: ignore[assignment]  # the stubs leave this out
    try:
        yield
    finally:
        if present is None:
            del sys.modules[module]
        else:
            sys.modules[module] = present
