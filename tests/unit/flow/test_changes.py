"""changes: what differs, in lines that a person can compare."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from campaign.flow import approve, changes
from campaign.model.approval import Manifest
from campaign.model.segment import Segment
from tests.builders import T0, bundle, step, wave
from tests.desks import HOUR

ZONE = "America/New_York"


def of(**parts: str) -> Manifest:
    return Manifest("alert", parts, "d")


def told(was: Manifest, now: Manifest) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return [(one.part, one.old, one.new) for one in changes.between(was, now, zone=ZONE)]


def test_only_the_lines_that_differ_are_told() -> None:
    was, now = of(html="one\ntwo\nthree\nfour", links="a"), of(html="one\n2\nthree\nfour\nfive", links="a")
    assert told(was, now) == [("html", ("two",), ("2",)), ("html", (), ("five",))]


def test_a_part_that_came_or_went_is_told_whole() -> None:
    assert told(of(), of(thread="the first part alone")) == [("thread", (), ("the first part alone",))]
    assert told(of(thread="the first part alone"), of()) == [("thread", ("the first part alone",), ())]


def test_a_change_that_cannot_be_seen_is_said_to_be_one() -> None:
    ((part, old, _),) = told(of(text="one \n"), of(text="one"))
    assert part == "text"
    assert "white space" in old[0]


def test_instants_are_told_by_the_campaigns_clocks_with_how_far_they_moved() -> None:
    was = approve.manifest(bundle(), (wave(),))
    now = approve.manifest(bundle(), (wave(due_at=T0 - 90 * timedelta(minutes=1)),))
    assert told(was, now) == [
        (
            "when",
            ("#1 Tue 22 May 2018 09:00 EDT (22 May 13:00 UTC)",),
            ("#1 Tue 22 May 2018 07:30 EDT (22 May 11:30 UTC) (1h30m earlier)",),
        )
    ]


def test_many_waves_that_moved_alike_are_one_line() -> None:
    many = [wave(number=number, due_at=T0 + number * HOUR) for number in range(1, 21)]
    later = [replace(one, due_at=one.due_at + timedelta(days=1)) for one in many]
    ((_, old, new),) = told(approve.manifest(bundle(), many), approve.manifest(bundle(), later))
    assert old[0].startswith("20 waves, #1 Tue 22 May 2018 10:00 EDT")
    assert new[0].endswith("(1d later)")


def test_zones_that_joined_or_left_a_wave_are_named() -> None:
    was = approve.manifest(bundle(), (replace(wave(), zones=("Asia/Tokyo", "Asia/Seoul")),))
    now = approve.manifest(bundle(), (replace(wave(), zones=("Asia/Tokyo", "Asia/Manila")),))
    ((_, _, new),) = told(was, now)
    assert new[0].endswith("for Asia/Tokyo, Asia/Manila; no longer Asia/Seoul; now also Asia/Manila")


def test_a_rule_is_told_by_its_conditions_and_not_as_python_writes_it() -> None:
    was = approve.manifest(bundle(), (wave(),))
    ruled = step(segment=Segment("everybody", tags_none=("press", "partner"), acted=False))
    assert told(was, approve.manifest(bundle(ruled), (wave(),))) == [
        ("to", (), ("tags_none: press, partner", "acted: False"))
    ]


def test_a_part_that_only_looks_like_a_rule_is_told_as_it_is() -> None:
    assert told(of(text="Act(now"), of(text="Act(__import__('os'))")) == [
        ("text", ("Act(now",), ("Act(__import__('os'))",))
    ]
