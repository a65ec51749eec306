"""Suppressing an address by its hash, and lifting that: each is recorded, and the first reason stays."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from campaign.model.supporter import Reason, Suppression
from campaign.storage.database import insert
from campaign.storage.tables import suppression_history, suppressions


def suppress(connection: Connection, address: bytes, suppression: Suppression) -> bool:
    """False where the address was suppressed already."""
    new = connection.execute(
        insert(connection, suppressions)
        .values(
            address_hash=address,
            reason=suppression.reason.value,
            source=suppression.source,
            suppressed_at=suppression.at,
        )
        .on_conflict_do_nothing()
        .returning(suppressions.c.reason)
    ).first()
    if new is not None:
        _keep(connection, address, "suppressed", suppression.reason, suppression.source, suppression.at)
    return new is not None


def lift(connection: Connection, address: bytes, lifted: Suppression, *, source: str, at: datetime) -> bool:
    """Lift exactly the suppression that was read; False where another has taken its place, or none is there now."""
    gone = connection.execute(
        sa.delete(suppressions).where(
            suppressions.c.address_hash == address,
            suppressions.c.reason == lifted.reason.value,
            suppressions.c.source == lifted.source,
            suppressions.c.suppressed_at == lifted.at,
        )
    )
    if gone.rowcount:
        _keep(connection, address, "lifted", lifted.reason, source, at)
    return bool(gone.rowcount)


def standing(connection: Connection, address: bytes) -> Suppression | None:
    row = connection.execute(
        sa.select(suppressions.c.reason, suppressions.c.source, suppressions.c.suppressed_at).where(
            suppressions.c.address_hash == address
        )
    ).first()
    return None if row is None else Suppression(reason=Reason(row[0]), source=row[1], at=row[2])


def _keep(connection: Connection, address: bytes, what: str, reason: Reason, source: str, at: datetime) -> None:
    connection.execute(
        sa.insert(suppression_history).values(
            address_hash=address, what=what, reason=reason.value, source=source, happened_at=at
        )
    )
