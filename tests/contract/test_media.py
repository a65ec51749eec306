"""The ledger's contract for pictures and videos, on SQLite and on PostgreSQL: kept once, with what shows them."""

from __future__ import annotations

from hashlib import sha256

import pytest
import sqlalchemy as sa

from campaign.errors import LedgerError
from campaign.model.media import LinkCard, Media, PartMedia
from campaign.storage import tables as t
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from tests.builders import T0, bundle, illustrated, manifest, of_digest, pictured, step, wave

BODY, FITTED, THUMB = b"a picture" * 1_000, b"a picture, fitted", b"a thumbnail"


@pytest.fixture
def ledger(database: Database) -> SqlLedger:
    return SqlLedger(database, world="live")


def approve(ledger: SqlLedger, digest: str = "d1", step_id: str = "launch", **files: object) -> None:
    chosen = step(step_id, "x")
    made = bundle(chosen, illustrated(pictured(BODY)))
    given = of_digest(BODY) if not files else {}
    ledger.approve(made, manifest(chosen, digest), [wave(step_id)], by="Jo Example", at=T0, files=given)


def medium(body: bytes, alt: str = "A crowd") -> Media:
    return Media(sha256(body).hexdigest(), "image/jpeg", len(body), alt, 64, 48)


SHOWN = (
    PartMedia(
        (medium(FITTED), Media(sha256(BODY).hexdigest(), "video/mp4", len(BODY), "Ein Marsch: «hier» 📣", 9, 9, 1.5))
    ),
    PartMedia(),
    PartMedia(link_card=LinkCard("https://example.org", "The letter", "Read it.", medium(THUMB))),
)


def kept(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(sa.select(t.media.c.digest).order_by(t.media.c.digest)).scalars())


def test_an_approval_keeps_the_bytes_of_what_it_shows_once(ledger: SqlLedger, database: Database) -> None:
    approve(ledger)
    approve(ledger, "d2")
    approve(ledger, "d3", "second")
    assert kept(database) == [sha256(BODY).hexdigest()]
    assert ledger.file(sha256(BODY).hexdigest()) == BODY


def test_what_is_kept_need_not_be_given_again(ledger: SqlLedger) -> None:
    approve(ledger)
    approve(ledger, "d2", none="given")
    assert ledger.approvals()["launch"].digest == "d2"


def test_an_approval_without_the_bytes_is_none(ledger: SqlLedger, database: Database) -> None:
    with pytest.raises(LedgerError, match="nobody has given its bytes"):
        approve(ledger, none="given")
    assert (ledger.approvals(), ledger.waves(), kept(database)) == ({}, [], [])


def test_bytes_that_are_not_what_they_are_called_are_not_kept(ledger: SqlLedger, database: Database) -> None:
    chosen = step("launch", "x")
    made, lies = bundle(chosen, illustrated(pictured(BODY))), {sha256(BODY).hexdigest(): b"another"}
    with pytest.raises(LedgerError, match="has changed on its way"):
        ledger.approve(made, manifest(chosen), [wave("launch")], by="Jo Example", at=T0, files=lies)
    assert kept(database) == []


def test_what_a_wave_shows_comes_back_as_it_was_prepared(ledger: SqlLedger, database: Database) -> None:
    approve(ledger)
    (due,) = ledger.waves()
    assert ledger.shown(due.id) == ()
    ledger.prepare_posts(due, ["national"], parts=3, at=T0, shown=SHOWN, files=of_digest(BODY, FITTED, THUMB))
    assert ledger.shown(due.id) == SHOWN
    assert [ledger.file(one) for one in of_digest(BODY, FITTED, THUMB)] == [BODY, FITTED, THUMB]
    assert len(kept(database)) == 3


def test_preparing_again_changes_nothing_of_what_a_wave_shows(ledger: SqlLedger, database: Database) -> None:
    approve(ledger)
    (due,) = ledger.waves()
    ledger.prepare_posts(due, ["national"], parts=3, at=T0, shown=SHOWN, files=of_digest(BODY, FITTED, THUMB))
    other = (PartMedia((medium(b"other"),)),)
    ledger.prepare_posts(due, ["national"], parts=3, at=T0, shown=other, files=of_digest(b"other"))
    assert ledger.shown(due.id) == SHOWN
    assert len(kept(database)) == 3


def test_a_wave_is_not_prepared_without_the_bytes_of_what_it_shows(ledger: SqlLedger) -> None:
    approve(ledger)
    (due,) = ledger.waves()
    with pytest.raises(LedgerError, match="nobody has given its bytes"):
        ledger.prepare_posts(due, ["national"], parts=3, at=T0, shown=SHOWN, files=of_digest(FITTED))
    (still,) = ledger.waves()
    assert (still.state, still.planned, ledger.shown(due.id)) == (due.state, 0, ())


def test_a_wave_that_was_prepared_before_there_were_pictures_shows_none(ledger: SqlLedger) -> None:
    approve(ledger)
    (due,) = ledger.waves()
    ledger.prepare_posts(due, ["national"], parts=1, at=T0)
    assert ledger.shown(due.id) == ()


def test_what_was_never_kept_cannot_be_read(ledger: SqlLedger) -> None:
    with pytest.raises(LedgerError, match="holds no picture or video 0123456789ab"):
        ledger.file("0123456789abcdef")
