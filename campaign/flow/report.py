"""report: how the rollout went, gathered from the ledger into plain values that a page is made of.

Nobody who was written to is named in it, and what providers said is looked through for addresses once more. What grows
with the rollout is bounded: of posts, happenings and open questions the first are listed, with how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from campaign.flow import ab_test, happenings, metrics, review
from campaign.flow.happenings import without_addresses
from campaign.model.approval import Approval
from campaign.model.claim import Tally
from campaign.model.delivery import State
from campaign.model.posted import Posted
from campaign.model.report import (
    PART_OF,
    Applause,
    ArmReport,
    Part,
    PostReport,
    Reactions,
    Reason,
    Report,
    Spent,
    StepReport,
    Tested,
    WaveTimes,
)
from campaign.model.wave import Wave, WaveState
from campaign.ports.ledger import Ledger

MOST_POSTS = 200
MOST_HAPPENED = 300
MOST_OPEN = 100
_MOST_APPLAUSE = 60
"""Instants at which a network's figures are told."""
_STANDS = (WaveState.HELD, WaveState.MISSED, WaveState.CANCELLED, WaveState.PREPARED, WaveState.WAITING)
"""What is said of a step whose waves differ: the first of these that one of them is."""
_WORDS = {WaveState.PREPARED: "going out"}


def gather(ledger: Ledger, *, now: datetime, budgets: Mapping[str, int]) -> Report:
    """How the rollout of the ledger's world went by ``now``, by that world's clock. ``budgets`` are in micro-USD.

    Raises LedgerError where nothing was ever approved there.
    """
    waves = ledger.waves()
    approvals = ledger.latest_approvals()
    newest = max(approvals.values(), key=lambda one: one.at, default=None)
    plan = ledger.bundle(newest.digest if newest else waves[-1].digest if waves else "").plan
    tallies = ledger.tallies()
    posts = ledger.posts()
    steps = _steps(ledger, waves, tallies, posts, approvals)
    happened = list(happenings.happened(ledger, posts))
    still_open = list(happenings.still_open(ledger, waves, now))
    return Report(
        title=plan.title,
        organisation=plan.organisation,
        zone=plan.zone,
        launch=plan.launch,
        world=ledger.world,
        made_at=now,
        steps=steps,
        reasons=_reasons(tallies),
        tests=[_tested(ledger, step) for step in dict.fromkeys(wave.step for wave in waves if wave.arm)],
        posts=[_post(post, live=ledger.world == "live") for post in posts if post.ref][:MOST_POSTS],
        posts_in_all=sum(bool(post.ref) for post in posts),
        applause=_applause(ledger),
        hours=ledger.hours(),
        spent=_spent(ledger, budgets),
        happened=happened[:MOST_HAPPENED],
        happened_in_all=len(happened),
        open=still_open[:MOST_OPEN],
        open_in_all=len(still_open),
    )


def _steps(
    ledger: Ledger,
    waves: Sequence[Wave],
    tallies: Sequence[Tally],
    posts: Sequence[Posted],
    approvals: Mapping[str, Approval],
) -> list[StepReport]:
    reactions, costs = ledger.reactions(), ledger.costs()
    mine: dict[str, list[Wave]] = {}
    for wave in waves:
        mine.setdefault(wave.step, []).append(wave)
    standing: dict[str, list[Posted]] = {}
    for post in posts:
        if post.is_up and post.ref:
            standing.setdefault(post.step, []).append(post)
    late = {one.step: one.late_by for one in review.steps(tallies, waves)}
    found = []
    for tally in tallies:
        peopled = [wave for wave in mine[tally.step] if wave.planned or wave.prepared_at is None]
        up = standing.get(tally.step, ())
        approval = approvals.get(tally.step)
        found.append(
            StepReport(
                step=tally.step,
                channel=tally.channel,
                accounts=tuple(dict.fromkeys(post.account for post in up)),
                stands=_stands(peopled),
                waves=[WaveTimes(one.due_at, one.first_sent_at, one.finished_at) for one in peopled],
                late_by=late[tally.step],
                planned=tally.planned,
                parts=parts(tally),
                reactions=reactions.get(tally.step, Reactions()),
                posts=len(up),
                figures=metrics.total(up),
                micro_usd=costs.get(tally.step, 0),
                approved_by=tuple(approval.people) if approval else (),
            )
        )
    return found


