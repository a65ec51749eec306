"""What the web server and the commands about feedback stand on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from campaign.channels import sendgrid_events
from campaign.channels.sendgrid_signature import SIGNATURE, TIMESTAMP, Signatures
from campaign.flow.feedback import Feedback
from campaign.flow.preferences import Door
from campaign.model.delivery import Keys
from campaign.ports.clock import Clock
from campaign.settings import Settings
from campaign.storage.actions import SqlActions
from campaign.storage.database import Database
from campaign.storage.inbox import SqlInbox
from campaign.storage.ledger import SqlLedger
from campaign.storage.preferences import SqlPreferences

__all__ = ["SIGNATURE", "TIMESTAMP", "Signatures", "Web", "feedback", "web"]

LIVE, SANDBOX = "live", "sandbox"
Tell = Callable[[str], None]


@dataclass
class Web:
    """``signatures`` is None where no verification key is set; ``doors`` are the worlds whose links are
    answered; ``actions_secret`` is what the action page signs with, None where none is set."""

    database: Database
    inbox: SqlInbox
    feedback: Feedback
    clock: Clock
    signatures: Signatures | None
    doors: tuple[Door, ...]
    actions: SqlActions
    actions_secret: bytes | None = field(default=None, repr=False)
    stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()


def feedback(settings: Settings, database: Database, *, clock: Clock, tell: Tell) -> Feedback:
    """The way from the inbox to the live ledger. Raises NotConfigured where no secret key is set."""
    return Feedback(
        inbox=SqlInbox(database),
        ledger=SqlLedger(database, world=LIVE),
        keys=Keys(settings.secret()),
        clock=clock,
        readers={"sendgrid": sendgrid_events.read},
        tell=tell,
        keep=timedelta(days=settings.web.keep_raw_days),
    )


def web(settings: Settings, *, clock: Clock, tell: Tell) -> Web:
    """Raises NotConfigured for a setting that is missing or wrong."""
    keys = Keys(settings.secret())
    given = settings.sendgrid.webhook_public_key
    signatures = None if given is None else Signatures(given)
    stack = ExitStack()
    database = Database(settings.database_url.get_secret_value())
    stack.callback(database.close)
    doors = [Door(keys, SqlPreferences(database, world=LIVE))]
    tried = database.get("sandbox secret")
    if tried is not None:
        doors.append(Door(Keys(bytes.fromhex(tried)), SqlPreferences(database, world=SANDBOX), trial=True))
    return Web(
        database=database,
        inbox=SqlInbox(database),
        feedback=feedback(settings, database, clock=clock, tell=tell),
        clock=clock,
        signatures=signatures,
        doors=tuple(doors),
        actions=SqlActions(database),
        actions_secret=secret.get_secret_value().encode() if (secret := settings.web.actions_secret) else None,
        stack=stack,
    )
