"""A witness between the desk and the ledger, who sees every attempt begin, and knows what people had said by then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from campaign.errors import ClaimLost
from campaign.model.batch import Payload
from campaign.model.claim import Claim
from campaign.model.plan import Step
from campaign.model.stop import EVERYTHING
from campaign.storage.ledger import SqlLedger


@dataclass
class Words:
    """What people have said of ``steps``, and in ``wrong`` what has begun in spite of it.

    ``digests`` are the steps' as their files are now, ``approved`` the instants at which they were approved, by step
    and digest, and ``released`` those at which somebody let go what was held, or topped it up. ``confirm_within``: how
    long a confirmation lasts; None where nobody need confirm.
    """

    ledger: SqlLedger
    steps: Mapping[str, Step]
    digests: Mapping[str, str]
    confirm_within: timedelta | None = None
    confirmed_at: datetime | None = None
    approved: dict[tuple[str, str], datetime] = field(default_factory=dict)
    released: set[tuple[str, datetime]] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)
    suppressed: set[str] = field(default_factory=set)
    begun: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def against(self, claim: Claim, now: datetime) -> list[str]:
        """Why the attempt may not begin now."""
        return [*self._of_people(claim, now), *self._of_time(claim, now)]

    def _of_people(self, claim: Claim, now: datetime) -> Iterator[str]:
        one = claim.wave
        if self.stopped & {EVERYTHING, one.step}:
            yield "it is stopped"
        if one.id in self.cancelled:
            yield "it is cancelled"
        if (one.step, one.digest) not in self.approved:
            yield "nobody approved it"
        if one.id not in self.begun and self.digests.get(one.step) != one.digest:
            yield "it has changed since"
        if {person.email for person in claim.people} & self.suppressed:
            yield "somebody in it is suppressed"
        within, at = self.confirm_within, self.confirmed_at
        if within is not None and (at is None or now >= at + within):
            yield "nobody has confirmed"

    def _of_time(self, claim: Claim, now: datetime) -> Iterator[str]:
        one, chosen = claim.wave, self.steps[claim.wave.step]
        if chosen.embargo is not None and now < chosen.embargo:
            yield "its embargo has not ended"
        placed = next(each for each in self.ledger.waves(step=one.step) if each.id == one.id)
        said = [self.approved.get((one.step, one.digest)), *(at for step, at in self.released if step == one.step)]
        # Planned anew, what was approved for an instant before its embargo comes at the end of that.
        instants = {at for at in (*said, chosen.embargo) if at is not None}
        if placed.due_at not in instants:
            yield "nobody has said that instant"
        if now < min(instants, default=now):
            yield "its instant has not come"
        if now > placed.due_at + chosen.late.within:
            yield f"it is {now - placed.due_at} late"

    def begins(self, claim: Claim, against: Sequence[str]) -> None:
        self.begun.add(claim.wave.id)
        self.wrong += [f"{claim.wave.name} begins, but {why}" for why in against]


class Witness:
    """The ledger, for one program. Once ``dead`` it hears nothing more of that program's attempts."""

    def __init__(self, ledger: SqlLedger, words: Words) -> None:
        self._ledger = ledger
        self._words = words
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        if self.dead and name in ("record", "release", "halve", "set_apart"):
            return self._gone
        return getattr(self._ledger, name)

    def _gone(self, *_: object, **__: object) -> None:
        raise ClaimLost("the program is dead")

    def claim(self, **asked: Any) -> Sequence[Claim]:
        return () if self.dead else self._ledger.claim(**asked)

    def begin(self, claim: Claim, payload: Payload, *, now: datetime, **more: Any) -> tuple[int, ...]:
        if self.dead:
            self._gone()
        against = self._words.against(claim, now)
        gone = self._ledger.begin(claim, payload, now=now, **more)
        if not gone:
            self._words.begins(claim, against)
        return gone

    def begin_all(self, packed: Sequence[tuple[Claim, bytes]], *, now: datetime) -> Mapping[int, str]:
        if self.dead:
            return {claim.batch_id: "the program is dead" for claim, _ in packed}
        against = {claim.batch_id: self._words.against(claim, now) for claim, _ in packed}
        why = self._ledger.begin_all(packed, now=now)
        for claim, _ in packed:
            if claim.batch_id not in why:
                self._words.begins(claim, against[claim.batch_id])
        return why