def parts(tally: Tally) -> Mapping[Part, int]:
    """The deliveries of a step by what became of them; those parts are left out that none is in."""
    found: dict[Part, int] = {}
    for state, number in tally.counts.items():
        if number:
            found[PART_OF[state]] = found.get(PART_OF[state], 0) + number
    return found


def _stands(waves: Sequence[Wave]) -> str:
    states = {wave.state for wave in waves}
    state = next((one for one in _STANDS if one in states), WaveState.DONE)
    return _WORDS.get(state, state.value) if waves else "nobody to send to"


def _reasons(tallies: Sequence[Tally]) -> list[Reason]:
    """The most frequent first; those that say the same of the same step are one."""
    found: dict[tuple[str, Part, str], int] = {}
    for tally in tallies:
        for (state, why), number in tally.why.items():
            key = (tally.step, PART_OF[state], without_addresses(why) or "no reason was given")
            found[key] = found.get(key, 0) + number
        came_back = {state: tally.counts.get(state, 0) for state in (State.BOUNCED, State.DROPPED, State.COMPLAINED)}
        for state, number in came_back.items():
            if number:
                found[tally.step, PART_OF[state], _LATER[state]] = number
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [Reason(step, part, why, number) for (step, part, why), number in ranked]


_LATER = {
    State.BOUNCED: "accepted, and returned by the mailbox's server later",
    State.DROPPED: "accepted, and dropped by the provider later",
    State.COMPLAINED: "delivered, and reported as spam",
}


def _tested(ledger: Ledger, step: str) -> Tested:
    bundle = ledger.bundle(next(wave.digest for wave in ledger.waves(step=step) if wave.arm))
    by = bundle.step.ab_test.decide_by if bundle.step.ab_test else "clicks"
    decision = ledger.decision(step)
    finding = ab_test.look(decision.figures if decision else ledger.arms(step), by)
    return Tested(
        step=step,
        did="acted" if by == "actions" else "clicked",
        arms=[
            ArmReport(
                arm=arm.figures.arm,
                accepted=arm.figures.accepted,
                hits=arm.hits,
                share=arm.share,
                low=arm.interval.low if arm.interval else None,
                high=arm.interval.high if arm.interval else None,
            )
            for arm in finding.arms
        ],
        words=finding.words() if finding.leader else finding.lacks,
        chosen=decision.arm if decision else "",
        chosen_by=decision.by if decision else "",
    )


def _post(post: Posted, *, live: bool) -> PostReport:
    return PostReport(
        step=post.step,
        channel=post.channel,
        account=post.account,
        part=post.part,
        posted_at=post.posted_at,
        is_up=post.is_up,
        url=post.url if live and post.url.startswith("https://") else "",
        figures=post.reading.metrics if post.reading else metrics.total(()),
    )


def _applause(ledger: Ledger) -> list[Applause]:
    """What each network's posts had come to, at no more instants than a plot can show."""
    last: dict[tuple[int, int], int] = {}
    sums: dict[str, int] = {}
    told: dict[str, dict[datetime, int]] = {}
    for at, channel, wave_id, seq, number in ledger.readings():
        sums[channel] = sums.get(channel, 0) + number - last.get((wave_id, seq), 0)
        last[wave_id, seq] = number
        told.setdefault(channel, {})[at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)] = sums[channel]
    found = []
    for channel, series in told.items():
        instants = list(series)
        every = -(-len(instants) // _MOST_APPLAUSE)
        kept = sorted({*instants[::every], instants[-1]})
        found += [Applause(channel, at, series[at]) for at in kept]
    return found


def _spent(ledger: Ledger, budgets: Mapping[str, int]) -> list[Spent]:
    spent = ledger.spent()
    return [Spent(channel, spent.get(channel, 0), budgets.get(channel)) for channel in sorted({*spent, *budgets})]
