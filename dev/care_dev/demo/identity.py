"""Who plays in the demo: what `care ticket` works as where nothing else is said."""

from typing import Final

ORGANIZATION: Final = "demo"
AGENT: Final = "alice"
