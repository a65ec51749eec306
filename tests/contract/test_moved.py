"""Steps by local time on SQLite and PostgreSQL: who moves to another zone between two waves gets nothing twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.flow import approve, audience, schedule
from campaign.model.plan import Quiet, Relative, Repeat, Step
from campaign.model.wave import Wave
from campaign.storage import tables as t
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import T0, bundle, people, plan, step

HOME = "America/New_York"
ZONES = ("", HOME, "Europe/Berlin", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Honolulu")
"""In the last two it is the same hour of different days at once."""
AT_NINE = Relative("T+0d 09:00", clock=time(9), local=True)
DAILY = Repeat(every=timedelta(days=1), count=3)
worlds = count()


def place(ledger: SqlLedger, chosen: Step) -> Sequence[Wave]:
    made, planned = bundle(chosen), schedule.waves(plan(chosen), chosen)
    ledger.approve(made, approve.manifest(made, planned), planned, by="Jo Example", at=T0 - timedelta(hours=1))
    return ledger.waves(step=chosen.id)


def prepare(ledger: SqlLedger, wave: Wave) -> int:
    made = ledger.bundle(wave.digest)
    return ledger.prepare_mail(wave, audience.of(made, wave.zones), batch_size=1000, at=wave.due_at)


def who(database: Database, wave: Wave) -> list[int]:
    d = t.deliveries.c
    with database.read() as connection:
        return list(connection.execute(sa.select(d.supporter_id).where(d.wave_id == wave.id)).scalars())


def serving(waves: Sequence[Wave], zone: str) -> list[Wave]:
    return [wave for wave in waves if wave.zones and zone in wave.zones]


def lives_in(supporters: SqlSupporters, zone: str, of: int = 1) -> None:
    supporters.add([replace(one, zone=zone) for one in people(of)], at=T0)


def test_who_moves_west_after_their_wave_has_gone_out_gets_nothing_twice(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    waves = place(ledger, step(at=AT_NINE))
    (tokyo,), (berlin,) = serving(waves, "Asia/Tokyo"), serving(waves, "Europe/Berlin")
    lives_in(supporters, "Asia/Tokyo", of=3)
    assert prepare(ledger, tokyo) == 3
    lives_in(supporters, "Europe/Berlin", of=4)
    assert prepare(ledger, berlin) == 1


def test_each_time_that_a_step_comes_is_got_once(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    waves = place(ledger, step(at=AT_NINE, repeat=DAILY))
    tokyo, berlin = serving(waves, "Asia/Tokyo"), serving(waves, "Europe/Berlin")
    lives_in(supporters, "Asia/Tokyo")
    assert prepare(ledger, tokyo[0]) == 1
    lives_in(supporters, "Europe/Berlin")
    assert [prepare(ledger, wave) for wave in (berlin[0], tokyo[1], berlin[1], tokyo[2])] == [0, 0, 1, 0]
    lives_in(supporters, "Asia/Tokyo")
    assert prepare(ledger, berlin[2]) == 0, "who moved east too late gets the third by a top-up"


def test_who_is_late_for_the_first_time_gets_the_second_once(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    waves = place(ledger, step(at=AT_NINE, repeat=DAILY))
    tokyo, berlin = serving(waves, "Asia/Tokyo"), serving(waves, "Europe/Berlin")
    assert [prepare(ledger, tokyo[0]), prepare(ledger, berlin[0])] == [0, 0]
    lives_in(supporters, "Asia/Tokyo")
    assert prepare(ledger, tokyo[1]) == 1
    lives_in(supporters, "Europe/Berlin")
    assert [prepare(ledger, berlin[1]), prepare(ledger, berlin[2])] == [0, 1]


def test_quiet_hours_divide_a_step_and_who_moves_meanwhile_gets_nothing_twice(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    chosen = step(at=Relative("T+0d 09:00", clock=time(9)), quiet=Quiet(time(21), time(8)))
    waves = place(ledger, chosen)
    (at_once,), (in_the_morning,) = serving(waves, HOME), serving(waves, "Asia/Tokyo")
    lives_in(supporters, HOME)
    assert prepare(ledger, at_once) == 1
    lives_in(supporters, "Asia/Tokyo", of=2)
    assert prepare(ledger, in_the_morning) == 1


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    times=st.integers(1, 3),
    moves=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 29), st.sampled_from(ZONES)), max_size=60),
)
def test_nobody_gets_a_time_twice_and_who_stays_gets_each(
    database: Database, times: int, moves: list[tuple[int, int, str]]
) -> None:
    """A step that comes each day at nine where people are, who move whenever they like."""
    ledger, supporters = SqlLedger(database, world=f"moved {next(worlds)}"), SqlSupporters(database)
    with database.write() as connection:
        connection.execute(sa.delete(t.supporters))
    crowd = [replace(one, zone=ZONES[number % len(ZONES)]) for number, one in enumerate(people(30))]
    supporters.add(crowd, at=T0)
    got: defaultdict[int, Counter[date]] = defaultdict(Counter)
    repeat = replace(DAILY, count=times) if times > 1 else None
    for number, wave in enumerate(place(ledger, step(at=AT_NINE, repeat=repeat))):
        for when, person, zone in moves:
            if when == number:
                crowd[person] = replace(crowd[person], zone=zone)
                # Into no zone at all an import moves nobody: what a list leaves empty stays as it is known.
                supporters.add([replace(crowd[person], zone=zone or HOME)], at=T0)
        prepare(ledger, wave)
        lives = {person.id: person.zone or HOME for person in supporters.each()}
        for person in who(database, wave):
            got[person][wave.due_at.astimezone(ZoneInfo(lives[person])).date()] += 1
    assert all(many == 1 for mine in got.values() for many in mine.values())
    ids = {person.email: person.id for person in supporters.each()}
    moved = {person for _, person, _ in moves}
    stayed = [ids[one.email] for number, one in enumerate(crowd) if number not in moved]
    assert all(sum(got[person].values()) == times for person in stayed)


def test_two_times_of_a_step_that_come_at_one_instant_are_told_apart(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    """Nine o'clock in Kiritimati is nine o'clock in Honolulu the day before."""
    waves = place(ledger, step(at=AT_NINE, repeat=replace(DAILY, count=2)))
    east, west = serving(waves, "Pacific/Kiritimati"), serving(waves, "Pacific/Honolulu")
    assert east[1].due_at == west[0].due_at
    lives_in(supporters, "Pacific/Kiritimati")
    assert [prepare(ledger, wave) for wave in (east[0], west[0], east[1])] == [1, 0, 1]
    lives_in(supporters, "Pacific/Honolulu", of=2)
    assert prepare(ledger, west[1]) == 1, "who comes from the east has had the second"
