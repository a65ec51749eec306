"""The only place where adapters meet ports: from settings and a plan to a desk that can send.

Adapters and the flow are imported where they are put together: a command that sends nothing, such as ``plan``, loads
neither a provider's SDK nor the half second of code that sending takes.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from campaign.errors import NotConfigured
from campaign.model.bundle import Sources
from campaign.model.delivery import Keys
from campaign.ports.clock import Clock
from campaign.settings import Settings
from campaign.storage.database import Database

if TYPE_CHECKING:
    from campaign.flow import proof
    from campaign.flow.desk import Desk
    from campaign.ports.channel import MailChannel, PostChannel
    from campaign.sandbox.faults import Faults
    from campaign.sandbox.server import Sandbox
    from campaign.storage.ledger import SqlLedger
    from campaign.storage.supporters import SqlSupporters

World = Literal["live", "sandbox", "rehearsal"]

Report = Callable[[datetime, str], None]


def open_database(settings: Settings) -> Database:
    """The database of the settings, migrated. Raises NotConfigured or LedgerTooNew."""
    return Database(settings.database_url.get_secret_value())


@dataclass
class Program:
    """A desk with all that it stands on. ``close`` ends the sandbox, the channels' connections and the database."""

    sources: Sources
    database: Database
    ledger: SqlLedger
    supporters: SqlSupporters
    desk: Desk
    sandbox: Sandbox | None = None
    stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def turns(self) -> Callable[[], datetime | None]:
        """The turn for an engine. In the sandbox the stand-ins' clocks follow this program's."""
        from campaign.flow import rollout

        turn = rollout.turns(self.desk)
        if self.sandbox is None:
            return turn
        world = self.sandbox.world

        def in_step() -> datetime | None:
            world.set_now(self.desk.clock.now())
            return turn()

        return in_step

    def strangers(self) -> list[str]:
        """Why nothing is posted by accounts that are not those that the plan means; asks the networks who they are."""
        from campaign.flow import meant

        guarded = [channel for channel in self.desk.posts.values() if isinstance(channel, meant.Meant)]
        return [why for channel in guarded for why in channel.strangers().values()]

    def prove(self) -> proof.Proof:
        """The ledger against what the stand-ins have taken. Only for a program with a sandbox of its own."""
        if self.sandbox is None:
            raise ValueError("only the sandbox can be asked for everything it took")
        from campaign.bootstrap import channels
        from campaign.flow import proof
        from campaign.ports.ledger import Filters

        return proof.of(self.ledger.log(Filters()), channels.received(self.sandbox), self.desk.keys)


def live(settings: Settings, sources: Sources, *, clock: Clock, report: Report) -> Program:
    """The program that reaches real people. Raises NotConfigured with every setting that is missing."""
    from campaign.bootstrap import channels, web
    from campaign.lookups.conditions import Answers

    secret = settings.secret()
    if not settings.public_url.startswith("https://") or settings.public_url.endswith(".example.org"):
        raise NotConfigured(
            "CAMPAIGN_PUBLIC_URL must be the https address at which supporters reach your unsubscribe page; "
            f"it is {settings.public_url}"
        )
    stack = ExitStack()
    database = open_database(settings)
    stack.callback(database.close)
    mails, posts = channels.live(settings, sources.plan, clock=clock)
    program = _program(sources, database, "live", mails, posts, secret, settings, clock, report, stack)
    program.desk.confirm_within = settings.confirm_within
    program.desk.looker = looker = Answers(clock)
    stack.callback(looker.close)
    program.desk.feedback = web.feedback(settings, database, clock=clock, tell=program.desk.tell)
    return program


def sandboxed(
    settings: Settings,
    sources: Sources,
    *,
    clock: Clock,
    report: Report,
    world: World = "sandbox",
    database: Database | None = None,
    journal: Path | None = None,
    faults: Faults | None = None,
) -> Program:
    """The same program with the stand-ins in the providers' place: nobody outside this machine is reached."""
    from campaign.bootstrap import channels
    from campaign.bootstrap.followed import Followed
    from campaign.sandbox.server import Sandbox

    stack = ExitStack()
    if database is None:
        database = open_database(settings)
    stack.callback(database.close)
    sandbox = Sandbox(
        journal,
        accounts=channels.sandbox_accounts(sources.plan),
        faults=faults,
        now=clock.now(),
        stand_ins=channels.stand_ins(sources.plan),
    )
    sandbox.world.longest = sources.plan.longest.get("mastodon", {})
    stack.callback(sandbox.stop)
    mails, posts = channels.in_sandbox(sandbox, sources.plan)
    secret = own_secret(database)
    program = _program(sources, database, world, mails, posts, secret, settings, clock, report, stack)
    program.sandbox = sandbox
    program.desk.clock = Followed(clock, sandbox.world)
    program.desk.events = channels.sandbox_events(sandbox)
    return program


def _program(
    sources: Sources,
    database: Database,
    world: World,
    mails: Mapping[str, MailChannel],
    posts: Mapping[str, PostChannel],
    secret: bytes,
    settings: Settings,
    clock: Clock,
    report: Report,
    stack: ExitStack,
) -> Program:
    from campaign.bootstrap import costs, telling
    from campaign.bootstrap.watched import Watched
    from campaign.flow.desk import Desk
    from campaign.storage.ledger import SqlLedger
    from campaign.storage.supporters import SqlSupporters

    opened: list[MailChannel | PostChannel] = [*mails.values(), *posts.values()]
    for channel in opened:
        stack.callback(channel.close)
    ledger = SqlLedger(database, world=world)
    watched = Watched(sources, lambda what: report(clock.now(), what))
    desk = Desk(
        ledger=ledger,
        mails=mails,
        posts=posts,
        clock=clock,
        keys=Keys(secret),
        public_url=settings.public_url,
        owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        digests=watched,
        limits=watched.limits,
        report=report,
        prices=costs.prices(settings),
        budgets=costs.budgets(settings),
        read_after=settings.read_metrics_after,
    )
    desk.notices = telling.notices(settings, database, sources.plan, world, clock=clock, tell=desk.tell)
    stack.callback(telling.finish, desk)
    return Program(sources, database, ledger, SqlSupporters(database), desk, stack=stack)


def own_secret(database: Database) -> bytes:
    """The secret of a rehearsal: its own, and kept with it, so that it can go on after a crash."""
    kept = database.get("sandbox secret")
    if kept is None:
        kept = secrets.token_hex(32)
        database.put("sandbox secret", kept)
    return bytes.fromhex(kept)
