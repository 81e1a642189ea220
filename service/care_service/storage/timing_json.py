"""Converts a ticket's timing to the stored JSON and back.

A process may read values that a newer or an older release wrote. Fields that this release does not know stay stored as
they are. A field that this release can't read gets its initial value. The next commit computes most of these fields
again. Only `active_time` has no initial value and must be readable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, cast, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from care_roles.logs import get_logger
from care_rules.stored_fields import to_current_names
from care_rules.timing import Timing

_LOG: Final = get_logger("care.timing")
_ADAPTER: Final = TypeAdapter(Timing)
_UNKNOWN: Final = "unknown"
"""The field of Timing for the stored fields that this release does not know. Nothing is stored under this name."""
_HINTS: Final = {name: hint for name, hint in get_type_hints(Timing).items() if name != _UNKNOWN}
_READERS: Final[Mapping[str, TypeAdapter[Any]]] = {name: TypeAdapter(hint) for name, hint in _HINTS.items()}
_KNOWN: Final[TypeAdapter[dict[str, Any]]] = TypeAdapter(
    # Type checkers accept only literal fields.
    with_config(ConfigDict(extra="forbid"))(cast("Any", TypedDict)("_Known", _HINTS, total=False))
)
"""Reads a JSON text in one pass. Fails if the text has a field that this release does not know or can't read."""
_REQUIRED: Final = "active_time"


def encode(timing: Timing) -> str:
    """Returns the JSON of the fields that differ from their initial values, and of the unknown fields."""
    known = _ADAPTER.dump_json(timing, exclude={_UNKNOWN}, exclude_defaults=True).decode()
    more = "".join(f",{json.dumps(name)}:{value}" for name, value in timing.unknown)
    return f"{known[:-1]}{more}}}" if more else known


def decode(text: str) -> Timing:
    """Reads the timing from a JSON text. Raises ValidationError or TypeError if `active_time` is invalid or missing."""
    with suppress(ValidationError, TypeError):  # a TypeError if the required field is missing
        return Timing(**_KNOWN.validate_json(text))
    return _decode_field_by_field(json.loads(text))


def _decode_field_by_field(stored: dict[str, Any]) -> Timing:
    found: dict[str, Any] = {}
    unknown: list[tuple[str, str]] = []
    for name, value in to_current_names(Timing, stored).items():
        if name not in _READERS:
            unknown.append((name, json.dumps(value, ensure_ascii=False)))
            continue
        try:
            found[name] = _READERS[name].validate_python(value)
        except ValidationError:
            if name == _REQUIRED:
                raise
            _LOG.warning("a stored field of a ticket's timing can't be read: it gets its initial value", field=name)
    return Timing(**found, unknown=tuple(unknown))
