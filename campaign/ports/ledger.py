"""The ledger: the durable record of deliveries, batches, attempts and events. It decides what may be sent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from campaign.model.approval import Manifest
from campaign.model.batch import Payload
from campaign.model.bundle import Bundle
from campaign.model.claim import Claim, Doubt, Kept, Tally
from campaign.model.decision import ArmFigures, Decision
from campaign.model.delivery import DeliveryId, Sent, State
from campaign.model.event import Event, EventKind
from campaign.model.group import Group, GroupState
from campaign.model.media import PartMedia, Reading
from campaign.model.outcome import Outcome, Settled
from campaign.model.overview import Overview
from campaign.model.posted import Posted, Retracting
from campaign.model.resolution import Correction
from campaign.model.segment import Audience
from campaign.model.wave import PlannedWave, Wave, WaveState
from campaign.ports.afterwards import Afterwards
from campaign.ports.approved import Approved
from campaign.ports.conditions import Conditions
from campaign.ports.gauges import Gauges
from campaign.ports.reports import Reports
from campaign.ports.stops import Stops


@dataclass(frozen=True, slots=True)
class Filters:
    """What ``log`` asks for; None asks for all. ``recipient`` is an address or an account's name."""

    step: str | None = None
    channel: str | None = None
    state: State | None = None
    recipient: str | None = None
    since: datetime | None = None


class Applied(NamedTuple):
    """How many events were ``new``, by kind, and those that came too ``early``: their delivery is being sent by
    somebody this moment, so that it is not known yet what they say of it. They are to be applied again later.
    ``corrected`` is what people had said of batches in doubt, and what is shown to be wrong by these events."""

    new: Mapping[EventKind, int]
    early: Sequence[tuple[DeliveryId, Event]] = ()
    corrected: Sequence[Correction] = ()


