"""Times and lengths of time as a plan writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.files.plan_times import Anchor, NotATime, Wall, hang, read_length, read_time
from campaign.model.plan import Absolute, ClockChange, Relative


@dataclass(frozen=True)
class Hung:
    launch: datetime = datetime(2018, 5, 22, 13, tzinfo=UTC)
    zone: str = "America/New_York"
    clock_change: ClockChange = field(default_factory=ClockChange)
    anchors: dict[str, Anchor] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("text", "offset", "days", "clock", "local"),
    [
        ("T-0", timedelta(0), 0, None, False),
        ("T+0", timedelta(0), 0, None, False),
        ("T+2h", timedelta(hours=2), 0, None, False),
        ("T-90m", timedelta(minutes=-90), 0, None, False),
        ("T+1h30m", timedelta(minutes=90), 0, None, False),
        ("T+24h", timedelta(hours=24), 0, None, False),
        ("T+1d", timedelta(0), 1, None, False),
        ("T-1w", timedelta(0), -7, None, False),
        ("T-1d2h", timedelta(hours=-2), -1, None, False),
        ("T-1d 09:00", timedelta(0), -1, time(9), False),
        ("T+1d 9:00", timedelta(0), 1, time(9), False),
        ("T+0d 18:30 local", timedelta(0), 0, time(18, 30), True),
        ("T+1w2d 00:00", timedelta(0), 9, time(0), False),
    ],
)
def test_a_time_hung_on_the_launch(text: str, offset: timedelta, days: int, clock: time | None, *, local: bool) -> None:
    assert read_time(text) == Relative(text, offset=offset, days=days, clock=clock, local=local)


@pytest.mark.parametrize(
    "text",
    [
        "2018-05-22T09:00-04:00",
        "2018-05-22 09:00-0400",
        "2018-05-22T13:00Z",
        "2018-05-22 13:00 UTC",
        "2018-05-22T13:00:00Z",
    ],
)
def test_a_date_with_its_offset_is_an_instant(text: str) -> None:
    assert read_time(text) == Absolute(datetime(2018, 5, 22, 13, tzinfo=UTC), text)


def test_a_date_without_an_offset_is_in_the_campaigns_zone() -> None:
    written = read_time("2018-05-22 09:00")
    assert written == Wall(datetime(2018, 5, 22, 9), local=False, written="2018-05-22 09:00")
    assert hang(written, Hung()) == Absolute(Hung().launch, "2018-05-22 09:00")


def test_a_date_by_local_time_is_counted_from_the_day_of_the_launch() -> None:
    written = read_time("2018-05-20 09:00 local")
    assert hang(written, Hung()) == Relative("2018-05-20 09:00 local", days=-2, clock=time(9), local=True)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("2026-11-01 01:30", "write 2026-11-01T01:30-04:00 or 2026-11-01T01:30-05:00"),
        ("2026-03-08 02:30", "write 2026-03-08T01:30-05:00 or 2026-03-08T03:30-04:00"),
    ],
)
def test_a_date_that_the_zone_skips_or_doubles_must_say_which_it_means(text: str, remedy: str) -> None:
    with pytest.raises(NotATime) as caught:
        hang(read_time(text), Hung())
    assert caught.value.remedy == remedy


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("soon", "is not a time"),
        ("", "is not a time"),
        ("T", "is not a time"),
        ("T+", "is not a time"),
        ("t+2h", "is not a time"),
        ("T + 2h", "is not a time"),
        ("T+2 hours", "is not a time"),
        ("T+2h3d", "is not a time"),
        ("T+٢h", "is not a time"),
        ("09:00", "is not a time"),
        ("2018-05-22", "is not a time"),
        ("22.05.2018 09:00", "is not a time"),
        ("T+2h local", "says local without a time of day"),
        ("T-0 09:00", "gives a time of day but does not count days"),
        ("T+2h 09:00", "gives a time of day but does not count days"),
        ("T+1d 25:00", "has a time of day that clocks do not show"),
        ("2018-05-22 09:60", "has a time of day that clocks do not show"),
        ("2018-02-30 09:00", "names a day that the calendar does not have"),
        ("1018-05-22 09:00", "lies outside the years 2000 to 2199"),
        ("2018-05-22T09:00+15:00", "has an offset from UTC that no place on Earth has"),
        ("2018-05-22T09:00Z local", "gives both an offset from UTC and local"),
        ("T+9999d", "is more than ten years from T-0"),
    ],
)
def test_what_is_no_time_is_refused_with_the_forms_that_are(text: str, what: str) -> None:
    with pytest.raises(NotATime) as caught:
        read_time(text)
    assert caught.value.what == what
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("10m", timedelta(minutes=10)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("1w", timedelta(days=7)),
        ("1h30m", timedelta(minutes=90)),
    ],
)
def test_a_length_of_time(text: str, length: timedelta) -> None:
    assert read_length(text) == length


@pytest.mark.parametrize("text", ["", "0m", "0", "10", "10 m", "-2h", "1.5h", "2 hours", "30s", "9999d", "999w999d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(NotATime):
        read_length(text)


@given(st.text(alphabet="T+-0123456789wdhm: ZUTClocal", max_size=30) | st.text(max_size=30))
def test_any_text_is_a_time_or_is_refused_with_a_remedy(text: str) -> None:
    try:
        said = read_time(text).written
    except NotATime as refusal:
        said = text if refusal.what and refusal.remedy else ""
    assert said == text
