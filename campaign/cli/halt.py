"""campaign halt: the stop button."""

from __future__ import annotations

from typing import Annotated

import typer

from campaign.cli import stopping
from campaign.cli.options import AsJson


def halt(
    why: Annotated[str, typer.Option("--why", help="The reason, for the record.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who halts, by name.")] = "",
    sandbox: Annotated[bool, typer.Option("--sandbox", help="For `campaign run` without --live.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop everything, now, from any machine that reaches the database. It asks nothing.

    Whatever is being sent ends with the calls under way, wherever it runs; what a provider holds until its instant is
    taken back. It needs neither the plan nor the messages. Then it says what had gone before. Exit code 1 if something
    could not be reached. Nothing goes out again before `campaign resume`. Again: it looks again.
    """
    stopping.stop("", why=why, by=by, sandbox=sandbox, as_json=as_json)
