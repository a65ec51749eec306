"""campaign feedback: what SendGrid has posted, whether it is applied, and whose openings and clicks those were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import screen

if TYPE_CHECKING:
    from campaign.flow.feedback import Feedback

app = typer.Typer(name="feedback", help="Apply what SendGrid has posted to the webhook.", no_args_is_help=True)


@app.command()
def show() -> None:
    """Show what waits in the inbox, what is kept, and what could not be read."""
    with _opened() as feedback:
        standing = feedback.inbox.standing()
    screen.out.print(f"{screen.counted(standing.kept, 'request')} kept{_since(standing.kept_since)}.")
    screen.out.print(f"{screen.counted(standing.waiting, 'request')} to be applied{_since(standing.waiting_since)}.")
    for number, why in standing.unread:
        screen.say("Could not be read: ", f"request {number}, {why}.", style="yellow")
    if standing.waiting:
        screen.out.print("`campaign web` and `campaign run --live` apply them; so does: campaign feedback apply")


@app.command()
def apply() -> None:
    """Apply what waits in the inbox, and let raw bodies go that were kept long enough.

    For a timer, or to be sure; `campaign web` and `campaign run --live` do the same all the time. Two at once do no
    harm.
    """
    with _opened() as feedback:
        new = feedback.apply()
        pruned = feedback.prune()
    told = ", ".join(f"{number:,} {kind.value}" for kind, number in new.most_common())
    screen.out.print(f"Applied: {told or 'nothing new'}.", soft_wrap=True)
    if pruned:
        screen.out.print(f"{screen.counted(pruned, 'request')} let go after {feedback.keep.days} days.")


@app.command()
def again(
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d"], help="Only what was posted on that day (UTC) or later."),
    ] = None,
) -> None:
    """Judge again, by the rule of this version, which openings and clicks are a program's and which a person's.

    It reads the raw bodies that are kept; nothing else changes.
    """
    with _opened() as feedback:
        changed = feedback.again(since=since.replace(tzinfo=UTC) if since else None)
    screen.out.print(f"{screen.counted(changed, 'opening or click', 'openings and clicks')} judged otherwise now.")


@contextmanager
def _opened() -> Iterator[Feedback]:
    from campaign import bootstrap, settings
    from campaign.bootstrap import web
    from campaign.engines.clock import SystemClock

    configured = settings.load()
    database = bootstrap.open_database(configured)
    try:
        yield web.feedback(
            configured, database, clock=SystemClock(), tell=lambda what: screen.say("Note: ", what, style="yellow")
        )
    finally:
        database.close()


def _since(instant: datetime | None) -> str:
    return f", the first from {instant:%Y-%m-%d %H:%M} UTC" if instant else ""
