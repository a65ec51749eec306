"""campaign report: how the rollout went, on one page for people who were not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from campaign.cli import screen
from campaign.cli.worlds import World, ledger, now

_KB = 1_000


def report(
    out: Annotated[
        Path, typer.Option("--out", help="Where to write it; what is there is replaced.", show_default=True)
    ] = Path("report.html"),
    world: Annotated[
        World | None, typer.Option("--world", help="Which ledger; else the most real one that has sent anything.")
    ] = None,
) -> None:
    """Write how the rollout went as one HTML file: timeline, plots and tables, fit to mail to a board.

    The file needs nothing else: no network, no script. It prints, and can be read on a phone, in the dark and by a
    screen reader. It holds no addresses and no names of supporters. It can be written again at any time.
    """
    from campaign import settings
    from campaign.bootstrap import costs
    from campaign.errors import CampaignError
    from campaign.flow import report as reports
    from campaign.rendering.report import page

    budgets = costs.budgets(settings.load())
    with ledger(world, say=True) as book:
        if not book.waves():
            raise CampaignError(f"nothing was ever approved in the {book.world} ledger; there is nothing to report")
        found = reports.gather(book, now=now(book), budgets=budgets)
    made = page(found).encode()
    try:
        _replace(out, made)
    except OSError as error:
        raise CampaignError(f"{out} cannot be written: {error.strerror or error}; choose another with --out") from error
    screen.out.print(f"{out}: {screen.counted(len(found.steps), 'step')}, {_size(made)}.", soft_wrap=True)
    if not found.adds_up:
        screen.say("WARNING: ", "the figures do not add up, and the report says so; see: campaign log")


def _size(made: bytes) -> str:
    return f"{-(-len(made) // _KB):,} kB"


def _replace(out: Path, made: bytes) -> None:
    """All of it or nothing: whoever has the page open never sees half of a new one."""
    number, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(made)
        Path(name).chmod(0o644)
        Path(name).replace(out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
