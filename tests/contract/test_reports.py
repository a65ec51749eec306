"""What the ledger tells for a report, on SQLite and on PostgreSQL: sums, and nobody's name."""

from __future__ import annotations

from datetime import timedelta

from campaign.model.delivery import DeliveryId
from campaign.model.event import Event, EventKind
from campaign.model.media import Metrics, Reading
from campaign.model.report import Hour, Reactions
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from tests.builders import T0, bundle, manifest, step, wave
from tests.feedback import KEYS, sent

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def happened(
    ledger: SqlLedger, wave_id: int, *those: tuple[int, EventKind, timedelta], machine: str = "", world: str = ""
) -> None:
    ledger.apply(
        [
            (
                DeliveryId(wave_id, seq),
                Event(
                    id=f"{world}{kind}{seq}{after}{machine}", channel="sendgrid", key=KEYS.key(wave_id, seq), kind=kind,
                    at=T0 + after, machine=machine,
                ),
            )
            for seq, kind, after in those
        ],
        now=T0 + 24 * HOUR,
    )  # fmt: skip


def test_each_email_counts_once_in_each_reaction_and_programs_do_not(database: Database) -> None:
    wave_id = sent(database, 4)
    ledger = SqlLedger(database, world="live")
    happened(
        ledger, wave_id,
        (0, EventKind.OPENED, MINUTE), (0, EventKind.OPENED, HOUR), (0, EventKind.CLICKED, HOUR),
        (1, EventKind.OPENED, MINUTE), (1, EventKind.ACTED, HOUR), (2, EventKind.UNSUBSCRIBED, HOUR),
    )  # fmt: skip
    happened(ledger, wave_id, (3, EventKind.CLICKED, MINUTE), machine="within a second of its delivery")
    assert ledger.reactions() == {"alert": Reactions(opened=2, clicked=1, acted=1, unsubscribed=1)}


def test_hours_are_in_utc_and_hold_the_first_of_each_kind(database: Database) -> None:
    wave_id = sent(database, 3)
    ledger = SqlLedger(database, world="live")
    happened(
        ledger, wave_id,
        (0, EventKind.OPENED, MINUTE), (0, EventKind.OPENED, 5 * HOUR), (1, EventKind.OPENED, 59 * MINUTE),
        (1, EventKind.CLICKED, 2 * HOUR),
    )  # fmt: skip
    assert ledger.hours() == [Hour(T0, opened=2, clicked=0), Hour(T0 + 2 * HOUR, opened=0, clicked=1)]


def test_a_world_knows_nothing_of_anothers_reactions(database: Database) -> None:
    wave_id = sent(database, 2, world="sandbox")
    happened(SqlLedger(database, world="sandbox"), wave_id, (0, EventKind.CLICKED, HOUR), world="sandbox")
    live = SqlLedger(database, world="live")
    assert live.reactions() == {}
    assert live.hours() == []
    assert list(live.readings()) == []
    assert live.costs() == {}


def test_readings_come_by_their_instants_and_a_post_that_is_gone_tells_nothing(database: Database) -> None:
    ledger = SqlLedger(database, world="live")
    chosen = step("launch", "x", accounts=("national", "seattle"))
    ledger.approve(bundle(chosen), manifest(chosen), [wave("launch")], by="Jo Example", at=T0)
    prepared = ledger.waves()[0]
    ledger.prepare_posts(prepared, ("national", "seattle"), parts=1, at=T0, cost=30_000)
    ledger.keep_readings(
        [
            Reading(prepared.id, 1, T0 + HOUR, Metrics(likes=7)),
            Reading(prepared.id, 0, T0 + MINUTE, Metrics(likes=1, reposts=2, replies=3, views=900)),
            Reading(prepared.id, 0, T0 + 2 * HOUR, Metrics()),
        ],
        costs={prepared.id: 2_000},
    )
    assert list(ledger.readings()) == [
        (T0 + MINUTE, "x", prepared.id, 0, 6),
        (T0 + HOUR, "x", prepared.id, 1, 7),
    ]
    assert ledger.costs() == {"launch": 32_000}
