"""All paths, the whole ticket first: importing it imports what plays them."""

# In the order in which the page shows them.
from tests.workflows.recording import one_ticket  # isort: skip
from tests.workflows.recording import tickets  # isort: skip
from tests.workflows.recording import recoveries  # isort: skip
from tests.workflows.recording import deliveries  # isort: skip
from tests.workflows.recording.paths import PATHS

__all__ = ["PATHS", "deliveries", "one_ticket", "recoveries", "tickets"]
