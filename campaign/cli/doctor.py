"""campaign doctor: try settings, accounts, posts and database before the day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import screen
from campaign.cli.doctor_screen import Finding, show
from campaign.cli.options import DEFAULT_PLAN, AsJson, PlanFile

if TYPE_CHECKING:
    from campaign.flow.fit_media import Album
    from campaign.model.bundle import Sources
    from campaign.settings import Settings


def doctor(
    plan: PlanFile = DEFAULT_PLAN,
    nameserver: Annotated[
        str, typer.Option("--nameserver", help="The DNS server to ask, if not this machine's own.", metavar="ADDRESS")
    ] = "",
    links: Annotated[
        bool, typer.Option("--links/--no-links", help="Whether to ask for the pages that posts lead to.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Look at everything a live run needs: settings, database, plan, accounts, posts, and the sender's domain.

    Networks are asked who each account is, what it may do, what is left of its limits and when its token ends; where
    the plan says who it is, another is an error. Posts are held to what an account's own server takes, their links must
    answer, and whom they mention on Bluesky must be there. Of the domain it is SPF, DKIM, DMARC and MX, which Gmail and
    Yahoo want of whoever sends in bulk. Nothing is sent. Exit code 4 if something is wrong.
    """
    findings = list(_findings(plan, nameserver, links=links))
    if as_json:
        screen.print_json(findings)
    else:
        show(findings)
    if any(finding.verdict == "error" for finding in findings):
        raise typer.Exit(4)


def _findings(plan: PlanFile, nameserver: str, *, links: bool) -> Iterator[Finding]:
    from campaign import settings
    from campaign.cli import doctor_accounts
    from campaign.errors import CampaignError
    from campaign.files import campaign as campaign_files
    from campaign.flow.fit_media import Album

    configured: Settings | None = None
    sources: Sources | None = None
    album = Album()
    try:
        configured = settings.load()
        yield Finding("settings", "ok", "every variable can be used as it is")
    except CampaignError as error:
        yield Finding("settings", "error", str(error))
    try:
        sources = campaign_files.load(plan)
        yield _checked(sources, album)
    except CampaignError as error:
        yield Finding("plan", "error", str(error))
    if configured is None:
        return
    yield _try("secret key", lambda: _secret(configured))
    yield _public_url(configured)
    yield _try("database", lambda: _database(configured))
    if sources is not None:
        yield from _mail(configured, sources)
        yield from _sending_domain(configured, sources, nameserver)
        yield from doctor_accounts.findings(configured, sources, album, links=links)


def _try(what: str, look: Callable[[], str]) -> Finding:
    from campaign.errors import CampaignError

    try:
        return Finding(what, "ok", look())
    except CampaignError as error:
        return Finding(what, "error", str(error))


def _checked(sources: Sources, album: Album) -> Finding:
    from campaign.flow import check

    problems = check.campaign(sources, album=album)
    if problems:
        return Finding("plan", "error", f"{screen.tally(problems)}; look at them with: campaign check")
    return Finding("plan", "ok", f"{screen.counted(len(sources.plan.steps), 'step')}, no errors")


def _secret(configured: Settings) -> str:
    configured.secret()
    return "set"


def _public_url(configured: Settings) -> Finding:
    url = configured.public_url
    if not url.startswith("https://"):
        return Finding("public URL", "error", f"{url} must begin with https: mail programs follow no other (RFC 8058)")
    if url.endswith("example.org"):
        return Finding("public URL", "error", "CAMPAIGN_PUBLIC_URL is not set: unsubscribe links would lead nowhere")
    return Finding("public URL", "ok", url)


def _database(configured: Settings) -> str:
    from campaign import bootstrap
    from campaign.storage.supporters import SqlSupporters

    database = bootstrap.open_database(configured)
    try:
        url = database.engine.url.render_as_string(hide_password=True)
        return f"{url}: {screen.counted(SqlSupporters(database).count(), 'supporter')}"
    finally:
        database.close()


def _mail(configured: Settings, sources: Sources) -> Iterator[Finding]:
    """The provider that carries the e-mail."""
    from campaign.bootstrap import channels
    from campaign.errors import CampaignError

    networks = channels.accounts_of(sources.plan)
    for name, make in channels.makers(configured, sources.plan):
        if name in networks:
            continue
        try:
            channel = make()
        except CampaignError as error:
            yield Finding(name, "error", str(error))
            continue
        try:
            for standing in channel.check():
                yield Finding(f"{name} {standing.account}", "ok", f"{standing.who}. {standing.detail}".strip(" ."))
        except CampaignError as error:
            yield Finding(name, "error", str(error))
        finally:
            channel.close()


def _sending_domain(configured: Settings, sources: Sources, nameserver: str) -> Iterator[Finding]:
    """What the DNS says of the domain in From."""
    from campaign.bootstrap import sending
    from campaign.errors import CampaignError
    from campaign.flow import sending_domain

    try:
        found = sending.sending(configured, sources.plan)
        resolver = sending.resolver(nameserver)
    except CampaignError as error:
        yield Finding("sender", "error", str(error))
        return
    if found is None:
        return
    if sending_domain.is_reserved(found.address):
        wrong = f"{found.address} is at a domain for examples: put an address of your own into the plan, under sender"
        yield Finding("sender", "error", wrong)
        if not nameserver:
            return  # what the world's DNS says of an example is of no use to anybody
    for one in sending_domain.look(resolver, found):
        yield Finding(one.what, one.verdict, one.detail)
