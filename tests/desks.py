"""A desk to test the flow at: a real ledger on SQLite, a clock in the test's hand, and channels that do as they are
told and remember what they got. A channel here is an implementation of its port like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Lock
from typing import TypeVar

from campaign.engines.clock import VirtualClock
from campaign.flow import approve
from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.model.batch import MailBatch, Payload, PostBatch, Shown
from campaign.model.bundle import Bundle
from campaign.model.claim import Claim
from campaign.model.delivery import Keys, State
from campaign.model.media import Metrics
from campaign.model.message import Message
from campaign.model.outcome import Accepted, Deferred, NotSent, Outcome, Settled
from campaign.model.plan import Step
from campaign.model.wave import PlannedWave, Wave
from campaign.ports.channel import Channel, Gate, Limits, Settling, Staging, Standing
from campaign.ports.clock import Clock
from campaign.ports.ledger import Filters
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import T0, bundle, people, wave

BatchT = TypeVar("BatchT", MailBatch, PostBatch)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def accept(batch: MailBatch | PostBatch, payload: Payload) -> Sequence[Outcome]:
    return [Accepted(ref=f"{batch.id}.{place}") for place in range(len(batch))]


def not_there(batch: MailBatch | PostBatch, payload: Payload) -> Sequence[Settled]:
    return [NotSent("it is not there")] * len(batch)


def nobody_cared(account: str, refs: Sequence[str]) -> Mapping[str, Metrics]:
    return {ref: Metrics(likes=0, reposts=0, replies=0, views=0) for ref in refs}


def gone(account: str, ref: str) -> Outcome:
    return Accepted(ref)


class Told(Channel[BatchT]):
    """A channel that answers as ``delivers``, ``settled``, ``figures`` and ``retracts`` say.

    ``got`` is what it was handed, ``asked`` what it was to settle, ``readied`` for what it was made ready and whether
    with its media, ``read`` whose figures were asked for, ``retracted`` what it was to delete: call by call.
    """

    def __init__(
        self,
        name: str,
        *,
        delivers: Callable[[BatchT, Payload], Sequence[Outcome]] = accept,
        settled: Callable[[BatchT, Payload], Sequence[Settled]] = not_there,
        figures: Callable[[str, Sequence[str]], Mapping[str, Metrics] | Deferred] = nobody_cared,
        retracts: Callable[[str, str], Outcome] = gone,
        batch: int = 4,
        in_flight: int = 4,
        settles: Settling | None = None,
        staging: Staging | None = None,
    ) -> None:
        self._name = name
        self.delivers: Callable[[BatchT, Payload], Sequence[Outcome]] = delivers
        self.settled: Callable[[BatchT, Payload], Sequence[Settled]] = settled
        self.figures = figures
        self.retracts = retracts
        self._limits = Limits(batch=batch, in_flight=in_flight)
        self._staging = staging
        self._settles = settles or Settling(by="reading")
        self.got: list[tuple[BatchT, Payload]] = []
        self.asked: list[tuple[BatchT, Payload]] = []
        self.readied: list[tuple[BatchT, Payload, bool]] = []
        self.read: list[tuple[str, Sequence[str]]] = []
        self.retracted: list[tuple[str, str]] = []
        self.most_at_once = 0
        self._inside = 0
        self._lock = Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def limits(self) -> Limits:
        return self._limits

    @property
    def settles(self) -> Settling:
        return self._settles

    @property
    def staging(self) -> Staging | None:
        return self._staging

    def check(self) -> Sequence[Standing]:
        return ()

    def compose(self, batch: BatchT) -> Payload:
        if isinstance(batch, PostBatch):
            return Payload([part.text.encode() for part in batch.parts])
        return Payload([f"{row.address} {row.key} {'|'.join(row.values)}".encode() for row in batch.rows])

    def deliver(self, batch: BatchT, payload: Payload) -> Sequence[Outcome]:
        with self._lock:
            self.got.append((batch, payload))
            self._inside += 1
            self.most_at_once = max(self.most_at_once, self._inside)
        try:
            return self.delivers(batch, payload)
        finally:
            with self._lock:
                self._inside -= 1

    def settle(self, batch: BatchT, payload: Payload) -> Sequence[Settled]:
        self.asked.append((batch, payload))
        return self.settled(batch, payload)

    def shows(self, payload: Payload, index: int) -> Shown:
        return Shown(payload.chunks[index].decode())

    def ready(self, batch: BatchT, payload: Payload, *, upload: bool) -> None:
        with self._lock:
            self.readied.append((batch, payload, upload))

    def aim(self, batch: BatchT, payload: Payload, gate: Gate) -> Sequence[Outcome]:
        gate()
        return self.deliver(batch, payload)

    def metrics(self, account: str, refs: Sequence[str]) -> Mapping[str, Metrics] | Deferred:
        with self._lock:
            self.read.append((account, refs))
        return self.figures(account, refs)

    def retract(self, account: str, ref: str) -> Outcome:
        with self._lock:
            self.retracted.append((account, ref))
        return self.retracts(account, ref)

    def close(self) -> None: ...


class HandClock:
    """A clock that a hand sets, also back."""

    def __init__(self, now: datetime) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at

    def sleep_until(self, instant: datetime) -> None:
        self.at = max(self.at, instant)

    def wake(self) -> None: ...


class RenewingLedger(SqlLedger):
    """A live world's ledger that tells when claims were renewed."""

    def __init__(self, database: Database, *, renewed: Event) -> None:
        super().__init__(database, world="live")
        self._renewed = renewed

    def renew(self, held: Sequence[Claim], *, now: datetime, lease: timedelta) -> frozenset[int]:
        still = super().renew(held, now=now, lease=lease)
        self._renewed.set()
        return still


