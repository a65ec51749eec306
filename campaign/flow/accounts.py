"""accounts: whether those that post are who the plan means, and may do what it asks of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaign.flow.fit import MASTODON_CHARACTERS
from campaign.flow.meant import why_not
from campaign.flow.sending_domain import Verdict
from campaign.ports.channel import MAY_POST, Left, Standing

ENDS_SOON = timedelta(days=7)
_FEW = 10
"""With a tenth of a limit left, a thread may not go through."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a manager sees of one account. ``meant`` is who the plan says it is, "" where it says nothing; ``days`` how
    long its token still holds, None where it does not end or is renewed by itself. ``detail`` is what is wrong, or
    worth knowing."""

    channel: str
    name: str
    verdict: Verdict
    handle: str = ""
    meant: str = ""
    may: tuple[str, ...] = ()
    left: Left | None = None
    ends_at: datetime | None = None
    days: int | None = None
    detail: str = ""


def looked_at(channel: str, standing: Standing, meant: str, now: datetime, *, characters: int | None = None) -> Account:
    """What is to be said of an account: an error where nothing can be posted by it, or not by the one that is meant.

    ``characters`` is how long its posts may be by the plan, None where it says nothing.
    """
    found = Account(
        channel=channel,
        name=standing.account,
        verdict="ok",
        handle=(standing.handle or standing.who).removeprefix("@"),
        meant=meant,
        may=standing.may,
        left=standing.left,
        ends_at=standing.ends_at,
        days=None
        if standing.ends_at is None or standing.renews
        else max(0, (standing.ends_at - now) // timedelta(days=1)),
    )
    if standing.wrong:
        return replace(found, verdict="error", detail=standing.wrong)
    errors = [*_errors(channel, standing, meant, now), *_shorter(standing, characters)]
    if errors:
        return replace(found, verdict="error", detail="; ".join(errors))
    warnings = list(_warnings(standing, now))
    told = [*warnings, standing.detail, _longer(standing, characters)]
    return replace(found, verdict="warning" if warnings else "ok", detail="; ".join(one for one in told if one))


def _errors(channel: str, standing: Standing, meant: str, now: datetime) -> Iterator[str]:
    if meant and (why := why_not(channel, standing, meant)):
        yield why
    if standing.may and MAY_POST not in standing.may:
        yield f"it may not post, only {' and '.join(standing.may)}: give its token the permission to write"
    if standing.ends_at is not None and standing.ends_at <= now:
        yield f"its token ended on {standing.ends_at:%Y-%m-%d}: sign in again"


def _shorter(standing: Standing, characters: int | None) -> Iterator[str]:
    takes = standing.takes.characters if standing.takes else None
    if characters is not None and takes is not None and takes < characters:
        yield f"its server takes {takes:,} characters a post, and the plan says {characters:,}: mend `accounts:` there"


def _longer(standing: Standing, characters: int | None) -> str:
    """What the plan does not make use of."""
    takes = standing.takes.characters if standing.takes else None
    if takes is None or takes <= (characters or MASTODON_CHARACTERS):
        return ""
    said = f"{characters or MASTODON_CHARACTERS:,} by the plan"
    return f"{said}, which may say `characters: {takes}` of it under `accounts:`"


def _warnings(standing: Standing, now: datetime) -> Iterator[str]:
    ends_at, left = standing.ends_at, standing.left
    if ends_at is not None and not standing.renews and ends_at - now < ENDS_SOON:
        yield f"its token ends on {ends_at:%Y-%m-%d %H:%M} UTC: make sure that it is renewed, or sign in again"
    if left is not None and left.number * _FEW <= left.of:
        yield f"only {left.number:,} of {left.of:,} {left.what} are left"
