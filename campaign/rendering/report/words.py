"""Instants, numbers and networks in a reader's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

NETWORKS = {"email": "E-mail", "x": "X", "bluesky": "Bluesky", "mastodon": "Mastodon"}
_MINUTE = timedelta(minutes=1)
_TIME = Markup('<time datetime="{}" title="{}">{}</time>')


def network(channel: str) -> str:
    return NETWORKS.get(channel, channel)


def counted(number: int, one: str, many: str = "") -> str:
    """``1 post``, ``2 posts``, ``10,000 people``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def share(number: int, of: int) -> str:
    """``12.3 %``; "" of nothing."""
    return f"{100 * number / of:.1f} %" if of else ""


def in_utc(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def local(instant: datetime, zone: str) -> str:
    """``Tue 22 May 2018, 09:00 EDT``."""
    there = instant.astimezone(ZoneInfo(zone))
    return f"{day(instant, zone)}, {there:%H:%M} {_name(there)}"


def day(instant: datetime, zone: str) -> str:
    """``Tue 22 May 2018``."""
    there = instant.astimezone(ZoneInfo(zone))
    return f"{there:%a} {there.day} {there:%b %Y}"


def short(instant: datetime, zone: str) -> str:
    """``22 May 09:00``."""
    there = instant.astimezone(ZoneInfo(zone))
    return f"{there.day} {there:%b %H:%M}"


def _name(there: datetime) -> str:
    name = there.tzname() or ""
    return f"UTC{name}" if name[:1] in ("+", "-") else name


def element(instant: datetime | None, zone: str, *, brief: bool = False) -> Markup | str:
    """The instant in the campaign's zone, with UTC in its title; a dash where there is none."""
    if instant is None:
        return "\N{EN DASH}"
    machine = instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return _TIME.format(machine, in_utc(instant), short(instant, zone) if brief else local(instant, zone))


def countdown(instant: datetime, launch: datetime) -> str:
    """``T-0``, ``T+3h``, ``T-2d10h30m``, as a plan would write it."""
    seconds = round((instant - launch).total_seconds())
    if not seconds:
        return "T-0"
    return f"T{'-' if seconds < 0 else '+'}{length(timedelta(seconds=abs(seconds)))}"


def length(span: timedelta) -> str:
    """``4h`` or ``2d10h30m``; seconds only where it is shorter than a minute."""
    minutes, second = divmod(round(span.total_seconds()), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    parts = ((days, "d"), (hour, "h"), (minute, "m"), (second if span < _MINUTE else 0, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
