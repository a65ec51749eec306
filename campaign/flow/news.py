"""news: what has happened that people are told of, found in the ledger.

So it does not matter which program did it, from which machine, or whether this one was running then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaign.flow import ab_test, breakers, review
from campaign.flow.desk import Desk
from campaign.model.breaker import BREAKER
from campaign.model.claim import Tally
from campaign.model.delivery import State
from campaign.model.notice import Notice, NoticeKind
from campaign.model.stop import DEAD_MAN, EVERYTHING, Stop
from campaign.model.wave import Wave, WaveState
from campaign.ports.notices import Doubtful, Progress

STALE = timedelta(hours=6)
"""What happened earlier is no news: nobody is told, say, where notifications are switched on in mid-campaign."""
PATIENCE = timedelta(hours=1)
"""How long a doubt has to end by itself before a person is asked: by the network's own answer, or by an event."""
_NAMED = 5


def tell(desk: Desk) -> None:
    """Make the notices that are due to be made."""
    if desk.notices is None or not desk.notices.wanted:
        return
    box = desk.notices.outbox
    found = {notice.key: notice for notice in _found(desk, box.progress(), box.doubtful())}
    new = box.new([*found, *(key for notice in found.values() for key in notice.also)])
    for key, notice in found.items():
        if key in new:
            desk.notices.put(_with_figures(desk, notice))


def _found(desk: Desk, steps: Sequence[Progress], doubts: Sequence[Doubtful]) -> Iterator[Notice]:
    now = desk.clock.now()
    last = not any(step.open for step in steps)
    for step in steps:
        if step.began_at is not None and now - step.began_at < STALE:
            yield Notice(f"launch {step.step}", NoticeKind.LAUNCH, _launch(desk, step))
        if step.began_at is not None and step.ended_at is not None and now - step.ended_at < STALE:
            rest = "\nNothing else of the plan is left to send." if last else ""
            key = f"completion {step.step} {step.waves} {step.ended_at.isoformat()}"
            yield Notice(key, NoticeKind.COMPLETION, f"{step.step} is complete{rest}")
    yield from _stops(desk, now)
    yield from _held(desk, now)
    for one in doubts:
        yield from _doubt(desk, one, now)


def _with_figures(desk: Desk, notice: Notice) -> Notice:
    """A completion with the step's figures: looked up once, when it is new."""
    if notice.kind is not NoticeKind.COMPLETION:
        return notice
    step = notice.key.split()[1]
    title, _, rest = notice.text.partition("\n")
    text = "\n".join(part for part in (title, figures(desk.ledger.waves(step=step)), rest) if part)
    return Notice(notice.key, notice.kind, f"{text}\nEverything about it: campaign log --step {step}", notice.also)


def figures(waves: Sequence[Wave]) -> str:
    """How one step stands, in a sentence."""
    counts: defaultdict[State, int] = defaultdict(int)
    for wave in waves:
        for state, n in wave.counts.items():
            counts[state] += n
    stands = review.figures(Tally("", "", sum(wave.planned for wave in waves), counts))
    parts = {
        "accepted": stands.accepted,
        "of these delivered": stands.delivered,
        "refused": stands.refused,
        "suppressed": stands.suppressed,
        "in doubt": stands.in_doubt,
        "missed or cancelled": stands.missed,
        "still to send": stands.to_send,
    }
    said = ", ".join(f"{n:,} {what}" for what, n in parts.items() if n or what == "accepted")
    return f"{said}, of {stands.planned:,} planned."


def _launch(desk: Desk, step: Progress) -> str:
    at = _when(desk, step.began_at) if step.began_at else ""
    several = f" It goes out in {step.waves:,} waves." if step.waves > 1 else ""
    return (
        f"{step.step} has begun\nThe first of it left by {step.channel} at {at}.{several}\n"
        f"To stop it: campaign pause {step.step} (campaign halt stops everything)"
    )


def _stops(desk: Desk, now: datetime) -> Iterator[Notice]:
    for stop in desk.ledger.stops(active=False):
        at = _when(desk, stop.at)
        if stop.ended_at is None or now - stop.at < STALE:
            yield Notice(f"stop {stop.id}", _kind(stop), _stopped(stop, at))
        if stop.ended_at is not None and now - stop.ended_at < STALE:
            what = "Everything" if stop.step == EVERYTHING else stop.step
            yield Notice(
                # Several stops of a step end together, and that is told once.
                f"resume {stop.step} {stop.ended_at.isoformat()}",
                NoticeKind.RESUME,
                f"{what} goes on\n{stop.ended_by} has let it go on at {_when(desk, stop.ended_at)}. "
                f"It was stopped at {at} by {stop.by}.",
            )