class Ledger(Approved, Stops, Gauges, Afterwards, Reports, Conditions, Protocol):
    """One world's record: live, sandbox or rehearsal. Each method is one transaction, but within ``together``."""

    @property
    def world(self) -> str: ...

    def together(self) -> AbstractContextManager[None]:
        """Within it what this thread does is committed by its end, in one transaction where that bears no risk; a call
        that raises takes back its own part alone. Nothing may leave on the strength of a ``begin`` before that end."""
        ...

    # --- approval ---

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
        """Record the approval, keep the bundle, and place the step's waves at their frozen instants.

        Where it takes more people, or another than the author, that is all: no wave is placed, moved or released.

        Of ``files`` those are kept that the bundle's post shows, by digest; each is asked for only where it is not kept
        yet. Raises LedgerError where one is missing.

        Waves already prepared stay as they are. ``release`` lets waves go that are held: their instant becomes ``at``.
        Returns the names of the waves that were placed, moved or released.
        """
        ...

    # --- waves ---

    def end_wave(self, wave_id: int, state: WaveState, *, why: str, at: datetime) -> None:
        """Hold, miss or cancel a wave: what is not sent yet of it will not be (``held``: for now)."""
        ...

    def hold(self, wave_id: int, *, why: str) -> bool:
        """Hold a wave that is going out; False where it is not, because somebody has stopped it or it is all out."""
        ...

    def prepare_mail(
        self, wave: Wave, audience: Audience, *, batch_size: int, at: datetime, reads: Collection[str] | None = None
    ) -> int:
        """Write the audience into the ledger as planned, in one transaction; how many. Again: changes nothing."""
        ...

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
        """The same for a post: one delivery for each account and part, one batch for each account.

        ``shown`` is what its parts show, and ``files`` the bytes of that by digest: every attempt hands over the same.

        ``cost`` is reserved with it, in micro-USD. Raises OverBudget, and writes nothing, where it is more than is left
        of ``budget`` for the wave's channel; None is no budget.
        """
        ...

    def shown(self, wave_id: int) -> tuple[PartMedia, ...]:
        """What the parts of a prepared wave's post show, from the first to the last that shows something."""
        ...

    def file(self, digest: str) -> bytes:
        """The bytes of a picture or video that was approved, or that a wave shows. LedgerError where it is not kept."""
        ...

    # --- dispatch ---

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
        """Lease up to ``most`` batches that are due, by instant; none of the channels in ``without``.

        Suppression and consent are read again here. Batches behind a closed gate are left alone. ``post_lease`` is
        the lease of posts, None where it is the same. ``ahead`` takes what is due so soon, so that it can be made ready
        before its instant: posts, and e-mail whose wave has not begun and is not held by its provider; of either only
        that of which no attempt was ever begun, due by now or not.
        """
        ...

    def renew(self, held: Sequence[Claim], *, now: datetime, lease: timedelta) -> frozenset[int]:
        """Let those of ``held`` that still hold do so for another ``lease``: whoever has them is at work.

        Returns the batches of these; the claims on the others are lost.
        """
        ...

    def pack(self, claim: Claim, payload: Payload) -> bytes:
        """What ``begin`` keeps of what is handed over, made ready beforehand. From any thread; writes nothing."""
        ...

    def begin(
        self,
        claim: Claim,
        payload: Payload,
        *,
        now: datetime,
        group: Group | None = None,
        packed: bytes | None = None,
    ) -> tuple[int, ...]:
        """Commit that an attempt begins, with what it hands over. Nothing may leave before this returns. ``packed`` is
        what ``pack`` has made of the same claim and payload, None where it has not yet.

        Returns the seqs of people suppressed since the claim: then no attempt has begun, and the rest must be
        composed anew. Raises ClaimLost where the claim no longer holds or the wave was stopped, and GroupClosed where
        ``group`` takes no more batches.
        """
        ...

    def begin_all(self, packed: Sequence[tuple[Claim, bytes]], *, now: datetime) -> Mapping[int, str]:
        """Commit in one transaction that an attempt of each claim on a post begins, with what ``pack`` made of it.

        Why not, by batch, where one may not: its claim no longer holds, its wave was stopped, or its instant has not
        come. Nothing of these may leave; of the others nothing may leave before this returns.
        """
        ...

    def record(self, claim: Claim, outcomes: Mapping[int, Outcome], *, now: datetime, retry_at: datetime) -> None:
        """Record what became of the attempt, by seq. What is deferred without an instant is due at ``retry_at``.

        Raises ClaimLost where the attempt was settled by somebody else in the meantime.
        """
        ...

    def halve(self, claim: Claim, *, now: datetime, why: str) -> None:
        """Replace a batch that was refused as a whole by two of half its size, due now."""
        ...

    def set_apart(self, claim: Claim, seqs: Sequence[int], *, now: datetime) -> None:
        """Make a batch of one, due now, of each of ``seqs``: they do not fit into a call with others. The claim holds
        on to the rest. Raises ClaimLost where it no longer holds."""
        ...

    def release(self, claim: Claim, *, now: datetime, due_at: datetime, why: str) -> None:
        """Give back a claim whose attempt has not begun."""
        ...

    def lapse(self, *, now: datetime) -> int:
        """End the claims whose lease is over: in doubt where the attempt had begun, else planned again."""
        ...

    def close_gate(self, channel: str, account: str, *, until: datetime, why: str) -> None:
        """Let nothing be claimed for a channel, or one account of it (not ""), before ``until``."""
        ...

    # --- doubt ---

    def doubts(self, *, channels: Collection[str] | None = None) -> Sequence[Doubt]: ...

    def settle(self, doubt: Doubt, results: Mapping[int, Settled], *, now: datetime) -> None:
        """Record what settling found. What was not sent is planned again, what stays in doubt stays."""
        ...

    # --- groups: what a provider holds until its instant ---

    def groups(
        self, *, states: Collection[GroupState] | None = None, open_at: datetime | None = None
    ) -> Sequence[Group]:
        """By instant, then in the order in which they were opened.

        ``open_at``: only those that a provider holds until later than that, or that are still to be cancelled.
        """
        ...

    def group_for(self, claim: Claim) -> Group | int:
        """An open group of the wave that ``claim`` may join, or the size of the one to be opened for it.

        A tenth of the wave's batches; half of that for each earlier attempt, so that many lost replies still converge.
        """
        ...

    def open_group(self, wave: Wave, ref: str, *, size: int, now: datetime) -> Group:
        """Enter a new group, which the provider knows as ``ref``, for ``size`` batches of ``wave``."""
        ...

    def postpone(self, wave: Wave, *, until: datetime) -> None:
        """Let no batch of ``wave`` be due before ``until``: there is no group to be had for them."""
        ...

    def barred(self, group: Group, *, now: datetime) -> int:
        """How many in the group are not to be written to any more: they may not be, or have acted and their step is for
        those who have not. It counts as looked through at ``now``."""
        ...

    def call_back(self, group: Group, *, why: str, now: datetime) -> None:
        """Let nobody join the group any more: it is to be cancelled. Again: only ``why`` is changed."""
        ...

    def called_back(self, group: Group, *, now: datetime) -> int:
        """The provider has cancelled the group in time: what it held is planned again, or ends with its wave.

        How many deliveries that are. 0, and nothing is changed, while a batch of it is claimed.
        """
        ...

    def not_called_back(self, group: Group, *, why: str, unsure: bool, now: datetime) -> None:
        """The group could not be cancelled in time. ``unsure``: it may be cancelled all the same, so that what was
        accepted in it is in doubt."""
        ...

    def close_wave(self, wave_id: int, *, now: datetime) -> None:
        """The wave is done where nothing of it is left to send, in doubt, or still held by its provider."""
        ...

    def withdraw(self, wave_id: int) -> bool:
        """Let a held wave wait again as if it had never been prepared; False where something of it may have left."""
        ...

    # --- feedback ---

    def apply(self, events: Sequence[tuple[DeliveryId, Event]], *, now: datetime) -> Applied:
        """Record later events: states never go backwards, repeats change nothing, under whatever id they come.

        Any event of a batch in doubt proves that its request was taken. An opening or a click may turn earlier ones
        of its delivery into a program's.
        """
        ...

    def judge(self, events: Sequence[tuple[DeliveryId, Event]]) -> int:
        """Set anew whose openings and clicks those of ``events`` are that were recorded; how many changed."""
        ...

    # --- A/B tests ---

    def arms(self, step: str) -> Sequence[ArmFigures]:
        """How the arms of a step's test stand, in the plan's order; the rest is in none of them."""
        ...

    def decision(self, step: str) -> Decision | None:
        """Which arm the rest of the step gets; None where that is not known yet."""
        ...

    def decide(self, decision: Decision, *, let_go: Collection[int] = (), over: bool = False) -> Decision | None:
        """Record which arm the rest gets, and return what stands then: an earlier decision unless ``over``, and in any
        case what the rest was prepared with.

        Where it is this one, the waves ``let_go`` of the rest go out at their instant, or now where that has passed.
        """
        ...

    # --- after posting ---

    def posts(self, *, step: str | None = None, to_retract: bool = False) -> Sequence[Posted]:
        """The posts that networks took, retracted ones too: by wave, account and part.

        ``to_retract``: only those that are still to be deleted, with those in doubt among them.
        """
        ...

    def keep_readings(self, readings: Sequence[Reading], *, costs: Mapping[int, int]) -> None:
        """Keep what was read of posts; ``costs`` is what that cost, in micro-USD by wave."""
        ...

    def spent(self) -> Mapping[str, int]:
        """What is spent or reserved, in micro-USD by channel."""
        ...

    def retract(self, step: str, *, account: str | None, by: str, at: datetime) -> Retracting:
        """Record in one transaction that what the step has posted is to be deleted, and cancel what is not out yet.

        ``account``: only what is of that account, and then waves that are still to come are left as they are. What its
        network refused to delete before is asked for anew.
        """
        ...

    def begin_retraction(self, delivery: DeliveryId, *, now: datetime, again_at: datetime) -> bool:
        """Commit that an attempt to delete the post begins; it is not due again before ``again_at``.

        False where it is not to be tried now: it is not due, has ended, or was never posted.
        """
        ...

    def end_retraction(self, delivery: DeliveryId, outcome: Outcome, *, now: datetime, retry_at: datetime) -> None:
        """Record what became of it: retracted only where the network says that it is gone."""
        ...

    # --- review ---

    def next_due(self, *, now: datetime) -> datetime | None:
        """The next instant after ``now`` at which there is something to do, or None where there is nothing left."""
        ...

    def overview(self, *, now: datetime) -> Overview:
        """How it stands at a glance; cheap, however many deliveries there are."""
        ...

    def tallies(self) -> Sequence[Tally]:
        """Each step that has waves, in the order of their first instants."""
        ...

    def log(self, filters: Filters) -> Iterator[Sent]:
        """The deliveries asked for, streamed by wave and seq."""
        ...

    def handed_over(self, delivery: DeliveryId) -> Kept | None:
        """What the last attempt at this delivery handed over, cut down to this delivery's chunk."""
        ...
