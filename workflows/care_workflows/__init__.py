"""Care's Temporal workflows. ``from care_workflows import CarePlugin`` adds them to any worker.

The plugin is imported only when it is used, because other teams' workflows import this package inside Temporal's
sandbox. Neither the gRPC client nor the adapters' HTTP libraries may be imported there.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from care_workflows.plugin import CarePlugin

__all__ = ["CarePlugin"]


def __getattr__(name: str) -> object:
    """Imports a name of ``__all__`` when it is first used (PEP 562)."""
    if name == "CarePlugin":
        from care_workflows.plugin import CarePlugin  # noqa: PLC0415 - see the module's docstring

        return CarePlugin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
