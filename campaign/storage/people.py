"""A row of the supporters table as the supporter it tells of."""

from __future__ import annotations

from collections.abc import Sequence
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


def as_supporter(row: Sequence[Any]) -> Supporter:
    """``row`` holds ``COLUMNS`` and nothing else."""
    basis, source, consent_at, text, acted_at, extra = row[10:]
    return Supporter(  # by place: this is made a million times over
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        row[6],
        row[7],
        row[8],
        read_tags(row[9]),
        Consent(Basis(basis), source, consent_at, text) if basis else None,
        acted_at,
        orjson.loads(extra) if extra else {},
    )
