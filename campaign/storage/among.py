"""A column among many values, in one statement and however many there are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection


def among(connection: Connection, column: ColumnElement[Any], values: Collection[int] | Collection[str]) -> Any:
    """The condition that ``column`` is one of ``values``.

    One parameter holds them all: a statement takes 32,766 on SQLite, and each costs time on both databases.
    """
    if connection.dialect.name == "sqlite":
        listed = sa.func.json_each(orjson.dumps(list(values)).decode()).table_valued("value")
        return column.in_(sa.select(listed.c.value))
    from sqlalchemy.dialects.postgresql import ARRAY  # noqa: PLC0415 - one dialect is loaded

    return column == sa.any_(sa.cast(list(values), ARRAY(column.type)))
