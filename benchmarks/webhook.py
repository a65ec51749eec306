"""How fast events are applied: python -m benchmarks.webhook [RECIPIENTS]

A wave to made-up supporters stands in a ledger on SQLite as accepted. What the sandbox's crowd makes of it is put into
the inbox as SendGrid would post it, 10,000 events a request and in the order in which they happen, and applied from
there: read, keys checked, recorded, moved on, suppressed. Prints events/s and what the database grew by. Figures of one
run on one machine: compare runs on the same machine only.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from heapq import merge
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import orjson

from campaign.channels import sendgrid_events
from campaign.engines.clock import SystemClock
from campaign.files.sample import sample
from campaign.flow.feedback import Feedback
from campaign.model.batch import Payload
from campaign.model.delivery import Keys
from campaign.model.event import EventKind
from campaign.model.outcome import Accepted
from campaign.model.segment import Audience, Segment
from campaign.sandbox.crowd import details, fate
from campaign.storage.database import Database
from campaign.storage.inbox import SqlInbox
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import bundle, manifest, step, wave

RECIPIENTS = 100_000
REQUEST = 10_000
"""Events in one request."""
_BATCH = 1_000
_RATE = 20_000
"""Recipients handed over in a second."""
_AS_LONG: dict[str, dict[str, Any]] = {
    "delivered": {"response": "250 2.0.0 OK  1716382801 d9443c01a7336-1f2f2fcbf04si1234567b3a.123 - mx", "tls": 1},
    "open": {"sg_content_type": "html"},
    "click": {"sg_content_type": "html", "url_offset": {"index": 0, "type": "html"}},
}
"""What SendGrid's own events hold beyond the crowd's."""
KEYS = Keys(b"a secret for benchmarks")
BEGAN = datetime(2026, 5, 22, 13, tzinfo=UTC)


def main(recipients: int = RECIPIENTS) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        database = Database(f"sqlite:///{path}")
        wave_id = send(database, recipients)
        inbox = SqlInbox(database)
        posted, size = 0, 0
        began = perf_counter()
        for body in requests(wave_id, recipients):
            posted += body.count(b'"sg_event_id"')
            size += len(body)
            inbox.put("sendgrid", body, at=BEGAN)
        print(f"{posted:>12,} events of {size / posted:,.0f} bytes made and kept in {perf_counter() - began:.1f} s")
        before = path.stat().st_size
        feedback = Feedback(
            inbox, SqlLedger(database, world="live"), KEYS, SystemClock(), {"sendgrid": sendgrid_events.read}, print
        )
        began, busy = perf_counter(), process_time()
        new = feedback.apply()
        took_s, busy_s = perf_counter() - began, process_time() - busy
        print(f"{posted:>12,} events applied in {took_s:.2f} s: {posted / took_s:,.0f} events/s")
        print(
            f"{'':>12} of which {busy_s:.2f} s at work: where others have the processor too, {posted / busy_s:,.0f}/s"
        )
        began = perf_counter()
        again(database, feedback)
        again_s = perf_counter() - began
        print(f"{'':>12} the same posted again, {posted / again_s:,.0f} events/s")
        report(new, path.stat().st_size - before, recipients)
        database.close()


def report(new: Counter[EventKind], grew: int, recipients: int) -> None:
    print(f"{'':>12} " + ", ".join(f"{number:,} {kind.value}" for kind, number in new.most_common()))
    print(f"{'':>12} the database grew by {grew / recipients:,.0f} bytes a recipient")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'':>12} peak memory {peak:,.0f} MB")


def again(database: Database, feedback: Feedback) -> None:
    """Every request once more, as if none had been answered."""
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE inbox SET applied_at = NULL")
    assert feedback.apply() == Counter()


def send(database: Database, recipients: int) -> int:
    """A wave in the ledger that the provider has accepted."""
    SqlSupporters(database).add(sample(recipients), at=BEGAN)
    ledger = SqlLedger(database, world="live")
    chosen = step()
    ledger.approve(bundle(chosen), manifest(chosen), [wave(due_at=BEGAN)], by="bench", at=BEGAN)
    (planned,) = ledger.waves()
    ledger.prepare_mail(planned, Audience(Segment("everybody"), "Europe/London"), batch_size=_BATCH, at=BEGAN)
    while claims := ledger.claim(owner="bench", now=BEGAN, lease=timedelta(minutes=5), most=8):
        for claim in claims:
            ledger.begin(claim, Payload([b"{}"] * len(claim.seqs)), now=BEGAN)
            taken = dict.fromkeys(claim.seqs, Accepted("a-message-id-of-22-by."))
            ledger.record(claim, taken, now=BEGAN, retry_at=BEGAN)
    return planned.id


def requests(wave_id: int, recipients: int) -> Iterator[bytes]:
    """What the crowd makes of it, in the order in which it happens; memory stays flat for each part of the wave."""
    parts = [
        sorted(happened(wave_id, start, min(start + 100_000, recipients))) for start in range(0, recipients, 100_000)
    ]
    some: list[dict[str, Any]] = []
    for at, seq, name in merge(*parts):
        some.append(event(wave_id, at, seq, name))
        if len(some) == REQUEST:
            yield orjson.dumps(some)
            some.clear()
    if some:
        yield orjson.dumps(some)


def happened(wave_id: int, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    for seq in range(start, end):
        taken_at = int(BEGAN.timestamp()) + seq // _RATE
        for name, delay_s in fate(KEYS.key(wave_id, seq), ""):
            yield taken_at + delay_s, seq, name


def event(wave_id: int, at: int, seq: int, name: str) -> dict[str, Any]:
    """An event of SendGrid's size: ids as long as its own, categories, and what its browser says."""
    unique = urlsafe_b64encode(blake2b(f"{seq} {name} {at}".encode(), digest_size=36).digest()).decode()
    return {
        "email": f"supporter-{seq:07d}@example.org",
        "timestamp": at,
        "sg_event_id": unique,
        "sg_message_id": f"a-message-id-of-22-by.recvd-5f8c6b7d9-abcde-1-6650A1B2-{seq:X}.0",
        "smtp-id": f"<a-message-id-of-22-by.{seq}@geopod-ismtpd-1.example.org>",
        "category": ["action-alert", "fair-streets"],
        "key": KEYS.key(wave_id, seq),
        **details(name),
        **_AS_LONG.get(name, {}),
    }


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RECIPIENTS)
