"""A wave that was sent, and what SendGrid would post of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson

from campaign.model.delivery import Keys
from campaign.model.outcome import Accepted, Outcome
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, T0, bundle, manifest, payload, people, step, wave

KEYS = Keys(b"a secret of 16 bytes and more")
LEASE = timedelta(minutes=5)


def sent(
    database: Database, n: int, *, batch_size: int = 1_000, outcome: Outcome | None = None, world: str = "live"
) -> int:
    """A wave to ``n`` people of which every batch met ``outcome``, accepted where none is given; its id."""
    wave_id = prepared(database, n, batch_size=batch_size, world=world)
    ledger = SqlLedger(database, world=world)
    while claims := ledger.claim(owner="one", now=T0, lease=LEASE, most=8):
        for claim in claims:
            ledger.begin(claim, payload(len(claim.seqs)), now=T0)
            told = dict.fromkeys(claim.seqs, outcome or Accepted("m"))
            ledger.record(claim, told, now=T0, retry_at=T0 + timedelta(hours=9))
    return wave_id


def prepared(database: Database, n: int, *, batch_size: int = 1_000, world: str = "live") -> int:
    SqlSupporters(database).add(people(n), at=T0)
    ledger = SqlLedger(database, world=world)
    ledger.approve(bundle(), manifest(step()), [wave()], by="Jo Example", at=T0)
    ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=batch_size, at=T0)
    return ledger.waves()[0].id


def event(wave_id: int, seq: int, kind: str, *, at: datetime = T0, **more: Any) -> dict[str, Any]:
    """As SendGrid tells it; its id is of what makes it the event it is."""
    told = {
        "email": f"person{seq}@example.org",
        "timestamp": int(at.timestamp()),
        "event": kind,
        "sg_event_id": f"{kind}-{seq}-{at:%H%M%S}-{more.get('url', '')}",
        "sg_message_id": f"m.recvd-{seq}",
        "key": KEYS.key(wave_id, seq),
    }
    return {**told, **more}


def posted(wave_id: int, seq: int, kind: str, *, at: datetime = T0, **more: Any) -> bytes:
    """A request that holds one event."""
    return orjson.dumps([event(wave_id, seq, kind, at=at, **more)])
