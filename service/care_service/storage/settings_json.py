"""Settings as the JSON that is stored: only the fields that are set, by their stored names.

A process may read what a newer or an older release wrote. What it does not know or can't read is as if it were not
set, and stays stored as it is until a write changes that setting.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, get_type_hints

from pydantic import TypeAdapter

from care_roles.logs import get_logger
from care_rules.business_hours import BusinessHours
from care_rules.settings import Layer, Settings
from care_rules.stored_fields import fields_by_stored_name, to_current_names

_LOG: Final = get_logger("care.settings")
_ADAPTER: Final = TypeAdapter(Settings)
_READERS: Final[Mapping[str, TypeAdapter[Any]]] = {
    name: TypeAdapter(hint) for name, hint in get_type_hints(Settings).items()
}
_NAMES: Final = fields_by_stored_name(Settings)
_FEW: Final = 4_096
"""Layers that a process keeps read: those of the places that it serves."""


def encode(layer: Layer) -> str:
    """Returns the JSON of what is set, the same for the same values, and of what was stored beside it."""
    untouched = {_NAMES.get(name) for name, _ in layer.stored}
    written = json.loads(_ADAPTER.dump_json(layer.values, include=set(layer.names - untouched)))
    texts = {name: _dump(value) for name, value in written.items()} | dict(layer.stored)
    return f"{{{','.join(f'{json.dumps(name)}:{value}' for name, value in texts.items())}}}"


def decode(value: str | dict[str, object]) -> Layer:
    """Reads what is set, from a JSON text or, as SQLAlchemy gives it, what one says."""
    return _decode(value if isinstance(value, str) else json.dumps(value))


@lru_cache(_FEW)
def _decode(text: str) -> Layer:
    stored = json.loads(text)
    found: dict[str, Any] = {}
    for name, value in to_current_names(Settings, stored).items():
        if name not in _READERS:
            _LOG.info("a stored setting is not known, and is left as it is", setting=name)
            continue
        try:
            found[name] = _read(name, value)
        except ValueError:
            _LOG.warning("a stored setting can't be read: what holds without it holds", setting=name)
    kept = tuple((name, _dump(value)) for name, value in stored.items())
    return Layer(replace(Settings(), **found), frozenset(found), kept)


def _read(name: str, value: object) -> object:
    """Returns the value of a setting; raises ValueError where it is none that can be used."""
    read = _READERS[name].validate_json(_dump(value))
    if isinstance(read, BusinessHours) and any(read.check()):
        raise ValueError(name)
    return read


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
