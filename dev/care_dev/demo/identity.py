"""The organization and the agent of the demo. They are also the defaults of `care ticket`."""

from typing import Final

ORGANIZATION: Final = "demo"
AGENT: Final = "alice"
