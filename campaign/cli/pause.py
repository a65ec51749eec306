"""campaign pause: one step is not to go out for now."""

from __future__ import annotations

from typing import Annotated

import typer

from campaign.cli import stopping
from campaign.cli.options import AsJson


def pause(
    step: Annotated[str, typer.Argument(help="The step.")],
    why: Annotated[str, typer.Option("--why", help="The reason, for the record.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who pauses it, by name.")] = "",
    sandbox: Annotated[bool, typer.Option("--sandbox", help="For `campaign run` without --live.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop one step, now, until `campaign resume STEP`; everything else goes on.

    As `campaign halt` it asks nothing, takes back what a provider holds of the step, and says what had gone before. A
    step that is not to go out at all is ended with `campaign cancel`.
    """
    stopping.stop(step, why=why, by=by, sandbox=sandbox, as_json=as_json)
