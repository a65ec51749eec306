"""ab_test: which arm the rest of an audience gets, and what the numbers allow to be said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from campaign.errors import CampaignError
from campaign.flow.desk import Desk
from campaign.flow.intervals import Interval, for_each_of, lead, wilson
from campaign.model.decision import TEST, ArmFigures, Decision
from campaign.model.delivery import OPEN
from campaign.model.plan import AbTest, DecideBy
from campaign.model.wave import WINNER, Wave, WaveState
from campaign.ports.ledger import Ledger

LEAST = 100
"""People whom each arm must have reached: of fewer, one click more or less would decide."""
_STILL_OUT = 20
"""While more than one in so many of an arm is still to be sent, the others have had longer to be clicked."""
_DID = {"clicks": "clicked", "actions": "acted", "hand": "clicked"}


@dataclass(frozen=True, slots=True)
class ArmFinding:
    """``hits`` of those accepted did what decides; ``interval`` is where the share behind them lies (95%, Wilson).

    ``share`` and ``interval`` are None where nothing was accepted.
    """

    figures: ArmFigures
    hits: int
    share: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Finding:
    """``arms`` in the plan's order. ``ahead`` is by how much the leader is ahead of the second, taken wide enough that
    it holds for all ``pairs`` of arms at once; None where nothing can be compared. ``lacks`` says what the numbers lack
    for a decision, "" where they suffice.
    """

    by: DecideBy
    arms: Sequence[ArmFinding]
    leader: ArmFinding | None
    second: ArmFinding | None
    ahead: Interval | None
    pairs: int
    lacks: str

    @property
    def tells_apart(self) -> bool:
        return self.ahead is not None and self.ahead.low > 0

    def words(self) -> str:
        """``b led a by 1.2 points (95%: -0.3 to 2.6): the numbers do not tell them apart``."""
        first, second, ahead = self.leader, self.second, self.ahead
        if first is None or second is None or ahead is None or first.share is None or second.share is None:
            return self.lacks
        points = 100 * (first.share - second.share)
        over = f" over all {self.pairs} pairs" if self.pairs > 1 else ""
        apart = "tell them apart" if self.tells_apart else "do not tell them apart"
        within = f"95%{over}: {100 * ahead.low:.1f} to {100 * ahead.high:.1f}"
        if first.hits and first.share == second.share:
            return f"{first.figures.arm} and {second.figures.arm} are level ({within}): the numbers {apart}"
        return f"{first.figures.arm} led {second.figures.arm} by {points:.1f} points ({within}): the numbers {apart}"


def look(figures: Sequence[ArmFigures], by: DecideBy) -> Finding:
    """What the figures of a test's arms say. Of arms that are level, the one that the plan names first leads."""
    arms = tuple(_arm(one, by) for one in figures)
    ranked = sorted((arm for arm in arms if arm.share is not None), key=lambda arm: -(arm.share or 0.0))
    leader, second = (ranked[0], ranked[1]) if len(ranked) > 1 else (None, None)
    pairs = len(arms) * (len(arms) - 1) // 2
    ahead = None
    if leader and second:
        each = for_each_of(pairs)
        ahead = lead(leader.hits, leader.figures.accepted, second.hits, second.figures.accepted, confidence=each)
    return Finding(by, arms, leader, second, ahead, pairs, _lacks(arms, by))


def _arm(figures: ArmFigures, by: DecideBy) -> ArmFinding:
    # An event can tell of mail that is still in doubt: nobody did it who was not sent it.
    hits = min(figures.wins(by), figures.accepted)
    if not figures.accepted:
        return ArmFinding(figures, hits, None, None)
    return ArmFinding(figures, hits, hits / figures.accepted, wilson(hits, figures.accepted))


def _lacks(arms: Sequence[ArmFinding], by: DecideBy) -> str:
    few = [arm.figures for arm in arms if arm.figures.accepted < LEAST]
    if few:
        least = min(few, key=lambda one: one.accepted)
        return f'too few: the arm "{least.arm}" has reached {least.accepted:,} people, and each must reach {LEAST}'
    if not any(arm.hits for arm in arms):
        return f"nobody has {_DID[by]} in any arm"
    return ""


# ── the stage ──


