"""The part of the ledger for what comes afterwards: see ``campaign.ports.afterwards.Afterwards``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from campaign.model.outcome import Accepted, NotSent
from campaign.model.resolution import Question, Resolution
from campaign.model.segment import Audience
from campaign.model.top_up import Missing, MissingPosts, Reason, ToppedUp
from campaign.model.wave import Wave
from campaign.storage import missing_posts, resolutions, top_ups
from campaign.storage.transactions import Transactions


class SqlAfterwards(Transactions):
    def questions(self, *, now: datetime, step: str | None = None, batch_id: int | None = None) -> Sequence[Question]:
        with self._database.read() as connection:
            return resolutions.questions(connection, self._world, now=now, step=step, batch_id=batch_id)

    def resolve(
        self, question: Question, results: Mapping[int, Accepted | NotSent], *, by: str, why: str, now: datetime
    ) -> bool:
        with self._write() as connection:
            return resolutions.resolve(
                connection, question.batch_id, question.attempt_id, results, by=by, why=why, now=now
            )

    def resolutions(self, *, step: str | None = None) -> Sequence[Resolution]:
        with self._database.read() as connection:
            return resolutions.told(connection, self._world, step=step)

    def missing(self, step: str, audience: Audience, *, time: int = 0, at: datetime | None = None) -> Missing:
        with self._database.read() as connection:
            return top_ups.missing(connection, self._world, step, audience, time=time, at=at)

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
        with self._write() as connection:
            return top_ups.place(
                connection,
                self._world,
                wave,
                audience,
                reasons=reasons,
                expected=expected,
                batch_size=batch_size,
                reads=reads,
                by=by,
                why=why,
                at=at,
            )

    def missing_posts(self, step: str) -> Sequence[MissingPosts]:
        with self._database.read() as connection:
            return missing_posts.find_missing(connection, self._world, step)

    def top_up_posts(
        self, step: str, posts: Sequence[MissingPosts], digest: str, *, by: str, why: str, at: datetime
    ) -> Sequence[Wave]:
        with self._write() as connection:
            return missing_posts.post(connection, self._world, step, posts, digest, by=by, why=why, at=at)

    def top_ups(self, *, step: str | None = None) -> Sequence[ToppedUp]:
        with self._database.read() as connection:
            return top_ups.told(connection, self._world, step=step)
