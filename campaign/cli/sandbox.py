"""campaign sandbox: the stand-in providers by themselves, for trying other programs against them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def sandbox(
    port: Annotated[int, typer.Option("--port", help="HTTP port; chosen by the system if left out.")] = 0,
    smtp_port: Annotated[int, typer.Option("--smtp-port", help="SMTP port; likewise.")] = 0,
    journal: Annotated[Path | None, typer.Option("--journal", help="Keep here what was taken.")] = None,
    faults: Annotated[str, typer.Option("--faults", help="A scenario of faults.")] = "none",
) -> None:
    """Run the stand-ins for SendGrid, SMTP, X, Bluesky and Mastodon until Ctrl-C. They deliver to nobody."""
    from campaign.sandbox import __main__ as process

    arguments = ["--port", str(port), "--smtp-port", str(smtp_port), "--faults", faults]
    if journal is not None:
        arguments += ["--journal", str(journal)]
    sys.argv[1:] = arguments
    raise typer.Exit(process.main())
