"""The ledger on a database: each method one transaction, each topic a file beside this one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from campaign.model.approval import Manifest
from campaign.model.batch import Payload
from campaign.model.bundle import Bundle
from campaign.model.claim import Claim, Doubt, Kept, Tally
from campaign.model.decision import ArmFigures, Decision
from campaign.model.delivery import DeliveryId, Sent
from campaign.model.event import Event
from campaign.model.group import Group, GroupState
from campaign.model.media import PartMedia, Reading
from campaign.model.outcome import Outcome, Settled
from campaign.model.overview import Overview
from campaign.model.posted import Posted, Retracting
from campaign.model.segment import Audience
from campaign.model.wave import PlannedWave, Wave, WaveState
from campaign.ports.ledger import Applied, Filters
from campaign.storage import (
    beginning,
    claims,
    decisions,
    doubts,
    entering,
    feedback,
    groups,
    media,
    metrics,
    outcomes,
    overview,
    retractions,
    review,
    stops,
    waves,
)
from campaign.storage import tables as t
from campaign.storage.afterwards import SqlAfterwards
from campaign.storage.bundles import pack_payload
from campaign.storage.conditions import SqlConditions
from campaign.storage.counting import close_if_done, hold
from campaign.storage.database import upsert
from campaign.storage.gauges import SqlGauges
from campaign.storage.reports import SqlReports
from campaign.storage.stopping import SqlStops


class SqlLedger(SqlStops, SqlGauges, SqlAfterwards, SqlReports, SqlConditions):
    """See ``campaign.ports.ledger.Ledger``. Several worlds may share a database and know nothing of each other."""

    def approve(
        self,
        bundle: Bundle,
        manifest: Manifest,
        planned: Sequence[PlannedWave],
        *,
        by: str,
        at: datetime,
        release: bool = False,
        files: Mapping[str, bytes] | None = None,
    ) -> tuple[str, ...]:
        with self._write() as connection:
            return waves.approve(
                connection, self._world, bundle, manifest, planned, by=by, at=at, release=release, files=files or {}
            )

    def end_wave(self, wave_id: int, state: WaveState, *, why: str, at: datetime) -> None:
        with self._write() as connection:
            stops.shut(connection)  # nothing of it begins once this is committed
            waves.end(connection, wave_id, state, why=why, at=at)

    def hold(self, wave_id: int, *, why: str) -> bool:
        with self._write() as connection:
            return hold(connection, wave_id, why=why)

    def prepare_mail(
        self, wave: Wave, audience: Audience, *, batch_size: int, at: datetime, reads: Collection[str] | None = None
    ) -> int:
        with self._write() as connection:
            return entering.prepare_mail(connection, wave.id, audience, batch_size=batch_size, at=at, reads=reads)

    def prepare_posts(
        self,
        wave: Wave,
        accounts: Sequence[str],
        *,
        parts: int,
        at: datetime,
        cost: int = 0,
        budget: int | None = None,
        shown: tuple[PartMedia, ...] = (),
        files: Mapping[str, bytes] | None = None,
    ) -> int:
        with self._write() as connection:
            return entering.prepare_posts(
                connection,
                wave.id,
                accounts,
                parts=parts,
                at=at,
                cost=cost,
                budget=budget,
                shown=shown,
                files=files or {},
            )

    def shown(self, wave_id: int) -> tuple[PartMedia, ...]:
        with self._database.read() as connection:
            return media.shown(connection, wave_id)

    def file(self, digest: str) -> bytes:
        with self._database.read() as connection:
            return media.file(connection, digest)

    def claim(
        self,
        *,
        owner: str,
        now: datetime,
        lease: timedelta,
        most: int,
        without: Collection[str] = (),
        post_lease: timedelta | None = None,
        ahead: timedelta | None = None,
    ) -> Sequence[Claim]:
        with self._write() as connection:
            return claims.claim(
                connection,
                self._world,
                owner=owner,
                now=now,
                lease=lease,
                most=most,
                without=without,
                post_lease=post_lease,
                ahead=ahead,
            )

    def renew(self, held: Sequence[Claim], *, now: datetime, lease: timedelta) -> frozenset[int]:
        with self._write() as connection:
            return claims.renew(connection, held, now=now, lease=lease)

    def pack(self, claim: Claim, payload: Payload) -> bytes:
        return pack_payload(claim.seqs, payload)

    def begin(
        self,
        claim: Claim,
        payload: Payload,
        *,
        now: datetime,
        group: Group | None = None,
        packed: bytes | None = None,
    ) -> tuple[int, ...]:
        packed = self.pack(claim, payload) if packed is None else packed
        with self._write() as connection:
            gone = beginning.begin(connection, claim, packed, now=now)
            if group is not None and not gone:
                groups.join(connection, group.id, claim.batch_id)
            return gone

    def begin_all(self, packed: Sequence[tuple[Claim, bytes]], *, now: datetime) -> Mapping[int, str]:
        with self._write() as connection:
            return beginning.begin_all(connection, packed, now=now)

    def record(self, claim: Claim, results: Mapping[int, Outcome], *, now: datetime, retry_at: datetime) -> None:
        with self._write() as connection:
            outcomes.record(connection, claim, results, now=now, retry_at=retry_at)

    def halve(self, claim: Claim, *, now: datetime, why: str) -> None:
        with self._write() as connection:
            claims.halve(connection, claim, now=now, why=why)

    def set_apart(self, claim: Claim, seqs: Sequence[int], *, now: datetime) -> None:
        with self._write() as connection:
            claims.set_apart(connection, claim, seqs, now=now)

    def release(self, claim: Claim, *, now: datetime, due_at: datetime, why: str) -> None:
        with self._write() as connection:
            claims.release(connection, claim, now=now, due_at=due_at, why=why)

    def lapse(self, *, now: datetime) -> int:
        with self._write() as connection:
            return claims.lapse(connection, self._world, now=now)

    def close_gate(self, channel: str, account: str, *, until: datetime, why: str) -> None:
        row = {"world": self._world, "channel": channel, "account": account, "until_at": until, "why": why}
        with self._write() as connection:
            upsert(connection, t.gates, [row])

    def doubts(self, *, channels: Collection[str] | None = None) -> Sequence[Doubt]:
        with self._database.read() as connection:
            return doubts.doubts(connection, self._world, channels=channels)

    def settle(self, doubt: Doubt, results: Mapping[int, Settled], *, now: datetime) -> None:
        with self._write() as connection:
            outcomes.settle(connection, doubt.batch_id, doubt.attempt_id, results, now=now)

    def groups(
        self, *, states: Collection[GroupState] | None = None, open_at: datetime | None = None
    ) -> Sequence[Group]:
        question = ("groups", None if states is None else frozenset(states), open_at)
        return self._kept(question, lambda asked: groups.find(asked, self._world, states=states, open_at=open_at))

    def group_for(self, claim: Claim) -> Group | int:
        with self._database.read() as connection:
            return groups.for_claim(connection, self._world, claim)

    def open_group(self, wave: Wave, ref: str, *, size: int, now: datetime) -> Group:
        with self._write() as connection:
            return groups.open_(connection, self._world, wave, ref, size=size, now=now)

    def barred(self, group: Group, *, now: datetime) -> int:
        with self._write() as connection:
            return groups.barred(connection, group.id, now=now)

    def postpone(self, wave: Wave, *, until: datetime) -> None:
        with self._write() as connection:
            groups.postpone(connection, wave.id, until=until)

    def call_back(self, group: Group, *, why: str, now: datetime) -> None:
        with self._write() as connection:
            groups.call_back(connection, group.id, why=why, now=now)

    def called_back(self, group: Group, *, now: datetime) -> int:
        with self._write() as connection:
            return groups.called_back(connection, group.id, now=now)

    def not_called_back(self, group: Group, *, why: str, unsure: bool, now: datetime) -> None:
        with self._write() as connection:
            groups.not_called_back(connection, group.id, why=why, unsure=unsure, now=now)

    def close_wave(self, wave_id: int, *, now: datetime) -> None:
        with self._write() as connection:
            close_if_done(connection, wave_id, now)

    def withdraw(self, wave_id: int) -> bool:
        with self._write() as connection:
            return groups.withdraw(connection, wave_id)

    def apply(self, events: Sequence[tuple[DeliveryId, Event]], *, now: datetime) -> Applied:
        if not events:
            return Applied({})
        with self._write() as connection:
            return feedback.apply(connection, self._world, events, now=now)

    def judge(self, events: Sequence[tuple[DeliveryId, Event]]) -> int:
        if not events:
            return 0
        with self._write() as connection:
            return feedback.judge(connection, self._world, events)

    def arms(self, step: str) -> Sequence[ArmFigures]:
        with self._database.read() as connection:
            return decisions.figures(connection, self._world, step)

    def decision(self, step: str) -> Decision | None:
        with self._database.read() as connection:
            return decisions.decision(connection, self._world, step)

    def decide(self, decision: Decision, *, let_go: Collection[int] = (), over: bool = False) -> Decision | None:
        with self._write() as connection:
            return decisions.decide(connection, self._world, decision, let_go=let_go, over=over)

    def posts(self, *, step: str | None = None, to_retract: bool = False) -> Sequence[Posted]:
        question = ("posts", step, to_retract)
        return self._kept(question, lambda asked: metrics.posts(asked, self._world, step=step, to_retract=to_retract))

    def keep_readings(self, readings: Sequence[Reading], *, costs: Mapping[int, int]) -> None:
        with self._write() as connection:
            metrics.keep(connection, readings, costs=costs)

    def retract(self, step: str, *, account: str | None, by: str, at: datetime) -> Retracting:
        with self._write() as connection:
            return retractions.ask(connection, self._world, step, account=account, by=by, now=at)

    def begin_retraction(self, delivery: DeliveryId, *, now: datetime, again_at: datetime) -> bool:
        with self._write() as connection:
            return retractions.begin(connection, delivery, now=now, again_at=again_at)

    def end_retraction(self, delivery: DeliveryId, outcome: Outcome, *, now: datetime, retry_at: datetime) -> None:
        with self._write() as connection:
            retractions.end(connection, delivery, outcome, now=now, retry_at=retry_at)

    def next_due(self, *, now: datetime) -> datetime | None:
        return self._kept(("next due", now), lambda asked: review.next_due(asked, self._world, now=now))

    def overview(self, *, now: datetime) -> Overview:
        with self._database.read() as connection:
            return overview.overview(connection, self._world, now=now)

    def tallies(self) -> Sequence[Tally]:
        with self._database.read() as connection:
            return review.tallies(connection, self._world)

    def log(self, filters: Filters) -> Iterator[Sent]:
        with self._database.read() as connection:
            yield from review.log(connection, self._world, filters)

    def handed_over(self, delivery: DeliveryId) -> Kept | None:
        with self._database.read() as connection:
            return review.handed_over(connection, delivery)
