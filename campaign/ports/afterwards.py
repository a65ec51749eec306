"""Afterwards: the part of the ledger in which people say what became of what is in doubt, and top steps up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from campaign.model.outcome import Accepted, NotSent
from campaign.model.resolution import Question, Resolution
from campaign.model.segment import Audience
from campaign.model.top_up import Missing, MissingPosts, Reason, ToppedUp
from campaign.model.wave import Wave


class Afterwards(Protocol):
    """Each method is one transaction."""

    # --- doubts that a person ends ---

    def questions(self, *, now: datetime, step: str | None = None, batch_id: int | None = None) -> Sequence[Question]:
        """The batches in doubt, as a person is asked about them: by instant, without what they handed over."""
        ...

    def resolve(
        self, question: Question, results: Mapping[int, Accepted | NotSent], *, by: str, why: str, now: datetime
    ) -> bool:
        """Record a person's word on each delivery of a batch in doubt, and let it hold as if settling had found it.

        False, and nothing is changed, where the doubt has ended meanwhile. Raises LedgerError where it is said not to
        be sent while its provider may hold it until its instant, and can be made to give it back.
        """
        ...

    def resolutions(self, *, step: str | None = None) -> Sequence[Resolution]:
        """What people have said of batches in doubt, in that order, and what was shown to be wrong since."""
        ...

    # --- topping up ---

    def missing(self, step: str, audience: Audience, *, time: int = 0, at: datetime | None = None) -> Missing:
        """Who of an e-mail step's audience has not got it, and why. ``time``: of a step that repeats, that of its times
        which has this number. ``at`` is when they would get it: who has had as many e-mails as they may is told by it,
        and by nothing where it is not given."""
        ...

    def top_up(
        self,
        wave: Wave,
        audience: Audience,
        *,
        reasons: Collection[Reason],
        expected: int,
        batch_size: int,
        reads: Collection[str] | None = None,
        by: str,
        why: str,
        at: datetime,
    ) -> Wave:
        """Place one more wave, like ``wave`` but for its number, of exactly those who are missing for one of
        ``reasons``, and write them into it: in one transaction, so that two at once send to nobody twice.

        Raises LedgerError, and places nothing, where they are not ``expected``.
        """
        ...

    def missing_posts(self, step: str) -> Sequence[MissingPosts]:
        """What of a step is not posted and will not be by itself; nothing of a thread that is in doubt or retracted."""
        ...

    def top_up_posts(
        self, step: str, posts: Sequence[MissingPosts], digest: str, *, by: str, why: str, at: datetime
    ) -> Sequence[Wave]:
        """Plan ``posts`` again, due ``at``: the parts behind those that stand. Returns their waves.

        Raises LedgerError, and changes nothing, where they have changed meanwhile, or the rest of a thread would not be
        of the ``digest`` of its beginning.
        """
        ...

    def top_ups(self, *, step: str | None = None) -> Sequence[ToppedUp]:
        """Who topped a step up, when and why, in that order."""
        ...
