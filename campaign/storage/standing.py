"""How a plan stands beside what is recorded: approved, stopped, spent. Read alone, so that showing a plan loads no more
than this of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from campaign.model.approval import Approval, Manifest
from campaign.model.bundle import Bundle
from campaign.model.stop import Stop
from campaign.model.wave import UNFINISHED, Wave, WaveState
from campaign.storage import approvals, spending, stops, waves
from campaign.storage.transactions import Transactions


class SqlStanding(Transactions):
    """Implements ``campaign.ports.approved.Approved``, and what else of the ledger is shown with a plan."""

    def approvals(self) -> Mapping[str, Approval]:
        with self._database.read() as connection:
            return approvals.enough(connection, self._world)

    def latest_approvals(self) -> Mapping[str, Approval]:
        with self._database.read() as connection:
            return approvals.latest(connection, self._world)

    def all_approvals(self) -> Sequence[Approval]:
        with self._database.read() as connection:
            return approvals.every(connection, self._world)

    def approved(self, step: str, digest: str) -> Manifest:
        with self._database.read() as connection:
            return approvals.approved(connection, self._world, step, digest)

    def bundle(self, digest: str) -> Bundle:
        with self._database.read() as connection:
            return waves.bundle(connection, digest)

    def waves(self, *, step: str | None = None, states: Collection[WaveState] | None = None) -> Sequence[Wave]:
        if states is None or not UNFINISHED.issuperset(states):
            with self._database.read() as connection:
                return waves.find(connection, self._world, step=step, states=states)
        return [
            wave
            for wave in self._kept("unfinished", lambda asked: waves.find(asked, self._world, states=UNFINISHED))
            if wave.state in states and (step is None or wave.step == step)
        ]

    def stops(self, *, active: bool = True) -> Sequence[Stop]:
        with self._database.read() as connection:
            return stops.find(connection, self._world, active=active)

    def spent(self) -> Mapping[str, int]:
        with self._database.read() as connection:
            return spending.spent(connection, self._world)