@dataclass
class Office:
    """A desk with what stands on it within a test's reach. ``digests`` are the steps' as their files are now."""

    database: Database
    ledger: SqlLedger
    supporters: SqlSupporters
    mail: Told[MailBatch]
    posts: dict[str, Told[PostBatch]]
    clock: Clock
    desk: Desk
    digests: dict[str, str]
    told: list[str] = field(default_factory=list)

    @property
    def contents(self) -> Contents:
        return Contents(self.ledger)

    def wait(self, span: timedelta) -> datetime:
        self.clock.sleep_until(self.clock.now() + span)
        return self.clock.now()

    def add(self, n: int, **changes: object) -> None:
        self.supporters.add(people(n, **changes), at=T0)

    def approve(
        self,
        step: Step,
        *waves: PlannedWave,
        message: Message | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Bundle:
        """A person's word on ``step`` as it is, at these waves or at T-0."""
        made = bundle(step, message)
        planned = waves or (wave(step.id),)
        manifest = approve.manifest(made, planned)
        self.ledger.approve(made, manifest, planned, by="Jo Example", at=T0 - HOUR, files=files)
        self.digests[step.id] = manifest.digest
        return made

    def waves(self, step: str | None = None) -> Sequence[Wave]:
        return self.ledger.waves(step=step)

    def states(self, step: str | None = None) -> dict[State, int]:
        """Deliveries by state, counted one by one, and the same by the ledger's counters."""
        found: dict[State, int] = {}
        for sent in self.ledger.log(Filters(step=step)):
            found[sent.state] = found.get(sent.state, 0) + 1
        counted: dict[State, int] = {}
        for one in self.waves(step):
            for state, n in one.counts.items():
                counted[state] = counted.get(state, 0) + n
        assert counted == found
        return found


@contextmanager
def office(
    folder: Path,
    *,
    mail: Told[MailBatch] | None = None,
    posts: Sequence[Told[PostBatch]] = (),
    clock: Clock | None = None,
) -> Iterator[Office]:
    """A desk at T-0 with an e-mail channel "sendgrid" and one for X, unless others are given."""
    database = Database(f"sqlite:///{folder / 'ledger.db'}")
    ledger = SqlLedger(database, world="live")
    mail = mail or Told[MailBatch]("sendgrid", settles=Settling(by="events"))
    by_name = {one.name: one for one in posts or (Told[PostBatch]("x"),)}
    clock = clock or VirtualClock(T0)
    told: list[str] = []
    digests: dict[str, str] = {}
    desk = Desk(
        ledger=ledger,
        mails={mail.name: mail},
        posts=by_name,
        clock=clock,
        keys=Keys(b"a secret of 16 bytes and more"),
        public_url="https://campaign.example.org",
        owner="test",
        digests=lambda: digests,
        report=lambda _at, what: told.append(what),
    )
    try:
        yield Office(database, ledger, SqlSupporters(database), mail, by_name, clock, desk, digests, told)
    finally:
        database.close()