def decide(desk: Desk) -> bool:
    """Decide the tests whose rest is due, as far as the numbers allow; the others wait, or are held for a person.

    True where something was decided, and so can go out.
    """
    now = desk.clock.now()
    digests = None
    decided = False
    for wave in desk.ledger.waves(states=(WaveState.WAITING,)):
        if wave.begins_at > now or not is_open(desk, wave):
            continue
        if digests is None:
            digests = dict(desk.digests())
        test = desk.ledger.bundle(wave.digest).step.ab_test
        if test is not None and digests.get(wave.step) == wave.digest:
            decided = _decide(desk, wave, test) or decided
    return decided


def is_open(desk: Desk, wave: Wave) -> bool:
    """True where the wave gets what its test finds, and nothing is decided."""
    return wave.arm == WINNER and desk.ledger.decision(wave.step) is None


def _decide(desk: Desk, rest: Wave, test: AbTest) -> bool:
    now = desk.clock.now()
    if test.decide_by == "hand":
        _hold(desk, rest, "nobody has chosen an arm yet")
        return False
    waves = [wave for wave in desk.ledger.waves(step=rest.step) if wave.arm not in ("", WINNER)]
    if rest.is_late(now) or any(_is_going_out(wave) for wave in waves):
        return False  # too late for it whatever wins, and ``due`` says so; or its turn comes when the test is out
    figures = tuple(desk.ledger.arms(rest.step))
    finding = look(figures, test.decide_by)
    if not finding.lacks and finding.leader is not None:
        _record(desk, rest.step, finding.leader.figures.arm, finding, figures)
        return True
    if not any(wave.state is WaveState.WAITING for wave in waves):  # else more of the test is still to come
        _hold(desk, rest, finding.lacks)
    return False


def _is_going_out(wave: Wave) -> bool:
    still_out = sum(wave.counts.get(state, 0) for state in OPEN)
    return wave.state is WaveState.PREPARED and still_out * _STILL_OUT > wave.planned


def _record(desk: Desk, step: str, arm: str, finding: Finding, figures: tuple[ArmFigures, ...]) -> None:
    decision = Decision(step=step, arm=arm, by=TEST, at=desk.clock.now(), figures=figures)
    held = [wave.id for wave in _rest(desk.ledger, step) if waits_for_choice(wave)]
    stands = desk.ledger.decide(decision, let_go=held)
    if stands == decision:
        desk.tell(f"{step}: the rest gets {decision.arm}; {finding.words()}")


_HELD_FOR = "campaign ab-test"


def _hold(desk: Desk, rest: Wave, lacks: str) -> None:
    why = f"{lacks}; choose with: {_HELD_FOR} {rest.step} --choose ARM"
    desk.ledger.end_wave(rest.id, WaveState.HELD, why=why, at=desk.clock.now())
    desk.tell(f"{rest.name} is held: {why}")


def waits_for_choice(wave: Wave) -> bool:
    """True where the wave is held for a decision, and not for another reason."""
    return wave.state is WaveState.HELD and _HELD_FOR in wave.why


def _rest(ledger: Ledger, step: str) -> Iterator[Wave]:
    return (wave for wave in ledger.waves(step=step) if wave.arm == WINNER)


# ── by hand ──


def choose(ledger: Ledger, step: str, arm: str, *, by: str, at: datetime) -> Decision:
    """``by``'s word that the rest gets ``arm``: before the rest enters the ledger, and over an earlier decision.

    What was held or overdue for want of it goes out at once: for lateness too, its instant is the moment of that word.
    Raises CampaignError where there is no such test or arm, or the rest is on its way.
    """
    figures = tuple(ledger.arms(step))
    names = [one.arm for one in figures]
    rest = list(_rest(ledger, step))
    if not rest:
        raise CampaignError(f'no A/B test of the step "{step}" is approved here')
    if arm not in names:
        raise CampaignError(f'the A/B test of "{step}" has no arm "{arm}"; there are {", ".join(names)}')
    decision = Decision(step=step, arm=arm, by=by, at=at, figures=figures)
    stands = ledger.decide(decision, let_go=[wave.id for wave in rest], over=True)
    if stands != decision:
        sent = f'with the arm "{stands.arm}", as {stands.by} decided' if stands else "without a decision"
        raise CampaignError(f"the rest of {step} is on its way already, {sent}; it is too late to choose")
    return decision
