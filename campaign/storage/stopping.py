"""The part of the ledger that stops: see ``campaign.ports.stops.Stops``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from campaign.model.stop import Resumed, Stop
from campaign.storage import resuming, review, stops
from campaign.storage.standing import SqlStanding


class SqlStops(SqlStanding):
    def stop(self, step: str, *, by: str, why: str, at: datetime) -> Stop:
        with self._write() as connection:
            return stops.stop(connection, self._world, step, by=by, why=why, at=at)

    def resume(self, step: str, *, by: str, at: datetime) -> Resumed:
        with self._write() as connection:
            return resuming.resume(connection, self._world, step, by=by, at=at)

    def confirm(self, *, by: str, at: datetime) -> Resumed:
        with self._write() as connection:
            return resuming.confirm(connection, self._world, by=by, at=at)

    def confirmed_at(self) -> datetime | None:
        with self._database.read() as connection:
            return stops.confirmed_at(connection, self._world)

    def under_way(self) -> Mapping[str, int]:
        with self._database.read() as connection:
            return review.under_way(connection, self._world)

    def held_by_providers(self, *, now: datetime) -> Mapping[str, int]:
        with self._database.read() as connection:
            return review.held_by_providers(connection, self._world, now=now)
