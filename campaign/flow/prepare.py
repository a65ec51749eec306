"""prepare: a wave enters the ledger as planned, in one transaction. To prepare it again changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from campaign.errors import BadInput, LedgerError, OverBudget
from campaign.flow import audience, hand_off, pacing, spending
from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.flow.illustrate import Illustrated, illustrate
from campaign.flow.shows import Files
from campaign.model.price import Prices
from campaign.model.wave import LEAD, Wave, WaveState


def wave(desk: Desk, contents: Contents, due: Wave) -> int:
    """Write the deliveries of ``due`` to the ledger; how many there are."""
    bundle = contents.bundle(due)
    step, now = bundle.step, desk.clock.now()
    if step.embargo is not None and (now < step.embargo - LEAD or due.begins_at < step.embargo):
        # The plan's reader places no wave before its embargo; a clock that was set back must not either.
        return 0
    if due.ahead and now < due.due_at - LEAD and not hand_off.can_hold(desk, bundle):
        # Its provider cannot hold what is handed over ahead: it waits for its instant.
        return 0
    if step.channel == "email":
        size = desk.mails[bundle.plan.sender.via].limits.batch if bundle.plan.sender else 1
        size = min([size, *(pace.rate.batch for pace in due.paces if not pace.domains)])
        people = audience.of(bundle, due.zones, share=due.share, most=due.most)
        reads = _compiled(contents, due, people.variants)
        planned = desk.ledger.prepare_mail(due, people, batch_size=size, at=now, reads=reads)
        pacing.all_reached(desk, due, planned)
    else:
        planned = _posts(desk, contents, due)
    desk.watch.planned(planned)
    desk.note(f"{due.name} is prepared", "wave.prepared", wave=due, deliveries=planned)
    if planned and now > due.due_at + due.late.within and due.late.then == "send":
        late_s = round((now - due.due_at).total_seconds())
        by = timedelta(seconds=late_s)
        desk.tell(
            f"{due.name} goes out {by} late, as its step says", "wave.late", level="warning", wave=due, late_s=late_s
        )
    return planned


def _posts(desk: Desk, contents: Contents, due: Wave) -> int:
    """Draw and fit what the post shows, and keep it with the wave. Without its picture nothing goes out."""
    bundle, now = contents.bundle(due), desk.clock.now()
    try:
        posting = contents.posting(due)
        made = _illustrated(desk, contents, due, len(posting.parts))
    except (BadInput, LedgerError) as error:  # LedgerError: the original is not in the ledger
        return _held(desk, due, str(error).partition("\n")[0])
    accounts, channel = bundle.step.accounts, bundle.step.channel
    cost = spending.of(posting, accounts=len(accounts), prices=desk.prices.get(channel, Prices()))
    try:
        return desk.ledger.prepare_posts(
            due,
            accounts,
            parts=len(posting.parts),
            at=now,
            cost=cost.micro_usd,
            budget=desk.budgets.get(channel),
            shown=made.parts,
            files=made.files,
        )
    except OverBudget as over:
        return _held(desk, due, str(over))


def _held(desk: Desk, due: Wave, why: str) -> int:
    desk.ledger.end_wave(due.id, WaveState.HELD, why=why, at=desk.clock.now())
    desk.tell(f"{due.name} is held: {why}", "wave.held", level="warning", wave=due)
    return 0


def _illustrated(desk: Desk, contents: Contents, due: Wave, parts: int) -> Illustrated:
    """What the wave's post shows, made from what was approved, whatever has become of the files since."""
    bundle = contents.bundle(due)
    files = Files(bundle.digests(), desk.ledger.file)
    album = contents.shows.album
    return illustrate(bundle, number=due.number, due_at=due.due_at, files=files, parts=parts, album=album)


def _compiled(contents: Contents, due: Wave, languages: Sequence[str]) -> frozenset[str] | None:
    """Compile the e-mail by now, and not when it is to leave; what it reads of a supporter, None for all."""
    reads: frozenset[str] = frozenset()
    for language in languages:
        try:
            read = contents.mailing(due, language).compiled.reads
        except BadInput:  # whoever sends it holds the wave, and says why
            return None
        if read is None:
            return None
        reads |= read
    return reads
