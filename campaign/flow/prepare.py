"""prepare: a wave enters the ledger as planned, in one transaction. To prepare it again changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from campaign.errors import BadInput
from campaign.flow import audience, hand_off
from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.model.wave import LEAD, Wave


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
        people = audience.of(bundle, due.zones, share=due.share)
        reads = _compiled(contents, due, people.variants)
        planned = desk.ledger.prepare_mail(due, people, batch_size=size, at=now, reads=reads)
    else:
        parts = len(contents.posting(due).parts)
        planned = desk.ledger.prepare_posts(due, step.accounts, parts=parts, at=now)
    desk.watch.planned(planned)
    return planned


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
