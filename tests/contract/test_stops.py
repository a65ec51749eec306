"""Stops, on SQLite and on PostgreSQL: nothing of what is stopped is claimed, and nothing of it begins."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from campaign.engines.clock import SystemClock
from campaign.errors import ClaimLost
from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.group import Group
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent
from campaign.model.plan import Late
from campaign.model.stop import DEAD_MAN, EVERYTHING
from campaign.model.wave import WaveState
from campaign.storage import at_once, beginning
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, T0, bundle, manifest, payload, people, step, wave

LEASE = timedelta(minutes=5)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _somebody(supporters: SqlSupporters) -> None:
    supporters.add(people(6), at=T0)


def mail(ledger: SqlLedger, name: str = "alert", *, late: Late | None = None, batch_size: int = 3) -> None:
    chosen = step(name) if late is None else step(name, late=late)
    ledger.approve(bundle(chosen), manifest(chosen, name), [wave(name)], by="Jo Example", at=T0 - HOUR)
    ledger.prepare_mail(ledger.waves(step=name)[0], AUDIENCE, batch_size=batch_size, at=T0 - SECOND)


def posts(ledger: SqlLedger, *accounts: str, name: str = "launch") -> None:
    chosen = step(name, "x", accounts=accounts)
    ledger.approve(bundle(chosen), manifest(chosen, name), [wave(name)], by="Jo Example", at=T0 - HOUR)
    ledger.prepare_posts(ledger.waves(step=name)[0], accounts, parts=2, at=T0 - SECOND)


def claimed(ledger: SqlLedger, *, most: int = 9, owner: str = "one") -> list[Claim]:
    return list(ledger.claim(owner=owner, now=T0, lease=LEASE, most=most))


def begin(ledger: SqlLedger, claim: Claim, group: Group | None = None) -> tuple[int, ...]:
    return ledger.begin(claim, payload(len(claim.seqs)), now=T0, group=group)


def counts(ledger: SqlLedger, name: str = "alert") -> dict[State, int]:
    return {state: n for state, n in ledger.waves(step=name)[0].counts.items() if n}


# --- the gate ---


def test_nothing_is_claimed_of_what_is_halted_until_it_is_resumed(ledger: SqlLedger) -> None:
    mail(ledger)
    posts(ledger, "national")
    ledger.stop(EVERYTHING, by="Jo Example", why="the letter was withdrawn", at=T0)
    assert claimed(ledger) == []
    assert not ledger.claim(owner="one", now=T0 - SECOND, lease=LEASE, most=9, ahead=2 * SECOND)
    ledger.resume(EVERYTHING, by="Sam Example", at=T0)
    assert len(claimed(ledger)) == 3


def test_a_paused_step_waits_while_another_goes_on(ledger: SqlLedger) -> None:
    mail(ledger)
    mail(ledger, "second")
    ledger.stop("alert", by="Jo Example", why="", at=T0)
    assert {claim.wave.step for claim in claimed(ledger)} == {"second"}


def test_another_world_in_the_same_database_is_not_stopped(database: Database, ledger: SqlLedger) -> None:
    mail(ledger)
    SqlLedger(database, world="sandbox").stop(EVERYTHING, by="Jo Example", why="", at=T0)
    assert len(claimed(ledger)) == 2


@pytest.mark.parametrize("what", [EVERYTHING, "alert"])
def test_what_was_claimed_before_the_stop_does_not_begin_and_is_planned_again(ledger: SqlLedger, what: str) -> None:
    mail(ledger)
    first, second = claimed(ledger)
    assert begin(ledger, first) == ()
    ledger.stop(what, by="Jo Example", why="wrong link", at=T0)
    with pytest.raises(ClaimLost, match="by Jo Example: wrong link; nothing was sent"):
        begin(ledger, second)
    ledger.release(second, now=T0, due_at=T0, why="stopped before it was sent")
    assert counts(ledger) == {State.CLAIMED: 3, State.PLANNED: 3}
    ledger.record(first, {seq: Accepted() for seq in first.seqs}, now=T0, retry_at=T0)
    assert counts(ledger) == {State.ACCEPTED: 3, State.PLANNED: 3}
    ledger.resume(what, by="Jo Example", at=T0)
    (again,) = claimed(ledger)
    assert again.seqs == second.seqs
    assert begin(ledger, again) == ()


def test_posts_that_wait_for_their_instant_do_not_begin_together(ledger: SqlLedger) -> None:
    posts(ledger, "national", "local")
    posts(ledger, "other", name="second")
    claims = claimed(ledger)
    ledger.stop("launch", by="Jo Example", why="", at=T0)
    held = [(claim, ledger.pack(claim, payload(len(claim.seqs)))) for claim in claims]
    why = ledger.begin_all(held, now=T0)
    assert set(why) == {claim.batch_id for claim in claims if claim.wave.step == "launch"}
    assert all("launch is paused by Jo Example" in said for said in why.values())
    assert ledger.under_way() == {"second": 2}


def test_a_claim_that_lapses_under_a_stop_is_planned_again_and_stays(ledger: SqlLedger) -> None:
    mail(ledger)
    claimed(ledger)
    ledger.stop(EVERYTHING, by="Jo Example", why="", at=T0)
    assert ledger.lapse(now=T0 + LEASE) == 2
    assert counts(ledger) == {State.PLANNED: 6}
    assert not ledger.claim(owner="two", now=T0 + LEASE, lease=LEASE, most=9)


def test_doubts_are_settled_and_retries_wait_under_a_stop(ledger: SqlLedger) -> None:
    posts(ledger, "national", "local")
    doubted, deferred = claimed(ledger)
    for claim in (doubted, deferred):
        begin(ledger, claim)
    ledger.stop(EVERYTHING, by="Jo Example", why="", at=T0)
    ledger.record(doubted, {seq: InDoubt("lost") for seq in doubted.seqs}, now=T0, retry_at=T0)
    ledger.record(deferred, {seq: Deferred("later") for seq in deferred.seqs}, now=T0, retry_at=T0)
    (doubt,) = ledger.doubts()
    ledger.settle(doubt, {seq: NotSent("not there") for seq in doubt.seqs}, now=T0)
    assert counts(ledger, "launch") == {State.PLANNED: 2, State.DEFERRED: 2}
    assert claimed(ledger) == []


# SQLite lets one write at a time.
@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))], indirect=True
)
def test_whoever_stops_waits_for_an_attempt_that_is_just_beginning(database: Database, ledger: SqlLedger) -> None:
    """Once a stop is committed nothing begins: not even what had looked for stops a moment before."""
    mail(ledger)
    claim, _ = claimed(ledger)
    order: list[str] = []

    def stop() -> None:
        ledger.stop(EVERYTHING, by="Jo Example", why="", at=T0)
        order.append("stopped")

    with database.write() as connection:
        assert beginning.begin(connection, claim, ledger.pack(claim, payload(3)), now=T0) == ()
        stopping = threading.Thread(target=stop)
        stopping.start()
        waiting = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        while not _count(database, waiting):
            assert stopping.is_alive()
        order.append("begun")
    stopping.join()
    assert order == ["begun", "stopped"]
    assert ledger.under_way() == {"alert": 3}


def _count(database: Database, query: sa.TextClause) -> int:
    with database.read() as connection:
        found: int = connection.execute(query).scalar_one()
    return found


# --- the record ---


def test_who_stopped_what_when_and_why_and_who_ended_it_stays_on_record(ledger: SqlLedger) -> None:
    made = ledger.stop("alert", by="Jo Example", why="wrong link", at=T0)
    assert ledger.stops() == [made]
    assert str(made) == "alert is paused by Jo Example: wrong link"
    done = ledger.resume("alert", by="Sam Example", at=T0 + HOUR)
    (kept,) = ledger.stops(active=False)
    assert (kept.by, kept.why, kept.at, kept.ended_by, kept.ended_at) == (
        "Jo Example",
        "wrong link",
        T0,
        "Sam Example",
        T0 + HOUR,
    )
    assert done.stops == (kept,)
    assert ledger.stops() == []


def test_a_stop_asked_for_twice_is_one_stop_and_of_two_people_two(ledger: SqlLedger) -> None:
    made = ledger.stop(EVERYTHING, by="Jo Example", why="first", at=T0)
    assert ledger.stop(EVERYTHING, by="Jo Example", why="again", at=T0 + HOUR) == made
    ledger.stop(EVERYTHING, by="Sam Example", why="mine", at=T0 + HOUR)
    assert [one.by for one in ledger.stops()] == ["Jo Example", "Sam Example"]
    assert len(ledger.resume(EVERYTHING, by="Kim Example", at=T0 + HOUR).stops) == 2


def test_to_resume_what_is_not_stopped_changes_nothing(ledger: SqlLedger) -> None:
    ledger.stop("alert", by="Jo Example", why="", at=T0)
    assert ledger.resume(EVERYTHING, by="Jo Example", at=T0).stops == ()
    assert ledger.resume("second", by="Jo Example", at=T0).stops == ()
    assert [one.step for one in ledger.stops()] == ["alert"]


def test_a_halt_ends_without_the_pauses_of_single_steps(ledger: SqlLedger) -> None:
    mail(ledger)
    mail(ledger, "second")
    ledger.stop(EVERYTHING, by="Jo Example", why="", at=T0)
    ledger.stop("alert", by="Jo Example", why="", at=T0)
    ledger.resume(EVERYTHING, by="Jo Example", at=T0)
    assert {claim.wave.step for claim in claimed(ledger)} == {"second"}


def test_the_row_that_the_driver_writes_alone_is_the_same(ledger: SqlLedger, database_url: str) -> None:
    asked = {"by": "Jo Example", "why": 'it\'s "wrong"', "at": T0 + SECOND / 3}
    assert at_once.stop(database_url, "live", EVERYTHING, clock=SystemClock(), **asked)  # type: ignore[arg-type]  # as above
    assert at_once.stop(database_url, "live", EVERYTHING, clock=SystemClock(), **(asked | {"why": "again"}))  # type: ignore[arg-type]  # as above
    (written,) = ledger.stops()
    assert ledger.stop(EVERYTHING, **asked) == written  # type: ignore[arg-type]  # as above
    ledger.resume(EVERYTHING, by="Jo Example", at=T0)
    made = ledger.stop(EVERYTHING, **asked)  # type: ignore[arg-type]  # as above
    assert replace(made, id=written.id) == written
    mail(ledger)
    assert not claimed(ledger)


@pytest.mark.parametrize(
    "url", ["sqlite:///nothing/is/here.db", "sqlite://", "mysql://a/b", "postgresql://127.0.0.1:1/x"]
)
def test_where_there_is_no_ledger_the_driver_writes_none(url: str) -> None:
    assert not at_once.stop(url, "live", EVERYTHING, by="Jo Example", why="", at=T0, clock=SystemClock())


# --- too late by then ---


@pytest.mark.parametrize(
    ("then", "became", "left"),
    [
        ("hold", WaveState.HELD, State.PLANNED),
        ("skip", WaveState.MISSED, State.MISSED),
        ("send", WaveState.PREPARED, State.PLANNED),
    ],
)
def test_what_is_too_late_when_a_stop_ends_goes_by_its_own_rule_at_once(
    ledger: SqlLedger, then: str, became: WaveState, left: State
) -> None:
    mail(ledger, late=Late(within=HOUR, then=then))  # type: ignore[arg-type]  # one of the three
    ledger.stop("alert", by="Jo Example", why="", at=T0)
    done = ledger.resume("alert", by="Jo Example", at=T0 + 2 * HOUR)
    (placed,) = ledger.waves()
    assert placed.state is became
    assert counts(ledger) == {left: 6}
    assert done.late == (() if then == "send" else (("alert#1", became.value),))
    if then != "send":
        assert "2:00:00 late" in placed.why
        assert not ledger.claim(owner="one", now=T0 + 2 * HOUR, lease=LEASE, most=9)


def test_what_is_still_stopped_by_another_is_not_called_late_yet(ledger: SqlLedger) -> None:
    mail(ledger, late=Late(within=HOUR, then="skip"))
    ledger.stop("alert", by="Jo Example", why="", at=T0)
    ledger.stop(EVERYTHING, by="Jo Example", why="", at=T0)
    assert ledger.resume(EVERYTHING, by="Jo Example", at=T0 + 2 * HOUR).late == ()
    assert ledger.resume("alert", by="Jo Example", at=T0 + 2 * HOUR).late == (("alert#1", "missed"),)


# --- the dead man's switch ---


def test_only_a_confirmation_ends_the_dead_mans_stop_and_no_other(ledger: SqlLedger) -> None:
    assert ledger.confirmed_at() is None
    ledger.stop(EVERYTHING, by=DEAD_MAN, why="nobody is there", at=T0)
    ledger.stop(EVERYTHING, by="Jo Example", why="", at=T0)
    assert [one.by for one in ledger.resume(EVERYTHING, by="Jo Example", at=T0).stops] == ["Jo Example"]
    ledger.stop(EVERYTHING, by="Jo Example", why="", at=T0)
    assert [one.by for one in ledger.confirm(by="Sam Example", at=T0 + HOUR).stops] == [DEAD_MAN]
    assert [one.by for one in ledger.stops()] == ["Jo Example"]
    assert ledger.confirmed_at() == T0 + HOUR


# --- what is where ---


def test_what_is_under_way_and_what_a_provider_holds_is_counted_by_step(ledger: SqlLedger) -> None:
    mail(ledger)
    first, second = claimed(ledger)
    group = ledger.open_group(first.wave, "ref", size=2, now=T0)
    begin(ledger, first, group)
    assert ledger.under_way() == {"alert": 3}
    ledger.record(
        first,
        {seq: Accepted() if place else Deferred("later") for place, seq in enumerate(first.seqs)},
        now=T0,
        retry_at=T0,
    )
    assert ledger.under_way() == {}
    assert ledger.held_by_providers(now=T0 - SECOND) == {"alert": 2}
    assert ledger.held_by_providers(now=T0) == {}, "its instant has come: the provider has let it go"
    begin(ledger, second)
    assert ledger.under_way() == {"alert": 3}
