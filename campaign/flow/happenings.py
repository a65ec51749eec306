"""happenings: what people did with a rollout, in order, and what still waits for somebody."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from campaign.model.approval import Approval
from campaign.model.posted import Posted
from campaign.model.report import Happened, Open
from campaign.model.resolution import Word
from campaign.model.stop import EVERYTHING
from campaign.model.wave import WINNER, Wave, WaveState
from campaign.ports.ledger import Ledger

MOST_WHY = 160
"""Characters of what a provider, or a person, said."""
_NAMED = 4
"""Steps that are named one by one."""
_ADDRESS = re.compile(r"[^\s<>()\[\],;:]*@[^\s<>()\[\]\"',;:]*")
_MOST_LOOKED_AT = 1_000


def without_addresses(text: str) -> str:
    """One line, cut where it is long, without anything that looks like an e-mail address."""
    line = _ADDRESS.sub("(an address)", " ".join(text[:_MOST_LOOKED_AT].split()))
    return line if len(line) <= MOST_WHY else f"{line[: MOST_WHY - 1]}…"


def happened(ledger: Ledger, posts: Sequence[Posted]) -> list[Happened]:
    """What was approved, stopped, resumed, said of doubts, topped up, chosen and retracted, by whom and when."""
    found = [
        *_approved(ledger.all_approvals()),
        *_stopped(ledger),
        *_said(ledger),
        *_topped_up(ledger),
        *_chosen(ledger),
        *_retracted(posts),
    ]
    return sorted(found, key=lambda one: one.at)


def _approved(approvals: Sequence[Approval]) -> Iterator[Happened]:
    """Steps that were approved by the same person at the same instant are one."""
    together: dict[tuple[datetime, str, bool], list[str]] = {}
    seen: set[str] = set()
    for approval in approvals:
        changed = approval.step in seen
        seen.add(approval.step)
        for word in approval.words:
            together.setdefault((word.at, word.by, changed), []).append(approval.step)
    for (at, by, changed), steps in together.items():
        what = ", ".join(steps) if len(steps) <= _NAMED else f"{len(steps):,} steps"
        yield Happened(at, by, f"approved {what}" + (", changed since the last time" if changed else ""))


def _stopped(ledger: Ledger) -> Iterator[Happened]:
    for stop in ledger.stops(active=False):
        what = "everything" if stop.step == EVERYTHING else stop.step
        yield Happened(stop.at, stop.by, f"stopped {what}{_because(stop.why)}")
        if stop.ended_at is not None:
            yield Happened(stop.ended_at, stop.ended_by, f"let {what} go on")


def _said(ledger: Ledger) -> Iterator[Happened]:
    for said in ledger.resolutions():
        word = "was sent" if said.word is Word.ACCEPTED else "was not sent"
        what = f"said that what was in doubt of {said.step} ({said.number:,}) {word}{_because(said.why)}"
        yield Happened(said.at, said.by, what)
        if said.corrected_at is not None:
            shown = f"showed that what was said of {said.step} was wrong{_because(said.evidence)}"
            yield Happened(said.corrected_at, "an event", shown)


def _topped_up(ledger: Ledger) -> Iterator[Happened]:
    for one in ledger.top_ups():
        yield Happened(one.at, one.by, f"topped up {one.wave.step} for {one.number:,}{_because(one.why)}")


def _chosen(ledger: Ledger) -> Iterator[Happened]:
    for step in dict.fromkeys(wave.step for wave in ledger.waves() if wave.arm == WINNER):
        decision = ledger.decision(step)
        if decision is not None:
            yield Happened(decision.at, decision.by, f"chose {decision.arm} for the rest of {step}")


def _retracted(posts: Sequence[Posted]) -> Iterator[Happened]:
    asked = Counter(
        (post.retraction.asked_at, post.retraction.by, post.step) for post in posts if post.retraction is not None
    )
    for (at, by, step), number in asked.items():
        yield Happened(at, by, f"asked for {number:,} {'post' if number == 1 else 'posts'} of {step} to be deleted")


def _because(why: str) -> str:
    return f": {without_addresses(why)}" if why else ""


def still_open(ledger: Ledger, waves: Sequence[Wave], now: datetime) -> Iterator[Open]:
    """Stops that hold, doubts, and waves that are held."""
    for stop in ledger.stops():
        yield Open(stop.step or "everything", without_addresses(str(stop)))
    for question in ledger.questions(now=now):
        number, what = len(question.seqs), "post" if question.account else "e-mail"
        counted = f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
        why = without_addresses(question.why) or "nobody said why"
        yield Open(question.wave.step, f"{counted} in doubt: {why}")
    for wave in waves:
        if wave.state is WaveState.HELD:
            yield Open(wave.step, f"{wave.name} is held{_because(wave.why)}")
