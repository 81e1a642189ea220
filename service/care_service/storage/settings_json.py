"""Settings as the JSON that is stored: only the fields that are set, by their names in the contract."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final

from pydantic import TypeAdapter

from care_rules.settings import Layer, Settings

_ADAPTER: Final = TypeAdapter(Settings)
_FEW: Final = 4_096
"""Layers that a process keeps read: those of the places that it serves."""


def encode(layer: Layer) -> str:
    """Returns the JSON of what is set, the same for the same values."""
    return _ADAPTER.dump_json(layer.values, include=set(layer.names)).decode()


def decode(value: str | dict[str, object]) -> Layer:
    """Reads what is set, from a JSON text or, as SQLAlchemy gives it, what one says."""
    return _decode(value if isinstance(value, str) else json.dumps(value))


@lru_cache(_FEW)
def _decode(text: str) -> Layer:
    return Layer(_ADAPTER.validate_json(text), frozenset(json.loads(text)))
