"""cron: the times of a cron expression, as wall clocks show them. Which instants they are says ``flow.schedule``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from campaign.model.plan import Cron

HORIZON = timedelta(days=3660)
"""How far is looked; ten years, in which every day that the calendar has comes at least once."""


def times(cron: Cron, first: datetime) -> Iterator[datetime]:
    """Each naive wall-clock time from ``first`` on, inclusive, in order; for ten years at most."""
    clocks = [time(hour, minute) for hour in cron.hours for minute in cron.minutes]
    day, last = first.date(), (first + HORIZON).date()
    while day <= last:
        if _comes(cron, day):
            for clock in clocks:
                wall = datetime.combine(day, clock)
                if wall >= first:
                    yield wall
        day += timedelta(days=1)


def _comes(cron: Cron, day: date) -> bool:
    """POSIX (crontab): where both a day of the month and a weekday are given, either will do."""
    if day.month not in cron.months:
        return False
    by_date, by_weekday = day.day in cron.days, day.isoweekday() % 7 in cron.weekdays
    return by_date or by_weekday if cron.either else by_date and by_weekday
