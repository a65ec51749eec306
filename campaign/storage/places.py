"""Where a supporter is, in SQL: their zone, else the place by which ``model.places`` knows one.

It is worked out whenever it is asked for, and stored nowhere: whoever was imported before has it too, a better table is
in force at once, and a region that somebody mends is. The expression is evaluated for those alone who have no zone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from campaign.model import places
from campaign.storage.tables import supporters


@lru_cache(maxsize=16)
def place(home_zone: str) -> ColumnElement[str]:
    """The key of ``places.key``; "" where nothing is known. ``home_zone`` is the campaign's zone.

    Written out as text: it holds 1,500 constants of ours, and binding each of them would take longer than the query.
    """
    t = supporters.name
    home = places.home_country(home_zone)
    country = f"CASE {t}.country WHEN '' THEN '{home}' ELSE {t}.country END"
    code = f"upper({t}.postal_code)"
    region = f"':' || {country} || '-' || upper({t}.region)"
    looked_up = (
        (f"{region} || '-' || substr({code}, 1, 3)", places.PARTS),
        (region, places.REGIONS),
        (f"':' || {country} || ' ' || substr({code}, 1, 3)", places.THREE_SIGNS),
        (f"':' || {country} || ' ' || substr({code}, 1, 2)", places.TWO_SIGNS),
        (f"':' || {t}.country", places.WHOLE),
    )
    known = " ".join(f"WHEN {key} IN ({_listed(table)}) THEN {key}" for key, table in looked_up)
    return sa.literal_column(f"CASE WHEN {t}.zone <> '' THEN {t}.zone {known} ELSE '' END", sa.Text)


def is_in(zones: Collection[str], *, home_zone: str) -> ColumnElement[bool]:
    """Whether a supporter is in one of ``zones``."""
    keys = [zone for zone in zones if zone]
    by_place = [*places.keys_in(frozenset(zones)), *([""] if home_zone in zones else [])]
    # Most supporters have a zone: of those nothing else is looked at.
    without = sa.and_(supporters.c.zone == "", place(home_zone).in_(by_place)) if by_place else sa.false()
    return sa.or_(supporters.c.zone.in_(keys), without)


def _listed(keys: Iterable[str]) -> str:
    return ", ".join(f"'{key}'" for key in keys)
