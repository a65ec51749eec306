"""campaign web: the pages behind the links in e-mail, and the webhook to which SendGrid posts what became of it."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from ipaddress import ip_address
from typing import Annotated

import typer

from campaign.cli import screen


def web(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="The port; 0 lets the system choose.")] = 8018,
    apply: Annotated[
        bool, typer.Option("--apply/--no-apply", help="Apply the events that come, or leave that to others.")
    ] = True,
) -> None:
    """Serve the unsubscribe pages and the webhooks, until Ctrl-C.

    It speaks plain HTTP, on this machine alone: put a web server with TLS before it, which passes on /u/,
    /webhooks/ and /hooks/ of CAMPAIGN_PUBLIC_URL. See docs/running-the-web.md. Events are applied as they come,
    also while nothing is being sent.
    """
    from campaign import settings
    from campaign.bootstrap import web as parts
    from campaign.engines.clock import SystemClock
    from campaign.web import actions, app, unsubscribe, webhooks
    from campaign.web.applier import Applier
    from campaign.web.server import listen, server

    told = _log()
    configured = settings.load()
    with parts.web(configured, clock=SystemClock(), tell=told.info) as desk, listen(_address(host), port) as listening:
        applier = Applier(desk.feedback, told.info) if apply else None
        hook = webhooks.SendGridHook(
            inbox=desk.inbox,
            signatures=desk.signatures,
            clock=desk.clock,
            tell=told.info,
            wake=applier.wake if applier else lambda: None,
        )
        acted = actions.ActionsHook(desk.actions, desk.actions_secret, desk.clock, told.info)
        served = app.create(
            [*webhooks.routes(hook), *actions.routes(acted), *unsubscribe.routes(desk.doors, desk.clock)],
            revision=desk.database.revision,
            tell=told.info,
        )
        at = listening.getsockname()
        screen.out.print(
            f"Listening on http://{host}:{at[1]} for {configured.public_url}; Ctrl-C ends it.", soft_wrap=True
        )
        screen.out.file.flush()
        if desk.signatures is None:
            screen.say("Refused for now: ", f"events. {webhooks.NO_KEY}.", style="yellow")
        with applier or nullcontext():
            server(served).run(sockets=[listening])


def _address(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(host))
    except ValueError:
        raise typer.BadParameter("give an IP address, such as 127.0.0.1", param_hint="--host") from None


def _log() -> logging.Logger:
    """One line for each request and for what was applied, on stderr; a service manager adds the rest."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    told = logging.getLogger("campaign.web")
    told.setLevel(logging.INFO)
    told.addHandler(handler)
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    return told
