"""Care's durable steps as Temporal workflows: ``from care_workflows import CarePlugin`` puts them into any worker.

The name is loaded when it is asked for: workflows import this package inside Temporal's sandbox, where neither a gRPC
client nor a channel's HTTP library has any business.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from care_workflows.plugin import CarePlugin

__all__ = ["CarePlugin"]


def __getattr__(name: str) -> object:
    """Load what ``__all__`` promises (PEP 562)."""
    if name == "CarePlugin":
        from care_workflows.plugin import CarePlugin  # noqa: PLC0415 - see the module's docstring

        return CarePlugin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
