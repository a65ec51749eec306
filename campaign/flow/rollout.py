"""rollout: one turn of the whole story. An engine calls it again at the instant it returns; too often is harmless."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from campaign.flow import dispatch, due, feedback, prepare, settle
from campaign.flow.content import Contents
from campaign.flow.desk import Desk


def turns(desk: Desk) -> Callable[[], datetime | None]:
    """The turn of this desk: does all that is due now, and returns when there is something to do again.

    None means that nothing is left that time alone would bring: done, or waiting for a person.
    """
    contents = Contents(desk.ledger)

    def turn() -> datetime | None:
        settle.lapsed(desk)
        feedback.apply(desk)
        for wave in due.waves(desk):
            prepare.wave(desk, contents, wave)
        due.stale(desk)
        dispatch.everything(desk, contents)
        feedback.apply(desk)
        ask_again_at = settle.doubts(desk, contents)
        dispatch.everything(desk, contents)
        instants = [instant for instant in (desk.ledger.next_due(now=desk.clock.now()), ask_again_at) if instant]
        return min(instants, default=None)

    return turn