def _kind(stop: Stop) -> NoticeKind:
    if stop.by == BREAKER:
        return NoticeKind.BREAKER
    return NoticeKind.HALT if stop.step == EVERYTHING else NoticeKind.PAUSE


def _stopped(stop: Stop, at: str) -> str:
    if stop.by == BREAKER:
        return (
            f"A breaker has stopped {stop.step}\nAt {at}: {stop.why}. {breakers.to_do(stop.why)}\n"
            f"To let it go on: campaign resume {stop.step}\nTo end it: campaign cancel {stop.step}"
        )
    why = f": {stop.why}" if stop.why else ""
    if stop.by == DEAD_MAN:
        return f"Everything is stopped: nobody has confirmed\nAt {at}{why}.\nTo let it go on: campaign confirm"
    if stop.step == EVERYTHING:
        return f"Everything is stopped\nBy {stop.by} at {at}{why}.\nTo let it go on: campaign resume"
    return f"{stop.step} is paused\nBy {stop.by} at {at}{why}.\nTo let it go on: campaign resume {stop.step}"


def _held(desk: Desk, now: datetime) -> Iterator[Notice]:
    """One notice for all the waves of a step that are held, or missed, for the same reason."""
    stopped: dict[tuple[str, WaveState], list[Wave]] = defaultdict(list)
    for wave in desk.ledger.waves(states=(WaveState.HELD, WaveState.MISSED)):
        old = wave.finished_at is not None and now - wave.finished_at >= STALE
        if not (wave.state is WaveState.MISSED and old):
            stopped[wave.step, wave.state].append(wave)
    if not stopped or desk.notices is None:
        return
    keys = {wave.id: _held_key(wave) for waves in stopped.values() for wave in waves}
    new = desk.notices.outbox.new(list(keys.values()))
    for (step, state), waves in stopped.items():
        fresh = [wave for wave in waves if keys[wave.id] in new]
        if fresh:
            first, *others = (keys[wave.id] for wave in fresh)
            yield Notice(first, NoticeKind.HOLD, _held_text(step, state, fresh), tuple(others))


def _held_key(wave: Wave) -> str:
    return f"{wave.state.value} {wave.name} {wave.due_at.isoformat()} {wave.why}"


def _held_text(step: str, state: WaveState, waves: Sequence[Wave]) -> str:
    which = ", ".join(wave.name for wave in waves[:_NAMED])
    more = f" and {len(waves) - _NAMED:,} more" if len(waves) > _NAMED else ""
    many = "are" if len(waves) > 1 else "is"
    title = f"{which}{more} {many} {state.value}"
    if state is WaveState.MISSED:
        return f"{title}\n{waves[0].why}. It was not sent, and will not be.\nWhat it was: campaign log --step {step}"
    if ab_test.waits_for_choice(waves[0]):
        return f"{title}\n{waves[0].why}.\nChoose what the rest gets: campaign ab-test {step}"
    let_go = f"To let it go: campaign approve --release {step}"
    return f"{title}\n{waves[0].why}.\n{let_go}\nTo end it: campaign cancel {step}"


def _doubt(desk: Desk, one: Doubtful, now: datetime) -> Iterator[Notice]:
    channel = desk.posts.get(one.channel)
    by = {channel.settles.by} if channel is not None else {mail.settles.by for mail in desk.mails.values()}
    patience = timedelta(0) if by == {"nobody"} else PATIENCE
    if now - one.since < patience:
        return
    yield Notice(
        f"doubt {one.step} {now:%Y-%m-%d}",  # and again on the next day, for as long as nobody has said
        NoticeKind.DOUBT,
        f"{one.step}: {one.number:,} in doubt\nThey may or may not have been sent, the oldest since "
        f"{_when(desk, one.since)}. Nothing of it is sent again before somebody says what became of it.\n"
        f"To see the evidence and say so: campaign resolve",
    )


def _when(desk: Desk, at: datetime) -> str:
    zone = desk.notices.zone if desk.notices is not None else "UTC"
    return f"{at.astimezone(ZoneInfo(zone)):%d %b %H:%M:%S %Z}"


def by_kind(notices: Sequence[Notice]) -> Mapping[NoticeKind, int]:
    """How many there are of each kind, in the order of the kinds."""
    return {kind: n for kind in NoticeKind if (n := sum(one.kind is kind for one in notices))}
