"""The page about settings names only fields of the contract."""

from __future__ import annotations

import re

from google.protobuf.descriptor import Descriptor

from care.v1 import directory_pb2, settings_pb2
from care.v1.settings_service_pb2 import UpdateSettingsRequest
from tests.unit.vocabulary.source import ROOT

PAGE = ROOT / "docs" / "settings.md"
MESSAGES = [
    *settings_pb2.DESCRIPTOR.message_types_by_name.values(),
    *directory_pb2.DESCRIPTOR.message_types_by_name.values(),
    UpdateSettingsRequest.DESCRIPTOR,
]


def field_names(message: Descriptor) -> set[str]:
    return {field.name for field in message.fields}


def test_each_field_exists() -> None:
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE.read_text(encoding="utf-8")))
    known = set().union(*map(field_names, MESSAGES))
    assert len(named) > 10
    assert named - known == set()
