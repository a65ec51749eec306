"""People who move to another zone between two waves of a step by local time get nothing twice by it.

Each zone has its own wave for each time that the step comes, and who has a delivery is asked of the ledger and not of
the zone alone. Which waves are of one time: for each zone they are counted in the order of their instants.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from campaign.model.segment import Audience
from campaign.model.wave import TOP_UP
from campaign.storage import tables as t
from campaign.storage.segments import in_none_of, in_zones

_Times = Mapping[str, int]
"""Which time of the step a wave is for each of its zones, from 1 on. It is the same for all of them, unless quiet hours
have made two times one for some."""


def had_none(connection: Connection, wave_id: int, audience: Audience) -> ColumnElement[bool]:
    """Whether a supporter has no delivery of the wave's own time in another zone's wave.

    To be asked while nobody else prepares a wave of the step."""
    w = t.waves.c
    mine = connection.execute(sa.select(w.world, w.step, w.zones, w.arm, w.share_start).where(w.id == wave_id)).one()
    if mine.zones is None or mine.arm or mine.share_start is not None:
        return sa.true()  # of a test and of portions whoever is in any other wave of the step is left out
    query = (
        sa.select(w.id, w.zones, w.prepared_at)
        .where(w.world == mine.world, w.step == mine.step, w.number < TOP_UP)
        .order_by(w.due_at, w.number)
    )
    seen: defaultdict[str, int] = defaultdict(int)
    everybody = 0  # waves for all zones at once
    out: dict[int, _Times] = {}
    for row in connection.execute(query):
        if row.zones is None:
            everybody += 1
            continue
        times = {}
        for zone in json.loads(row.zones):
            seen[zone] += 1
            times[zone] = seen[zone] + everybody
        if row.prepared_at is not None or row.id == wave_id:
            out[row.id] = times
    return sa.or_(
        *(
            sa.and_(in_zones(replace(audience, zones=zones)) if several else sa.true(), in_none_of(others))
            for zones, others, several in _grouped(wave_id, out)
        )
    )


def _grouped(wave_id: int, out: Mapping[int, _Times]) -> Sequence[tuple[tuple[str, ...], Sequence[int], bool]]:
    """The wave's zones by the waves in which those who moved there may have had it; whether there is more than one
    such group."""
    groups: defaultdict[tuple[int, ...], list[str]] = defaultdict(list)
    mine, others = out[wave_id], {one: times for one, times in out.items() if one != wave_id}
    at_all = {one: frozenset(times.values()) for one, times in others.items()}
    for zone, time in mine.items():
        # What had this zone for another time of the step says nothing of who is there.
        had = tuple(one for one, times in others.items() if time in at_all[one] and times.get(zone, time) == time)
        groups[had].append(zone)
    return [(tuple(zones), had, len(groups) > 1) for had, zones in groups.items()]
