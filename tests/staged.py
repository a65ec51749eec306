"""A desk whose e-mail goes to SendGrid's stand-in, with a clock that both have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from campaign.bootstrap.channels import sandbox_events
from campaign.channels.sendgrid import SendGrid
from campaign.engines.clock import VirtualClock
from campaign.flow import approve, rollout
from campaign.flow.desk import Desk
from campaign.model.delivery import Keys, State
from campaign.model.group import Group, GroupState
from campaign.model.message import Message
from campaign.model.plan import Step
from campaign.model.wave import Wave
from campaign.ports.channel import Limits
from campaign.ports.ledger import Filters
from campaign.sandbox.server import Sandbox
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import T0, bundle, people, step, wave

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
AHEAD = timedelta(hours=2)
_TURNS = 500
SECRET = b"a secret of 16 bytes and more"


def staged(**changes: Any) -> Step:
    return replace(step("alert", **changes), hand_off="staged", ahead=changes.get("ahead", AHEAD))


@dataclass
class Staged:
    """``requests`` are the recipients' addresses of each request that the stand-in took, in order."""

    sandbox: Sandbox
    database: Database
    ledger: SqlLedger
    supporters: SqlSupporters
    clock: VirtualClock
    desk: Desk
    digests: dict[str, str]
    turn: Callable[[], datetime | None]
    told: list[str] = field(default_factory=list)

    def approve(self, chosen: Step | None = None, message: Message | None = None) -> None:
        """A person's word on ``chosen`` as it is, for T-0."""
        chosen = chosen or staged()
        made = bundle(chosen, message)
        manifest = approve.manifest(made, [wave(chosen.id)])
        at = self.clock.now()
        self.ledger.approve(made, manifest, [wave(chosen.id)], by="Jo Example", at=at)
        self.digests[chosen.id] = manifest.digest

    def run(self, until: datetime) -> None:
        """Turn after turn, at the instants that they ask for, up to and including ``until``."""
        for _ in range(_TURNS):
            self.sandbox.world.set_now(self.clock.now())
            following = self.turn()
            if following is None or following > until:
                self.clock.sleep_until(until)
                self.sandbox.world.set_now(until)
                self.turn()
                return
            self.clock.sleep_until(following)
        raise AssertionError(f"{_TURNS} turns, and no end")

    def wave(self) -> Wave:
        return self.ledger.waves()[0]

    def groups(self, *states: GroupState) -> Sequence[Group]:
        return self.ledger.groups(states=states or None)

    def states(self) -> dict[State, int]:
        """Deliveries by state, counted one by one, and the same by the ledger's counters."""
        found = Counter(sent.state for sent in self.ledger.log(Filters()))
        assert dict(self.wave().counts) == dict(found)
        return dict(found)

    def received(self) -> Counter[str]:
        """How often each address has got it by now."""
        return Counter(one["recipient"] for one in self.sandbox.taken("sendgrid"))

    def left_at(self) -> set[datetime]:
        return {datetime.fromisoformat(one["at"]) for one in self.sandbox.taken("sendgrid")}

    @property
    def requests(self) -> list[list[str]]:
        return [
            [part["to"][0]["email"] for part in record["request"]["personalizations"]]
            for record in self.sandbox.world.journal.records("sendgrid.request")
        ]


@contextmanager
def at_provider(
    folder: Path,
    *,
    now: datetime = T0 - AHEAD - HOUR,
    batch: int = 2,
    limits: dict[str, int] | None = None,
    address: str = "person{}@deliver.example.org",
    number: int = 8,
) -> Iterator[Staged]:
    """A desk before its one staged wave is handed over: ``number`` people, in requests of ``batch``."""
    clock = VirtualClock(now)
    database = Database(f"sqlite:///{folder / 'ledger.db'}")
    ledger = SqlLedger(database, world="live")
    digests: dict[str, str] = {}
    told: list[str] = []
    with Sandbox(accounts={"sendgrid": {"campaign": "key"}}, limits=limits, now=now) as sandbox:
        channel = SendGrid(api_key="key", base_url=sandbox.urls["sendgrid"])
        channel.limits = Limits(batch=batch, in_flight=2)
        desk = Desk(
            ledger=ledger,
            mails={"sendgrid": channel},
            posts={},
            clock=clock,
            keys=Keys(SECRET),
            public_url="https://campaign.example.org",
            owner="test",
            digests=lambda: digests,
            events=sandbox_events(sandbox),
            report=lambda _at, what: told.append(what),
        )
        supporters = SqlSupporters(database)
        supporters.add(
            [replace(one, email=address.format(place)) for place, one in enumerate(people(number))], at=T0 - AHEAD * 24
        )
        made = Staged(sandbox, database, ledger, supporters, clock, desk, digests, rollout.turns(desk), told)
        try:
            yield made
        finally:
            channel.close()
            database.close()
