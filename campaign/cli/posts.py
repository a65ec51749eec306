"""campaign posts: every post that stands, where it is, and how it fares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from campaign.cli import names, screen
from campaign.cli.options import AsJson
from campaign.cli.worlds import World, ledger
from campaign.cli.worlds import now as clock_of

if TYPE_CHECKING:
    from campaign.model.media import Metrics
    from campaign.model.plan import Plan
    from campaign.model.posted import Posted
    from campaign.storage.ledger import SqlLedger

_FIGURES = ("likes", "reposts", "replies", "views")


def posts(
    step: Annotated[str | None, typer.Argument(help="Only this step's.")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="First ask the networks how they fare now.")] = False,
    as_json: AsJson = False,
    world: Annotated[
        World | None, typer.Option("--world", help="Which ledger; else the most real one that has sent anything.")
    ] = None,
) -> None:
    """List what was posted: where each post stands, since when, and its public figures as they were last read.

    `campaign run` reads them back some time after posting, as CAMPAIGN_READ_METRICS_AFTER says. A network does not tell
    all of them: "-" is not told, and a post that was not found where it was is marked. Times are UTC in JSON.
    """
    with ledger(world, say=not as_json) as book:
        if step is not None:
            steps = {wave.step: wave.channel for wave in book.waves()}
            names.one_of(step, steps, "was never approved here", option="STEP")
            if steps[step] == "email":
                raise typer.BadParameter(f"{step} is e-mail; see: campaign log --step {step}", param_hint="STEP")
        found = book.posts(step=step)
        if refresh:
            _refresh(book, found)
            found = book.posts(step=step)
        now = clock_of(book)
        if as_json:
            screen.print_json(_as_json(found, now))
            return
        if not found:
            screen.out.print(f"Nothing of {step} was posted." if step else "Nothing was posted.")
            return
        _show(book, found, now)


def _refresh(book: SqlLedger, found: Sequence[Posted]) -> None:
    """Read the figures of what stands, now; what a network does not tell is said."""
    from campaign import bootstrap, settings
    from campaign.bootstrap.afterwards import afterwards
    from campaign.engines.clock import SystemClock
    from campaign.flow import metrics

    accounts: dict[tuple[str, str], list[Posted]] = {}
    for post in found:
        if post.is_up:
            accounts.setdefault((post.channel, post.account), []).append(post)
    configured = settings.load()
    database = bootstrap.open_database(configured)
    try:
        clock = SystemClock()

        def report(_: datetime, what: str) -> None:
            screen.say("Not read: ", what, style="yellow")

        with afterwards(configured, database, book, accounts, clock=clock, report=report) as desk:
            for (channel, account), those in accounts.items():
                metrics.read_now(desk, channel, account, those)
    finally:
        database.close()


def by_step(found: Sequence[Posted]) -> Mapping[str, Sequence[Posted]]:
    """The posts by their steps, in the order of the steps' first instants."""
    steps: dict[str, list[Posted]] = {}
    for post in found:
        steps.setdefault(post.step, []).append(post)
    return steps


def _show(book: SqlLedger, found: Sequence[Posted], now: datetime) -> None:
    from campaign.flow import metrics

    digests = {wave.step: wave.digest for wave in book.waves()}
    for step, those in by_step(found).items():
        plan = book.bundle(digests[step]).plan
        at = screen.countdown(min(post.posted_at for post in those).replace(microsecond=0), plan.launch)
        screen.out.print(f"{step}", style="bold", end="")
        screen.out.print(f"  {those[0].channel}, {at}", style="dim")
        for line in table(those, plan, now):
            screen.out.print(line, soft_wrap=True)
        screen.out.print()
    standing = [post for post in found if post.is_up]
    told = said(metrics.total(standing))
    stands = screen.counted(len(standing), "post stands", "posts stand")
    gone = len(found) - len(standing)
    screen.out.print(
        f"{stands}"
        + (f", {gone:,} retracted" if gone else "")
        + (f"; {told}." if told else "; no figures were read yet.")
    )


