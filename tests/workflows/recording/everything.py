"""All paths. Importing a module of paths adds them to the list."""

# In the order of the table in docs/operating.md.
from tests.workflows.recording import one_ticket  # isort: skip
from tests.workflows.recording import tickets  # isort: skip
from tests.workflows.recording import recovery_outcomes  # isort: skip
from tests.workflows.recording import recovery_obstacles  # isort: skip
from tests.workflows.recording import recovery_pokes  # isort: skip
from tests.workflows.recording import deliveries  # isort: skip
from tests.workflows.recording.paths import PATHS

__all__ = [
    "PATHS",
    "deliveries",
    "one_ticket",
    "recovery_obstacles",
    "recovery_outcomes",
    "recovery_pokes",
    "tickets",
]
