"""Which ledger a command reads: live if anything was ever sent there, else the sandbox's, else the rehearsal's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from campaign.cli import screen

if TYPE_CHECKING:
    from campaign.storage.ledger import SqlLedger


class World(StrEnum):
    LIVE = "live"
    SANDBOX = "sandbox"
    REHEARSAL = "rehearsal"


_SAID = {
    World.LIVE: "What was really sent.",
    World.SANDBOX: "What `campaign run` sent to the sandbox; nobody was reached.",
    World.REHEARSAL: "The last rehearsal; nobody was reached.",
}


@contextmanager
def ledger(asked: World | None, *, say: bool) -> Iterator[SqlLedger]:
    """The ledger of the world asked for, or of the most real one that has sent anything; which one is said on stderr.

    Raises CampaignError where none has.
    """
    from campaign import bootstrap, settings
    from campaign.errors import CampaignError
    from campaign.rehearsal import FOLDER, ledger_url
    from campaign.storage.database import Database
    from campaign.storage.ledger import SqlLedger

    database = bootstrap.open_database(settings.load())
    try:
        for world in (World.LIVE, World.SANDBOX):
            found = SqlLedger(database, world=world.value)
            if asked is world or (asked is None and _has_sent(found)):
                if say:
                    screen.err.print(_SAID[world], style="dim")
                yield found
                return
    finally:
        database.close()
    if not (FOLDER / "ledger.db").exists():
        raise CampaignError("nothing has been sent or rehearsed yet; begin with: campaign rehearse")
    database = Database(ledger_url())
    try:
        if say:
            screen.err.print(_SAID[World.REHEARSAL], style="dim")
        yield SqlLedger(database, world=World.REHEARSAL.value)
    finally:
        database.close()


def now(book: SqlLedger) -> datetime:
    """The time in that world: a rehearsal's is where its clock stands."""
    from campaign.engines.clock import SystemClock
    from campaign.rehearsal import ledger_url
    from campaign.storage.database import Database

    if book.world != World.REHEARSAL.value:
        return SystemClock().now()
    database = Database(ledger_url())
    try:
        kept = database.get("clock")
        return datetime.fromisoformat(kept) if kept else SystemClock().now()
    finally:
        database.close()


def _has_sent(ledger: SqlLedger) -> bool:
    """Waves that are approved and wait say nothing yet of who was sent what; ``campaign plan`` shows them."""
    return any(wave.prepared_at is not None for wave in ledger.waves())
