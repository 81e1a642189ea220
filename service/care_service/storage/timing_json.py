"""A ticket's timing as the JSON that is stored."""

from __future__ import annotations

import json
from typing import Final

from pydantic import TypeAdapter

from care_rules.timing import Timing

_ADAPTER: Final = TypeAdapter(Timing)


def encode(timing: Timing) -> str:
    """Returns the JSON, without what is as it begins."""
    return _ADAPTER.dump_json(timing, exclude_defaults=True).decode()


def decode(value: str | dict[str, object]) -> Timing:
    """Reads it from a JSON text or, as SQLAlchemy gives it, what one says."""
    return _ADAPTER.validate_json(value if isinstance(value, str) else json.dumps(value))
