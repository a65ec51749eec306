"""What is sent, rendered from what was approved: once for each wave, not for each person."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from campaign.errors import LedgerError
from campaign.flow.posting import Posting, occurrence, posting
from campaign.flow.shows import Shows
from campaign.model.batch import MailContent
from campaign.model.bundle import Bundle
from campaign.model.wave import WINNER, Wave
from campaign.ports.ledger import Ledger
from campaign.rendering.context import shared
from campaign.rendering.mail import CompiledMail, compile_mail

_MOST = 64
"""Rendered messages kept at once: memory stays flat over a long rollout."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """An e-mail in one language, ready to be filled: ``compiled`` fills the tokens of ``content``."""

    content: MailContent
    compiled: CompiledMail


def _day(bundle: Bundle, due_at: datetime) -> date:
    return due_at.astimezone(ZoneInfo(bundle.plan.zone)).date()


def mailing(bundle: Bundle, *, number: int, due_at: datetime, language: str, arm: str = "") -> Mailing:
    """Compile the e-mail of a step's wave in one of its languages, as an arm of its A/B test has it.

    The arm's name is a category and stands in the links' tags, so that it can be told apart where people arrive.
    """
    plan, step = bundle.plan, bundle.step
    if plan.sender is None:
        raise ValueError("an e-mail step needs a sender; the plan's reader sees to it")
    facts = shared(
        plan=plan,
        letter=bundle.letter,
        step=step,
        wave_number=occurrence(step, number),
        due_at=due_at,
        channel="email",
        language=language,
        arm=arm,
    )
    compiled = compile_mail(bundle.message_of(arm), language, facts)
    content = MailContent(
        sender=plan.sender,
        subject=compiled.subject,
        html=compiled.html,
        text=compiled.text,
        tokens=compiled.tokens,
        language=language,
        categories=(plan.campaign, step.id, f"{step.id}-{arm}") if arm else (plan.campaign, step.id),
    )
    return Mailing(content, compiled)


class Contents:
    """Renders what a wave needs, and keeps it while the wave goes out."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._bundles: OrderedDict[str, Bundle] = OrderedDict()
        self._mailings: OrderedDict[tuple[str, str, str, int, date], Mailing] = OrderedDict()
        self._winners: OrderedDict[tuple[int, datetime | None], str] = OrderedDict()
        self._postings: OrderedDict[int, Posting] = OrderedDict()
        self.shows = Shows(ledger)

    def bundle(self, wave: Wave) -> Bundle:
        """What was approved for this wave."""
        if wave.digest not in self._bundles:
            self._bundles[wave.digest] = self._ledger.bundle(wave.digest)
            _trim(self._bundles)
        return self._bundles[wave.digest]

    def mailing(self, wave: Wave, language: str) -> Mailing:
        bundle = self.bundle(wave)
        arm = self.arm(wave)
        # A message knows its instant by the day alone, so the waves of one day share what was compiled.
        key = (wave.digest, arm, language, occurrence(bundle.step, wave.number), _day(bundle, wave.due_at))
        if key not in self._mailings:
            self._mailings[key] = mailing(bundle, number=wave.number, due_at=wave.due_at, language=language, arm=arm)
            _trim(self._mailings)
        return self._mailings[key]

    def arm(self, wave: Wave) -> str:
        """The arm that the wave gets: for the rest of an A/B test the one that was decided, "" where there is no test.

        Raises LedgerError where nothing is decided: such a wave is not prepared.
        """
        if wave.arm != WINNER:
            return wave.arm
        key = (wave.id, wave.prepared_at)  # once it is prepared, the ledger keeps the decision as it is
        if wave.prepared_at is None or key not in self._winners:
            decision = self._ledger.decision(wave.step)
            if decision is None:
                raise LedgerError(f"{wave.name} is to get the winner of an A/B test that nobody has decided")
            self._winners[key] = decision.arm
            _trim(self._winners)
        return self._winners[key]

    def posting(self, wave: Wave) -> Posting:
        if wave.id not in self._postings:
            self._postings[wave.id] = posting(self.bundle(wave), number=wave.number, due_at=wave.due_at)
            _trim(self._postings)
        return self._postings[wave.id]


KeyT = TypeVar("KeyT")
KeptT = TypeVar("KeptT")


def _trim(kept: OrderedDict[KeyT, KeptT]) -> None:
    while len(kept) > _MOST:
        kept.popitem(last=False)
