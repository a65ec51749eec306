"""Forgetting a person, on SQLite and on PostgreSQL: what was handed over for them goes, all else stays."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from campaign.channels.sendgrid import SendGrid
from campaign.channels.smtp import Smtp
from campaign.model.batch import MailBatch, MailContent, MailRow, Payload
from campaign.model.claim import Claim
from campaign.model.delivery import DeliveryId, State
from campaign.model.event import Event, EventKind
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome
from campaign.model.plan import Sender
from campaign.model.supporter import NewSupporter
from campaign.model.wave import WaveState
from campaign.ports.ledger import Filters
from campaign.storage import tables as t
from campaign.storage.bundles import unpack_payload
from campaign.storage.database import Database
from campaign.storage.erasure import NOBODY
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, CONSENT, T0, bundle, manifest, people, step, wave

LEASE = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
PEOPLE = 8
LOST = InDoubt("no reply")


@pytest.fixture
def ledger(database: Database, supporters: SqlSupporters) -> SqlLedger:
    """A wave to eight people in one batch, planned."""
    supporters.add(people(PEOPLE), at=T0)
    made = SqlLedger(database, world="live")
    prepare(made)
    return made


def prepare(ledger: SqlLedger, *, batch_size: int = PEOPLE) -> None:
    ledger.approve(bundle(), manifest(step()), [wave()], by="Jo Example", at=T0)
    ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=batch_size, at=T0)


def address(seq: int) -> str:
    return f"person{seq}@example.org"


def payload(claim: Claim) -> Payload:
    chunks = [f"To: {person.email}".encode() for person in claim.people]
    return Payload(chunks=chunks, head=b"{", tail=b"}", glue=b"|")


def begin(ledger: SqlLedger, after: timedelta = timedelta(0)) -> Claim:
    """Claim what is due first and begin an attempt."""
    claim = ledger.claim(owner="one", now=T0 + after, lease=LEASE, most=1)[0]
    assert ledger.begin(claim, payload(claim), now=T0 + after) == ()
    return claim


def record(ledger: SqlLedger, claim: Claim, outcome: Outcome, others: dict[int, Outcome] | None = None) -> None:
    ledger.record(claim, dict.fromkeys(claim.seqs, outcome) | (others or {}), now=T0, retry_at=T0 + MINUTE)


def attempts(database: Database) -> list[dict[int, bytes]]:
    """What each attempt handed over, by seq."""
    with database.read() as connection:
        bodies = connection.execute(sa.select(t.attempts.c.payload).order_by(t.attempts.c.id)).scalars().all()
    unpacked = [unpack_payload(body) for body in bodies]
    return [dict(zip(seqs, kept.chunks, strict=True)) for seqs, kept in unpacked]


def expected(*attempted: range, forgotten: int) -> list[dict[int, bytes]]:
    return [{s: b"" if s == forgotten else f"To: {address(s)}".encode() for s in seqs} for seqs in attempted]


# --- what goes, and what stays ---


def test_what_was_handed_over_for_a_person_goes_and_not_a_byte_of_anybody_else(
    database: Database, ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    record(ledger, begin(ledger), Accepted())
    assert supporters.forget(address(3), at=T0)
    assert attempts(database) == expected(range(PEOPLE), forgotten=3)
    mine, others = (ledger.handed_over(DeliveryId(ledger.waves()[0].id, seq)) for seq in (3, 4))
    assert mine is not None
    assert mine.payload.body() == b"{}"
    assert others is not None
    assert others.payload.body() == f"{{To: {address(4)}}}".encode()


def test_every_attempt_is_reached_that_a_person_was_in(
    database: Database, ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    record(ledger, begin(ledger), Deferred("later"))
    record(ledger, begin(ledger, MINUTE), Accepted(), {2: Deferred("later"), 5: Deferred("later")})
    record(ledger, begin(ledger, 2 * MINUTE), Accepted())
    supporters.forget(address(5), at=T0)
    everybody = expected(range(PEOPLE), range(PEOPLE), range(2, 6), forgotten=5)
    assert attempts(database) == [*everybody[:2], {2: everybody[2][2], 5: b""}]


@pytest.mark.parametrize("forgotten", range(PEOPLE))
def test_a_batch_that_was_halved_again_and_again_is_reached_whole(
    database: Database, ledger: SqlLedger, supporters: SqlSupporters, forgotten: int
) -> None:
    claim = begin(ledger)
    while len(claim.seqs) > 1:
        ledger.halve(claim, now=T0, why="somebody in it is bad")
        claim = begin(ledger)
    record(ledger, claim, Accepted())
    for _ in range(3):
        record(ledger, begin(ledger), Accepted())
    supporters.forget(address(forgotten), at=T0)
    found = attempts(database)
    assert [sorted(seqs) for seqs in found][:4] == [list(range(n)) for n in (8, 4, 2, 1)]
    assert found == expected(*(range(min(s), max(s) + 1) for s in found), forgotten=forgotten)


def test_every_wave_and_every_world_on_the_database_is_reached(
    database: Database, ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    sandbox = SqlLedger(database, world="sandbox")
    prepare(sandbox, batch_size=3)
    record(ledger, begin(ledger), Accepted())
    for _ in range(3):
        record(sandbox, begin(sandbox), Accepted())
    supporters.forget(address(4), at=T0)
    assert attempts(database) == expected(range(PEOPLE), range(3), range(3, 6), range(6, 8), forgotten=4)


def test_a_post_is_nobodys_and_stays(database: Database, ledger: SqlLedger, supporters: SqlSupporters) -> None:
    chosen = step("launch", "x")
    ledger.approve(bundle(chosen), manifest(chosen, "d2"), [wave("launch")], by="Jo Example", at=T0)
    post = next(one for one in ledger.waves() if one.channel == "x")
    ledger.prepare_posts(post, ["national"], parts=2, at=T0)
    supporters.forget(address(0), at=T0)
    with database.read() as connection:
        rows = connection.execute(sa.select(t.deliveries)).all()
    assert [row.supporter_id for row in rows if row.wave_id == post.id] == [None, None]
    assert [row.seq for row in rows if row.supporter_id == NOBODY] == [0]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_file_of_the_database_holds_the_person_any_more(
    database: Database, ledger: SqlLedger, supporters: SqlSupporters, tmp_path: Path
) -> None:
    supporters.add([NewSupporter(email="zenobia@example.org", last_name="Quillfeather", consent=CONSENT)], at=T0)
    assert ledger.world == "live"

    def written() -> bytes:
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return b"".join(file.read_bytes() for file in tmp_path.iterdir())

    assert b"Quillfeather" in written()
    supporters.forget("zenobia@example.org", at=T0)
    assert b"Quillfeather" not in written()
    assert b"zenobia" not in written()


# --- what is known of it afterwards ---


def test_the_log_has_the_delivery_and_names_nobody(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    record(ledger, begin(ledger), Accepted())
    supporters.forget(address(3), at=T0)
    logged = {sent.delivery.seq: (sent.recipient, sent.state) for sent in ledger.log(Filters())}
    assert logged[3] == ("", State.ACCEPTED)
    assert logged[4] == (address(4), State.ACCEPTED)
    assert not list(ledger.log(Filters(recipient=address(3))))


def test_whoever_is_added_next_does_not_come_by_the_deliveries_of_who_was_forgotten(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    supporters.forget(address(PEOPLE - 1), at=T0)  # the newest: SQLite gives their number out again
    supporters.add([NewSupporter(email="new@example.org", consent=CONSENT)], at=T0)
    assert not list(ledger.log(Filters(recipient="new@example.org")))
    claim = begin(ledger)
    assert [person.email for person in claim.people] == [address(seq) for seq in range(PEOPLE - 1)]
    record(ledger, claim, Accepted())
    wave_id = ledger.waves()[0].id
    complaint = Event("e1", "sendgrid", "", EventKind.COMPLAINED, T0)
    ledger.apply([(DeliveryId(wave_id, PEOPLE - 1), complaint)], now=T0)
    assert supporters.suppression("new@example.org") is None


@pytest.mark.parametrize("makes", [lambda: SendGrid(api_key="key"), lambda: Smtp(host="127.0.0.1", security="none")])
def test_the_channels_show_a_forgotten_person_as_nothing_and_the_others_as_before(
    ledger: SqlLedger, supporters: SqlSupporters, makes: Callable[[], SendGrid | Smtp]
) -> None:
    made = makes()
    content = MailContent(Sender("sendgrid", "us@example.org", "Us", ""), "Hello zz0", "", "Dear zz0", ("zz0",), "en")
    claim = ledger.claim(owner="one", now=T0, lease=LEASE, most=1)[0]
    rows = [
        MailRow(seq, f"key{seq}", person.email, "", [person.first_name], "")
        for seq, person in zip(claim.seqs, claim.people, strict=True)
    ]
    ledger.begin(claim, made.compose(MailBatch(claim.batch_id, content, rows)), now=T0)
    supporters.forget(address(3), at=T0)
    shown = {}
    for seq in (3, 4):
        kept = ledger.handed_over(DeliveryId(claim.wave.id, seq))
        assert kept is not None
        shown[seq] = made.shows(kept.payload, 0)
    assert (shown[3].subject, shown[3].text, shown[3].html, shown[3].headers) == ("", "", "", {})
    assert (shown[4].subject, shown[4].text.strip()) == ("Hello Name4", "Dear Name4")
    made.close()


# --- while something is under way ---


def test_whoever_is_forgotten_between_claim_and_attempt_is_not_in_it(
    database: Database, ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    claim = ledger.claim(owner="one", now=T0, lease=LEASE, most=1)[0]
    supporters.forget(address(3), at=T0)
    assert ledger.begin(claim, payload(claim), now=T0) == (3,)
    assert attempts(database) == []


def test_the_answer_to_an_attempt_is_recorded_for_whoever_was_forgotten_meanwhile(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    claim = begin(ledger)
    supporters.forget(address(3), at=T0)
    record(ledger, claim, Accepted())
    assert dict(ledger.waves()[0].counts) == {State.ACCEPTED: PEOPLE}


def test_a_forgotten_persons_delivery_in_doubt_can_be_settled_as_sent(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    record(ledger, begin(ledger), LOST)
    supporters.forget(address(3), at=T0)
    (doubt,) = ledger.doubts()
    assert doubt.seqs == doubt.kept.seqs == tuple(range(PEOPLE))
    ledger.settle(doubt, dict.fromkeys(doubt.seqs, Accepted()), now=T0)
    assert (ledger.waves()[0].state, dict(ledger.waves()[0].counts)) == (WaveState.DONE, {State.ACCEPTED: PEOPLE})


def test_an_event_of_a_forgotten_person_still_settles_the_doubt_of_their_batch(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    record(ledger, begin(ledger), LOST)
    supporters.forget(address(3), at=T0)
    arrived = Event("e1", "sendgrid", "", EventKind.DELIVERED, T0)
    ledger.apply([(DeliveryId(ledger.waves()[0].id, 3), arrived)], now=T0)
    assert dict(ledger.waves()[0].counts) == {State.ACCEPTED: PEOPLE - 1, State.DELIVERED: 1}


def test_a_forgotten_persons_delivery_that_was_not_sent_is_never_sent(
    database: Database, ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    record(ledger, begin(ledger), Accepted(), {3: LOST, 4: LOST})
    supporters.forget(address(3), at=T0)
    (doubt,) = ledger.doubts()
    ledger.settle(doubt, dict.fromkeys(doubt.seqs, NotSent("not there")), now=T0)
    claim = begin(ledger, MINUTE)
    assert claim.seqs == (4,)
    record(ledger, claim, Accepted())
    done = ledger.waves()[0]
    assert (done.state, dict(done.counts)) == (WaveState.DONE, {State.ACCEPTED: 7, State.SUPPRESSED: 1})
    assert ledger.tallies()[0].why == {(State.SUPPRESSED, "forgotten"): 1}
    assert all(not seqs.get(3) for seqs in attempts(database))


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))], indirect=True
)
@pytest.mark.parametrize("halved", [False, True])
def test_an_attempt_that_begins_at_the_same_moment_keeps_nothing_either(
    database: Database, ledger: SqlLedger, supporters: SqlSupporters, *, halved: bool
) -> None:
    """Forgetting waits for whoever holds the batch, and then finds what they wrote."""
    from campaign.storage import beginning, claims  # noqa: PLC0415 - the ledger's own transaction, held open here

    waiting = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    claim = ledger.claim(owner="one", now=T0, lease=LEASE, most=1)[0]
    with ThreadPoolExecutor(1) as pool:
        with database.write() as connection:
            beginning.begin(connection, claim, ledger.pack(claim, payload(claim)), now=T0)
            if halved:
                claims.halve(connection, claim, now=T0, why="somebody in it is bad")
            forgetting = pool.submit(supporters.forget, address(6), at=T0)
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watching:
                while not watching.execute(waiting).scalar_one():
                    assert not forgetting.done()
        assert forgetting.result()
    assert attempts(database) == expected(range(PEOPLE), forgotten=6)