def table(those: Sequence[Posted], plan: Plan, now: datetime) -> Iterator[str]:
    """One step's posts, a line of figures and one with the address for each."""
    from campaign.flow import metrics

    width = max(len("account"), *(len(screen.plain(post.account)) for post in those))
    yield f"  {'account':<{width}} part  {'posted':<16}{'likes':>8}{'reposts':>9}{'replies':>9}{'views':>9}  read"
    for post in those:
        posted = f"{post.posted_at.astimezone(ZoneInfo(plan.zone)):%d %b %H:%M %Z}"
        head = f"  {post.account:<{width}} {post.part:>4}  {posted:<16}"
        yield head + (_figures(post, now) if post.is_up else f"  {_retracted(post, plan)}")
        if post.is_up:
            yield f"  {'':<{width}}       {post.url or post.ref}"
        if post.is_up and post.retraction is not None:
            yield f"  {'':<{width}}       {_retracted(post, plan)}"
    standing = [post for post in those if post.is_up and post.reading is not None]
    if len(standing) > 1:
        yield f"  {'in all':<{width}}       {'':<16}" + _numbers(metrics.total(standing))


def _figures(post: Posted, now: datetime) -> str:
    from campaign.model.media import Metrics

    reading = post.reading
    if reading is None:
        return _numbers(Metrics()) + "  not yet"
    age = f"{_age(now - reading.read_at)} ago"
    return f"{_numbers(reading.metrics)}  {age}" + (", not found" if reading.metrics == Metrics() else "")


def _numbers(one: Metrics) -> str:
    cells = [getattr(one, name) for name in _FIGURES]
    return "".join(
        f"{'-' if cell is None else f'{cell:,}':>{width}}" for cell, width in zip(cells, (8, 9, 9, 9), strict=True)
    )


def _retracted(post: Posted, plan: Plan) -> str:
    retraction = post.retraction
    if retraction is None:
        return ""
    if not post.is_up and retraction.ended_at is not None:
        return f"retracted by {retraction.by}, {screen.local(retraction.ended_at.replace(microsecond=0), plan.zone)}"
    why = f": {retraction.why}" if retraction.why else ""
    if post.to_retract:
        return f"to be deleted, says {retraction.by}{why}"
    return f"{retraction.by} wants it deleted, and {post.channel} does not{why}"


def _age(span: timedelta) -> str:
    """``3h``, ``2d``: the largest unit alone."""
    seconds = max(0, int(span.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def said(one: Metrics) -> str:
    """``12 likes, 1 repost``: what networks tell."""
    words = {"likes": "like", "reposts": "repost", "replies": "reply", "views": "view"}
    told = [(getattr(one, name), name, word) for name, word in words.items()]
    return ", ".join(screen.counted(number, word, name) for number, name, word in told if number is not None)


def _as_json(found: Sequence[Posted], now: datetime) -> Mapping[str, object]:
    from campaign.flow import metrics

    return {
        "now": now,
        "posts": [one_as_json(post, now) for post in found],
        "steps": [
            {
                "step": step,
                "channel": those[0].channel,
                "posts": sum(post.is_up for post in those),
                "retracted": sum(not post.is_up for post in those),
                **asdict(metrics.total(those)),
            }
            for step, those in by_step(found).items()
        ],
    }


def one_as_json(post: Posted, now: datetime) -> Mapping[str, object]:
    reading, retraction = post.reading, post.retraction
    figures = reading.metrics if reading else None
    return {
        "step": post.step,
        "wave": post.wave,
        "channel": post.channel,
        "account": post.account,
        "part": post.part,
        "state": post.state,
        "posted_at": post.posted_at,
        "url": post.url,
        "ref": post.ref,
        **{name: getattr(figures, name, None) for name in _FIGURES},
        "read_at": reading.read_at if reading else None,
        "age_s": round((now - reading.read_at).total_seconds()) if reading else None,
        "retraction": asdict(retraction) if retraction else None,
    }
