"""The parts that all table definitions share: the metadata, and functions that make columns."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, DateTime, Integer, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class XID8(UserDefinedType[str]):
    """PostgreSQL's transaction id of 64 bits, for which SQLAlchemy has no type."""

    cache_ok: bool | None = True

    def get_col_spec(self, **_: object) -> str:
        """See UserDefinedType."""
        return "XID8"


def time_column(name: str, *, optional: bool = False) -> Column[object]:
    """Makes a column for a time."""
    return Column(name, DateTime(timezone=True), nullable=optional)


def text_column(name: str, *, optional: bool = False) -> Column[str]:
    """Makes a column for a text or for a member of an enum."""
    return Column(name, Text, nullable=optional)


def key_column(name: str = "organization") -> Column[str]:
    """Makes a text column of the primary key."""
    return Column(name, Text, primary_key=True)


def settings_columns() -> tuple[Column[object], Column[object]]:
    """Makes the columns for the settings of an organization or location, as JSON, and the number of the last change."""
    return (
        Column("settings", JSONB, nullable=False),
        Column("settings_revision", Integer, nullable=False),
    )
