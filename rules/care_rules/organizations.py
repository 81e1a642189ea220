"""Organizations and their locations, with the settings of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from care_rules.settings import Layer, Settings, merge_layers


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant."""

    id: str
    display_name: str
    default_phone_region: str
    settings: Layer
    settings_revision: int
    """The number of the last change of the settings; 0 before the first change."""
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Location:
    """A shop or branch."""

    organization: str
    id: str
    display_name: str
    default_phone_region: str
    settings: Layer
    settings_revision: int
    create_time: datetime
    update_time: datetime


def effective_settings(organization: Organization, location: Location | None) -> Settings:
    """Returns the settings that apply at a location, or in the organization if `location` is None."""
    return merge_layers(organization.settings, location.settings if location else None)
