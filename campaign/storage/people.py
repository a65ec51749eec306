"""A row of the supporters table as the supporter it tells of."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Row

from campaign.model.supporter import Basis, Consent, Supporter


def as_supporter(row: Row[Any]) -> Supporter:
    """``row`` holds at least every column of ``tables.supporters``."""
    consent = None
    if row.consent_basis and row.consent_at is not None:
        consent = Consent(
            basis=Basis(row.consent_basis), source=row.consent_source, at=row.consent_at, text=row.consent_text
        )
    return Supporter(
        id=row.id,
        email=row.email,
        first_name=row.first_name,
        last_name=row.last_name,
        language=row.language,
        zone=row.zone,
        country=row.country,
        region=row.region,
        postal_code=row.postal_code,
        tags=tuple(row.tags.strip(",").split(",")) if row.tags else (),
        consent=consent,
        acted_at=row.acted_at,
        extra=orjson.loads(row.extra) if row.extra else {},
    )
