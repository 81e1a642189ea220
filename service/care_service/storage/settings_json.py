"""Converts settings to the stored JSON and back. The JSON contains only the settings that are set, by stored name.

A process may read settings that a newer or an older release wrote. A setting that this release does not know or can't
read counts as not set. The setting stays stored as it is until a write changes it.
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
_CACHED: Final = 4_096
"""How many decoded layers a process caches. Each organization or location with settings of its own has one."""


def encode(layer: Layer) -> str:
    """Returns the JSON of a layer. Stored settings that were not changed stay as they were stored.

    The same layer always gives the same text.
    """
    untouched = {_NAMES.get(name) for name, _ in layer.stored}
    written = json.loads(_ADAPTER.dump_json(layer.values, include=set(layer.names - untouched)))
    texts = {name: _dump(value) for name, value in written.items()} | dict(layer.stored)
    return f"{{{','.join(f'{json.dumps(name)}:{value}' for name, value in texts.items())}}}"


@lru_cache(_CACHED)
def decode(text: str) -> Layer:
    """Reads the settings from a JSON text."""
    stored = json.loads(text)
    values: dict[str, Any] = {}
    for name, value in to_current_names(Settings, stored).items():
        if name not in _READERS:
            _LOG.info("a stored setting is unknown: it stays as it is and is ignored", setting=name)
            continue
        try:
            values[name] = _read(name, value)
        except ValueError:
            _LOG.warning("a stored setting can't be read: it counts as not set", setting=name)
    texts = tuple((name, _dump(value)) for name, value in stored.items())
    return Layer(replace(Settings(), **values), frozenset(values), texts)


def _read(name: str, value: object) -> object:
    """Returns the value of a setting. Raises ValueError if the stored value is invalid."""
    setting = _READERS[name].validate_json(_dump(value))
    if isinstance(setting, BusinessHours) and any(setting.check()):
        raise ValueError(name)
    return setting


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
