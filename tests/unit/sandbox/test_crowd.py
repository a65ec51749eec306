"""The crowd does the same every time, and tells it in the order in which it happens."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from campaign.channels import sendgrid_events
from campaign.model.event import EventKind
from campaign.sandbox.crowd import MOST_EVENTS, Crowd, fate
from campaign.sandbox.journal import Journal
from campaign.sandbox.sendgrid import TAKEN
from campaign.sandbox.world import World

NOW = datetime(2026, 5, 22, 9, tzinfo=UTC)


def take(world: World, name: str, *people: tuple[str, str]) -> None:
    parts = [{"to": [{"email": address}], "custom_args": {"key": key}} for key, address in people]
    request = {"personalizations": parts, "categories": ["alert"]}
    world.journal.append(TAKEN, {"id": name, "account": "a", "at": world.now().isoformat(), "request": request})


@pytest.fixture
def world() -> World:
    world = World()
    world.set_now(NOW)
    return world


def test_out_of_many_about_as_many_as_it_says_do_each_thing() -> None:
    kinds = Counter(kind for n in range(20_000) for kind, _ in fate(f"key-{n}", f"p{n}@example.org"))
    assert 0.965 < kinds["delivered"] / 20_000 < 0.985
    assert 0.007 < kinds["bounce"] / 20_000 < 0.013
    assert 0.007 < kinds["blocked"] / 20_000 < 0.013
    assert 0.003 < kinds["dropped"] / 20_000 < 0.007
    assert 0.37 < kinds["open"] / 20_000 < 0.43
    assert 0.06 < kinds["click"] / 20_000 < 0.1
    assert 0.001 < kinds["unsubscribe"] / 20_000 < 0.005
    assert kinds["spamreport"] / 20_000 < 0.001
    assert 0.08 < kinds["relay open"] / 20_000 < 0.12
    assert 0.01 < kinds["scanner click"] / 20_000 < 0.03


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("bounce", ["processed", "bounce"]),
        ("blocked", ["processed", "blocked"]),
        ("dropped", ["dropped"]),
        ("deferred", ["processed", "deferred", "delivered"]),
        ("deliver", ["processed", "delivered"]),
        ("spam", ["processed", "delivered", "spamreport"]),
        ("unsubscribe", ["processed", "delivered", "open", "unsubscribe"]),
        ("open", ["processed", "delivered", "open"]),
        ("click", ["processed", "delivered", "open", "click"]),
        ("relay", ["processed", "delivered", "relay open"]),
        ("scanner", ["processed", "delivered", "scanner open", "scanner click", "scanner letter"]),
        ("silent", []),
    ],
)
@pytest.mark.parametrize("suffix", ["org", "net", "com"])
def test_a_test_can_say_by_the_address_what_happens(name: str, suffix: str, kinds: list[str]) -> None:
    for n in range(50):
        assert [kind for kind, _ in fate(f"key-{n}", f"ann@{name}.example.{suffix}")] == kinds


def test_what_happens_depends_on_the_key_alone() -> None:
    assert fate("key", "a@example.org") == fate("key", "b@example.net")
    assert fate("", "A@example.org") == fate("", "a@example.org")


def test_nothing_happens_before_a_second_is_over_nor_out_of_order() -> None:
    for n in range(2_000):
        delays = [delay_s for _, delay_s in fate(f"key-{n}", "p@example.org")]
        assert delays == sorted(delays)
        assert all(delay_s >= 1 for delay_s in delays)


def test_an_event_has_sendgrids_form_with_our_key_in_it(world: World) -> None:
    take(world, "request-1", ("k1", "ann@bounce.example.org"))
    world.set_now(NOW + timedelta(hours=1))
    ((processed, event), _) = Crowd(world).events(0)
    assert processed["event"] == "processed"
    assert event["email"] == "ann@bounce.example.org"
    assert event["event"] == "bounce"
    assert event["type"] == "bounce"
    assert event["key"] == "k1"
    assert event["category"] == ["alert"]
    assert NOW.timestamp() < event["timestamp"] <= NOW.timestamp() + 60
    assert event["sg_message_id"].startswith("request-1.")
    assert event["sg_event_id"]


def test_a_blocked_mail_is_a_bounce_of_type_blocked(world: World) -> None:
    take(world, "request-1", ("k1", "ann@blocked.example.org"))
    world.set_now(NOW + timedelta(hours=1))
    ((_, event), _) = Crowd(world).events(0)
    assert (event["event"], event["type"]) == ("bounce", "blocked")


def test_events_come_when_their_time_has_come(world: World) -> None:
    take(world, "request-1", ("k1", "ann@click.example.org"))
    crowd = Crowd(world)
    seen: list[str] = []
    after = 0
    for minutes in range(60 * 24):
        world.set_now(NOW + timedelta(minutes=minutes))
        events, after = crowd.events(after)
        assert all(event["timestamp"] <= world.now().timestamp() for event in events)
        seen += [event["event"] for event in events]
    assert seen == ["processed", "delivered", "open", "click"]


def every_event(crowd: Crowd) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = 0
    while True:
        events, after = crowd.events(after)
        if not events:
            return found
        found += events


def test_after_a_restart_events_have_the_same_numbers(tmp_path: Path) -> None:
    world = World(Journal(tmp_path / "journal"))
    crowd = Crowd(world)
    for minute in range(30):
        world.set_now(NOW + timedelta(minutes=minute))
        take(world, f"request-{minute}", *((f"k{minute}-{n}", f"p{n}@example.org") for n in range(20)))
        crowd.events(0)
    world.set_now(NOW + timedelta(days=2))
    first = every_event(crowd)
    world.journal.close()
    again = World(Journal(tmp_path / "journal"))
    again.set_now(NOW + timedelta(days=2))
    assert every_event(Crowd(again)) == first
    assert len({event["sg_event_id"] for event in first}) == len(first)
    assert [event["timestamp"] for event in first] == sorted(event["timestamp"] for event in first)


def test_one_answer_is_bounded_and_the_next_goes_on(world: World) -> None:
    for part in range(4):
        take(world, f"r{part}", *((f"k{part}-{n}", f"p{n}@deliver.example.org") for n in range(1_000)))
    world.set_now(NOW + timedelta(hours=1))
    crowd = Crowd(world)
    events, after = crowd.events(0)
    assert len(events) == after == MOST_EVENTS
    rest, end = crowd.events(after)
    assert end == 8_000
    assert len(rest) == 8_000 - MOST_EVENTS
    assert crowd.events(10**9) == ([], 10**9)


def test_asking_again_gives_the_same_events(world: World) -> None:
    take(world, "r", *((f"k{n}", f"p{n}@example.org") for n in range(50)))
    world.set_now(NOW + timedelta(hours=1))
    crowd = Crowd(world)
    assert crowd.events(10) == crowd.events(10)


def test_what_programs_do_has_sendgrids_names_and_shows_that_they_are_programs(world: World) -> None:
    take(world, "r", ("k1", "ann@relay.example.org"), ("k2", "ann@scanner.example.org"))
    world.set_now(NOW + timedelta(hours=1))
    told, _ = Crowd(world).events(0)
    programs = [event for event in sendgrid_events.events(told) if event.kind in (EventKind.OPENED, EventKind.CLICKED)]
    assert [event.kind for event in programs if event.key == "k1"] == [EventKind.OPENED]
    assert [event.kind for event in programs if event.key == "k2"] == [EventKind.OPENED, *[EventKind.CLICKED] * 2]
    assert all(event.machine for event in programs)


def test_what_people_do_looks_like_people(world: World) -> None:
    take(world, "r", ("k1", "ann@click.example.org"))
    world.set_now(NOW + timedelta(days=1))
    told, _ = Crowd(world).events(0)
    assert [event.machine for event in sendgrid_events.events(told)] == [""] * 4
