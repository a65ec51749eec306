"""What was told once stays told: the rows of ``events``, whose they are, and what follows for the supporters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from campaign.flow import engagement
from campaign.flow.engagement import ENGAGED, Seen
from campaign.model.event import Event, EventKind
from campaign.model.supporter import Reason, Suppression
from campaign.storage import tables as t
from campaign.storage.among import among
from campaign.storage.database import insert_or_ignore
from campaign.storage.suppressions import suppress

EVIDENCE_ALONE = frozenset({EventKind.PROCESSED, EventKind.DELAYED})
"""They say that the provider has it, and nothing more."""

_BARS = {
    EventKind.BOUNCED: Reason.BOUNCED,
    EventKind.COMPLAINED: Reason.COMPLAINED,
    EventKind.UNSUBSCRIBED: Reason.UNSUBSCRIBED,
}

Same = tuple[int, str, datetime, str]
"""Delivery, kind, instant and link: by these a repeat is told that comes under another id."""


class Known:
    """The events of some of a wave's deliveries that were recorded before."""

    def __init__(self, connection: Connection, wave_id: int, seqs: Collection[int]) -> None:
        self._connection = connection
        self._wave_id = wave_id
        e = t.events
        query = sa.select(e.c.id, e.c.seq, e.c.kind, e.c.happened_at, e.c.link, e.c.machine).where(
            e.c.wave_id == wave_id, among(connection, e.c.seq, seqs)
        )
        self._same: dict[Same, int] = {}
        self._engaged: dict[int, list[tuple[int, Seen]]] = {}
        for row_id, seq, kind, at, link, machine in connection.execute(query):
            self._same[seq, kind, at, link] = row_id
            if kind in ENGAGED:
                self._engaged.setdefault(seq, []).append((row_id, Seen(EventKind(kind), at, link, machine)))

    def fresh(self, those: Sequence[tuple[int, Event]]) -> list[tuple[int, Event]]:
        """Those not told before, under whatever id; each once."""
        e = t.events
        ids = {event.id for _, event in those}
        query = sa.select(e.c.channel, e.c.event_id).where(among(self._connection, e.c.event_id, ids))
        seen = {(row[0], row[1]) for row in self._connection.execute(query)} if ids else set()
        same: set[Same] = set()
        found = []
        for seq, event in those:
            it: Same = (seq, event.kind.value, event.at, event.link)
            if (event.channel, event.id) in seen or it in same or it in self._same:
                continue
            seen.add((event.channel, event.id))
            same.add(it)
            found.append((seq, event))
        return found

    def enter(
        self, fresh: Sequence[tuple[int, Event]], arrived: Iterable[tuple[int, Event]], arrivals: Mapping[int, datetime]
    ) -> None:
        """Record what is ``fresh``. Openings and clicks are judged with those of their delivery that were known.

        ``arrivals`` are the instants of deliveries known before, ``arrived`` the events that tell of others now.
        """
        at = {**{seq: event.at for seq, event in arrived}, **arrivals}
        engaged: dict[int, list[Seen]] = {}
        for seq, event in fresh:
            if event.kind in ENGAGED:
                engaged.setdefault(seq, []).append(Seen(event.kind, event.at, event.link, event.machine))
        touched = engaged.keys() | (self._engaged.keys() & at.keys())
        verdict: dict[Same, str] = {}
        changes: list[dict[str, Any]] = []
        for seq in touched:
            before = self._engaged.get(seq, [])
            seen = [*(one for _, one in before), *engaged.get(seq, ())]
            why = engagement.together(seen, delivered_at=at.get(seq))
            changes += _changed(before, why)
            verdict |= {(seq, one.kind.value, one.at, one.link): w for one, w in zip(seen, why, strict=True)}
        self._update(changes)
        rows = [
            {
                "channel": event.channel,
                "event_id": event.id,
                "wave_id": self._wave_id,
                "seq": seq,
                "kind": event.kind.value,
                "happened_at": event.at,
                "why": event.why,
                "machine": verdict.get((seq, event.kind.value, event.at, event.link), ""),
                "link": event.link,
            }
            for seq, event in fresh
        ]
        if rows:
            insert_or_ignore(self._connection, t.events, rows)

    def judge_again(self, told: Iterable[tuple[int, Event]], arrivals: Mapping[int, datetime]) -> int:
        """Start from what each of ``told`` shows by itself; how many verdicts changed."""
        alone = {self._same.get((seq, one.kind.value, one.at, one.link)): one.machine for seq, one in told}
        changes: list[dict[str, Any]] = []
        for seq, before in self._engaged.items():
            seen = [one._replace(machine=alone.get(row_id, one.machine)) for row_id, one in before]
            changes += _changed(before, engagement.together(seen, delivered_at=arrivals.get(seq)))
        self._update(changes)
        return len(changes)

    def _update(self, changes: list[dict[str, Any]]) -> None:
        if changes:
            mine = sa.update(t.events).where(t.events.c.id == sa.bindparam("row_id"))
            self._connection.execute(mine.values(machine=sa.bindparam("verdict")), changes)


def _changed(before: Sequence[tuple[int, Seen]], why: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"row_id": row_id, "verdict": now}
        for (row_id, one), now in zip(before, why, strict=False)
        if now != one.machine
    ]


def tell_supporters(connection: Connection, wave_id: int, fresh: Iterable[tuple[int, Event]]) -> None:
    """Suppress those who are not to be written to any more, and know who has acted."""
    acted: dict[int, Event] = {}
    barred: dict[int, tuple[Reason, Event]] = {}
    for seq, event in fresh:
        if event.kind is EventKind.ACTED:
            acted.setdefault(seq, event)
        elif (reason := _BARS.get(event.kind) or event.bars) and _is_first(barred.get(seq), event):
            barred[seq] = (reason, event)
    if not acted and not barred:
        return
    d, s = t.deliveries, t.supporters
    query = (
        sa.select(d.c.seq, s.c.id, s.c.address_hash)
        .join(s, s.c.id == d.c.supporter_id)
        .where(d.c.wave_id == wave_id, among(connection, d.c.seq, acted.keys() | barred.keys()))
    )
    people = connection.execute(query).all()
    took_action = [{"person": row.id, "at": acted[row.seq].at} for row in people if row.seq in acted]
    if took_action:
        first = sa.update(s).where(s.c.id == sa.bindparam("person"), s.c.acted_at.is_(None))
        connection.execute(first.values(acted_at=sa.bindparam("at")), took_action)
    _suppress(connection, {row.address_hash: barred[row.seq] for row in people if row.seq in barred})


def _is_first(other: tuple[Reason, Event] | None, event: Event) -> bool:
    return other is None or event.at < other[1].at


def _suppress(connection: Connection, found: Mapping[bytes, tuple[Reason, Event]]) -> None:
    """The first reason stays."""
    for address_hash, (reason, event) in found.items():
        suppress(connection, address_hash, Suppression(reason, f"{event.channel} event", event.at))
