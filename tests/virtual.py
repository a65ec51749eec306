"""A campaign's folder and the program that works on it for weeks, on a virtual clock.

The commands ask the machine what time it is, which no test can tell them; so what they call is called here, at the
virtual time: the files are read by ``campaign.files``, the program comes from ``bootstrap.sandboxed`` as that of
``campaign rehearse`` does, and people speak through ``flow`` and the ledger. All else is real: the files, the database,
the stand-ins behind HTTP, and the page that unsubscribes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from campaign import bootstrap
from campaign.bootstrap import Program, World
from campaign.engines.clock import VirtualClock
from campaign.engines.inline import Inline
from campaign.files import campaign as campaign_files
from campaign.flow import approve, check
from campaign.flow.approve import Standing
from campaign.flow.preferences import Door
from campaign.model.batch import MailBatch, Payload
from campaign.model.bundle import Sources
from campaign.model.delivery import Keys
from campaign.ports.channel import MailChannel
from campaign.rehearsal import FOLDER as REHEARSAL
from campaign.rehearsal import ledger_url
from campaign.settings import Settings
from campaign.storage.database import Database
from campaign.storage.preferences import SqlPreferences
from campaign.storage.supporters import SqlSupporters
from campaign.web import app, unsubscribe
from tests import plans
from tests.served import Site, served

WORLD: World = "rehearsal"
LOOK = timedelta(hours=6)
"""How often the program turns where nothing wakes it. A real one does every half minute; here each turn costs the test
its time, and what providers have told is read at any turn."""


def at(day: str, clock: str) -> datetime:
    """``at("2026-03-05", "15:00")`` in UTC."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)


class Interrupted:
    """A mail channel, but before each batch is composed, which is between its claim and its sending, ``hears`` does."""

    def __init__(self, channel: MailChannel, hears: Callable[[MailBatch], None]) -> None:
        self._channel = channel
        self._hears = hears

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def compose(self, batch: MailBatch) -> Payload:
        self._hears(batch)
        return self._channel.compose(batch)


@dataclass
class Rollout:
    """``told`` is all that the programs have said so far, and when. ``meanwhile`` is done between claim and send."""

    folder: Path
    clock: VirtualClock
    told: list[tuple[datetime, str]] = field(default_factory=list)
    meanwhile: Callable[[MailBatch], None] = lambda _batch: None
    _program: Program | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._program is not None:
            self.stop()

    # --- the files, and those who approve ---

    @property
    def database_url(self) -> str:
        """Where the commands look for a rehearsal's ledger."""
        return ledger_url(self.folder / REHEARSAL)

    def sources(self) -> Sources:
        """The files as they are now, which must hold no error."""
        sources = campaign_files.load(self.folder / "schedules.yaml")
        assert [problem for problem in check.campaign(sources) if problem.severity == "error"] == []
        return sources

    def write(self, files: Mapping[str, str]) -> None:
        plans.write(self.folder, files)

    def edit(self, was: str, now: str) -> None:
        """One edit of the plan."""
        plans.edit(self.folder / "schedules.yaml", was, now)

    def unapproved(self) -> dict[str, tuple[str, ...]]:
        """The steps that are not approved as they are, with the parts that differ."""
        return {one.step.id: one.changed for one in self.standings() if not one.is_approved}

    def standings(self) -> Sequence[Standing]:
        return approve.standings(self.sources(), self.program.ledger)

    def approve(self, *steps: str, by: str = "Jo Example", release: bool = False) -> Mapping[str, tuple[str, ...]]:
        """Of these steps, or of all; the waves that were placed, moved or released."""
        sources = self.sources()
        chosen = [step for step in sources.plan.steps if not steps or step.id in steps]
        return approve.approve(sources, self.program.ledger, steps=chosen, by=by, at=self.clock.now(), release=release)

    # --- the program ---

    @property
    def program(self) -> Program:
        assert self._program is not None, "the program is not running"
        return self._program

    def start(self) -> None:
        (self.folder / REHEARSAL).mkdir(parents=True, exist_ok=True)
        program = bootstrap.sandboxed(
            Settings(_env_file=None),  # type: ignore[call-arg]  # pydantic-settings takes it, mypy does not know
            self.sources(),
            clock=self.clock,
            report=lambda at, what: self.told.append((at, what)),
            world=WORLD,
            database=Database(self.database_url),
            journal=self.folder / REHEARSAL / "sandbox.jsonl",
        )
        program.desk.mails = {name: Interrupted(channel, self._hear) for name, channel in program.desk.mails.items()}
        self._program = program
        self._turn = program.turns()

    def _hear(self, batch: MailBatch) -> None:
        self.meanwhile(batch)

    def stop(self) -> None:
        self.program.stack.close()
        self._program = None

    def turn(self) -> datetime | None:
        return self._turn()

    def run_until(self, instant: datetime) -> None:
        """Let the program work until the clock stands there; what is due at that very instant is not done yet."""

        def turn() -> datetime | None:
            now = self.clock.now()
            if now >= instant:
                return None
            due = self._turn()
            return min([instant, now + LOOK, *([] if due is None else [due])])

        Inline(self.clock).run(turn)

    def sleep_until(self, instant: datetime) -> None:
        """The clock goes on, and the program does not run."""
        assert self._program is None
        self.clock.sleep_until(instant)

    @contextmanager
    def pages(self) -> Iterator[Site]:
        """The page behind the links in the e-mails, as ``campaign web`` serves it, from a connection of its own."""
        database = Database(self.database_url)
        try:
            keys = Keys(bootstrap.own_secret(database))
            doors = [Door(keys, SqlPreferences(database, world=WORLD))]
            routes = unsubscribe.routes(doors, self.clock)
            with served(app.create(routes, revision=lambda: None, tell=lambda _what: None)) as site:
                yield site
        finally:
            database.close()

    # --- what came of it ---

    @property
    def supporters(self) -> SqlSupporters:
        return self.program.supporters

    def mails(self) -> Mapping[str, Sequence[tuple[str, datetime]]]:
        """What SendGrid's stand-in took: subject → who got it, and when."""
        found: defaultdict[str, list[tuple[str, datetime]]] = defaultdict(list)
        for one in self._taken("sendgrid"):
            found[one["subject"]].append((one["recipient"], datetime.fromisoformat(one["at"])))
        return found

    def posts(self, network: str) -> Sequence[tuple[str, datetime]]:
        """What stands at a network, by instant."""
        return sorted(
            ((one["text"], datetime.fromisoformat(one["at"])) for one in self._taken(network)), key=lambda one: one[1]
        )

    def _taken(self, provider: str) -> Iterator[dict[str, Any]]:
        sandbox = self.program.sandbox
        assert sandbox is not None
        return sandbox.taken(provider)

    def heard(self, *words: str) -> list[datetime]:
        """When something was told in which all of ``words`` stand."""
        return [when for when, what in self.told if all(word in what for word in words)]
