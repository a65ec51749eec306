"""A row of the supporters table as the supporter it tells of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from campaign.model.supporter import Basis, Consent, Supporter
from campaign.storage.segments import read_tags
from campaign.storage.tables import supporters

COLUMNS = (
    supporters.c.id,
    supporters.c.email,
    supporters.c.first_name,
    supporters.c.last_name,
    supporters.c.language,
    supporters.c.zone,
    supporters.c.country,
    supporters.c.region,
    supporters.c.postal_code,
    supporters.c.tags,
    supporters.c.consent_basis,
    supporters.c.consent_source,
    supporters.c.consent_at,
    supporters.c.consent_text,
    supporters.c.acted_at,
    supporters.c.extra,
)
"""What ``as_supporter`` needs, in its order."""

_BASES = {basis.value: basis for basis in Basis}


def as_supporter(row: Sequence[Any]) -> Supporter:
    """``row`` begins with ``COLUMNS``, as SQLAlchemy or as the driver gives them.

    A mailing does this a million times over, and SQLAlchemy's own conversions take longer than all the rest.
    """
    basis, acted_at, tags, extra = row[10], row[14], row[9], row[15]
    return Supporter(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        row[6],
        row[7],
        row[8],
        read_tags(tags) if tags else (),
        Consent(_BASES[basis], row[11], _instant(row[12]), row[13]) if basis else None,
        _instant(acted_at) if acted_at else None,
        orjson.loads(extra) if extra else {},
    )


def _instant(stored: datetime | str) -> datetime:
    """An instant as it is stored: SQLite has no type for it, and keeps ISO 8601 text in UTC."""
    if isinstance(stored, str):
        return datetime.fromisoformat(stored + "+00:00")
    return stored if stored.tzinfo is UTC else stored.astimezone(UTC)
