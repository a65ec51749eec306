"""campaign sandbox: the stand-in providers by themselves, for trying other programs against them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

import typer


def sandbox(
    port: Annotated[int, typer.Option("--port", help="HTTP port; chosen by the system if left out.")] = 0,
    smtp_port: Annotated[int, typer.Option("--smtp-port", help="SMTP port; likewise.")] = 0,
    journal: Annotated[Path | None, typer.Option("--journal", help="Keep here what was taken.")] = None,
    faults: Annotated[str, typer.Option("--faults", help="A scenario of faults.")] = "none",
    sendgrid_key: Annotated[
        str, typer.Option("--sendgrid-key", help="The API key that SendGrid's stand-in accepts.")
    ] = "",
    webhook: Annotated[
        str, typer.Option("--webhook", help="Post what becomes of e-mail to this address, signed as SendGrid signs.")
    ] = "",
    webhook_key: Annotated[
        Path | None, typer.Option("--webhook-key", help="Keep the signing key in this file; else each start makes one.")
    ] = None,
) -> None:
    """Run the stand-ins for SendGrid, SMTP, X, Bluesky and Mastodon until Ctrl-C. They deliver to nobody.

    With --webhook the whole loop can be tried before the day, `campaign web` and all: docs/running-the-web.md.
    """
    from campaign.sandbox import __main__ as process

    arguments = ["--port", str(port), "--smtp-port", str(smtp_port), "--faults", faults]
    for option, value in (("--journal", journal), ("--webhook", webhook), ("--webhook-key", webhook_key)):
        if value:
            arguments += [option, str(value)]
    with NamedTemporaryFile("w", suffix=".json") as accounts:
        if sendgrid_key:
            json.dump({"sendgrid": {"campaign": sendgrid_key}}, accounts)
            accounts.flush()
            arguments += ["--accounts", accounts.name]
        sys.argv[1:] = arguments
        raise typer.Exit(process.main())
