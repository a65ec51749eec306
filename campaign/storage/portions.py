"""Waves that divide a step's audience one after the other: whoever is in none that went before is in a later one.

That is asked of the ledger and not of the draw alone. So whoever was imported after their own wave had gone out gets
what the next gets, and whoever has moved to another zone meanwhile gets nothing twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from campaign.errors import NotApproved
from campaign.model.draw import drawn
from campaign.model.segment import Audience, Share
from campaign.model.wave import Wave
from campaign.storage import tables as t
from campaign.storage.segments import in_share

Earlier = Mapping[int, tuple[Share | None, tuple[str, ...] | None]]


def earlier(connection: Connection, wave_id: int) -> Earlier:
    """The waves of its step that are prepared, with their shares and zones, where the wave is a portion or of a ramp.

    To be asked while nobody else prepares a wave of the step."""
    w = t.waves.c
    mine = connection.execute(sa.select(w.world, w.step, w.arm, w.share_start).where(w.id == wave_id)).one()
    if mine.arm or mine.share_start is None:
        return {}
    query = sa.select(w.id, w.share_start, w.share_end, w.seed, w.zones).where(
        w.world == mine.world, w.step == mine.step, w.prepared_at.is_not(None), w.id != wave_id
    )
    return {
        row.id: (
            None if row.share_start is None else Share(row.share_start, row.share_end, row.seed),
            None if row.zones is None else tuple(json.loads(row.zones)),
        )
        for row in connection.execute(query)
    }


def passed(
    waves: Iterable[tuple[Share | None, tuple[str, ...] | None]], audience: Audience
) -> Iterable[ColumnElement[bool]]:
    """Whether a supporter's draw lies in the share of a wave that has gone out where they are."""
    here = set(audience.zones or ())
    shares = {
        share for share, zones in waves if share is not None and (zones is None or not here or here.intersection(zones))
    }
    return [in_share(replace(audience, share=share)) for share in sorted(shares, key=lambda share: share.start)]


def first(who: ColumnElement[bool], audience: Audience, most: int) -> ColumnElement[bool]:
    """Of the supporters ``who`` the first so many, in the order of the draw."""
    s = t.supporters.c
    seed = audience.share.seed if audience.share else 0
    chosen = sa.select(s.id).where(who).order_by(drawn(s.id, seed), s.id).limit(most)
    # Under a name of its own: the condition is put into queries that are over the same table.
    return s.id.in_(sa.select(chosen.correlate(None).subquery("ramped").c.id))


def same(wave: Wave, share: Share | None) -> None:
    """None of the rest may be forgotten: once a step has begun in portions, who is in which stays."""
    if wave.share is not None and wave.most is None and share != wave.share:
        percent = f"{(wave.share.end - wave.share.start) / 100:.4g}%"
        raise NotApproved(
            f"{wave.name} went out to {percent} of its audience, and the plan divides the step otherwise by now; put "
            "its waves' shares back as they were, and send to others by a step of its own"
        )
