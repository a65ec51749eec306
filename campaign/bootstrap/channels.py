"""The channels: to the providers, to the stand-ins in the sandbox, or only to read back what was handed over.

Adapters are imported where they are put together: a command that sends nothing loads no provider's SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from campaign import networks as others
from campaign.errors import BadInput, NotConfigured
from campaign.flow import meant, proof
from campaign.model.event import Event, EventKind
from campaign.model.plan import CHANNELS, Plan
from campaign.ports.channel import MailChannel, PostChannel
from campaign.ports.clock import Clock
from campaign.ports.network import StandIn
from campaign.setting_networks import find as find_of_network
from campaign.settings import Settings, XAccount, find_account
from campaign.settings import Smtp as SmtpSettings

if TYPE_CHECKING:
    from campaign.channels.dkim_signing import Signer
    from campaign.sandbox.server import Sandbox

_IN_SANDBOX = "sandbox-credential"
"""What the stand-ins accept: nothing that a provider would."""


def accounts_of(plan: Plan) -> Mapping[str, tuple[str, ...]]:
    """The accounts that the plan posts from, by network."""
    found: dict[str, dict[str, None]] = {}
    for step in plan.steps:
        if step.channel != "email":
            found.setdefault(step.channel, {}).update(dict.fromkeys(step.accounts))
    return {channel: tuple(names) for channel, names in found.items()}


def makers(settings: Settings, plan: Plan) -> Iterator[tuple[str, Callable[[], MailChannel | PostChannel]]]:
    """What makes each channel that the plan uses, by name. Making one raises NotConfigured with all that it lacks."""
    if plan.sender is not None and any(step.channel == "email" for step in plan.steps):
        via = plan.sender.via
        yield via, lambda: _live_mail(settings, via)
    for channel, names in accounts_of(plan).items():
        yield channel, partial(live_posts, settings, channel, names)


def live(
    settings: Settings, plan: Plan, *, clock: Clock
) -> tuple[Mapping[str, MailChannel], Mapping[str, PostChannel]]:
    """The channels that the plan uses. Raises NotConfigured with all that is missing for them, not the first.

    Whoever writes to real networks gets them here: by accounts that are not those whom the plan means, nothing is
    posted and nothing deleted.
    """
    missing: list[str] = []
    made: dict[str, Any] = {}
    for name, make in makers(settings, plan):
        try:
            made[name] = make()
        except NotConfigured as error:
            missing.append(str(error))
    if missing:
        raise NotConfigured("\n".join(missing))
    via = plan.sender.via if plan.sender else ""
    posts = {name: _as_meant(one, plan, clock) for name, one in made.items() if name != via}
    return {via: made[via]} if via in made else {}, posts


def _as_meant(channel: PostChannel, plan: Plan, clock: Clock) -> PostChannel:
    """Where the plan says who the accounts are, the channel works as no others."""
    named = plan.handles.get(channel.name, {})
    used = {account: named[account] for account in accounts_of(plan)[channel.name] if account in named}
    return meant.Meant(channel, used, clock) if used else channel


def _live_mail(settings: Settings, via: str) -> MailChannel:
    if via == "sendgrid":
        from campaign.channels.sendgrid import SendGrid

        if settings.sendgrid.api_key is None:
            raise NotConfigured("CAMPAIGN_SENDGRID__API_KEY is not set; the plan sends its e-mail by SendGrid")
        return SendGrid(api_key=settings.sendgrid.api_key.get_secret_value(), base_url=settings.sendgrid.base_url)
    from campaign.channels.smtp import Smtp

    smtp = settings.smtp
    if smtp.host is None:
        raise NotConfigured("CAMPAIGN_SMTP__HOST is not set; the plan sends its e-mail by SMTP")
    return Smtp(
        host=smtp.host,
        port=smtp.port,
        username=smtp.username or "",
        password=smtp.password.get_secret_value() if smtp.password else "",
        security=smtp.security,
        in_flight=smtp.connections,
        signer=dkim_signer(smtp),
    )


def dkim_signer(smtp: SmtpSettings) -> Signer | None:
    """What signs our e-mail, or None where we do not. Raises NotConfigured where its key cannot be used."""
    if smtp.dkim_domain is None or smtp.dkim_selector is None or smtp.dkim_key_file is None:
        return None
    from campaign.channels.dkim_signing import signer

    return signer(domain=smtp.dkim_domain, selector=smtp.dkim_selector, key_file=smtp.dkim_key_file)


def account(settings: Settings, channel: str, name: str) -> Any:
    """What is set for an account. Raises NotConfigured, with the variables to set, where nothing is, or it is wrong."""
    if channel in CHANNELS:
        return find_account(getattr(settings, channel).accounts, channel, name)
    network = others.get(channel)
    try:
        return find_of_network(settings.network(network), network, name)
    except BadInput as error:
        raise NotConfigured(str(error)) from None


def live_posts(settings: Settings, channel: str, names: Sequence[str]) -> PostChannel:
    known: dict[str, Any] = {}
    missing: list[str] = []
    for name in names:
        try:
            known[name] = account(settings, channel, name)
        except NotConfigured as error:
            missing.append(str(error))
    if missing:
        raise NotConfigured("\n".join(missing))
    if channel == "x":
        return _live_x(settings, known)
    if channel not in CHANNELS:
        network = others.get(channel)
        return network.open(known, base_url=settings.network(network).base_url)
    if channel == "bluesky":
        from campaign.channels.bluesky import Bluesky, BlueskyCredentials

        return Bluesky(
            {
                account: BlueskyCredentials(found.handle, found.app_password.get_secret_value())
                for account, found in known.items()
            },
            base_url=settings.bluesky.base_url,
        )
    from campaign.channels.mastodon import Mastodon, MastodonCredentials

    return Mastodon(
        {
            account: MastodonCredentials(found.access_token.get_secret_value(), found.base_url)
            for account, found in known.items()
        },
        base_url=settings.mastodon.base_url,
    )


def _live_x(settings: Settings, known: Mapping[str, XAccount]) -> PostChannel:
    from campaign.bootstrap.kept_tokens import KeptTokens
    from campaign.channels.x import X
    from campaign.channels.x_login import XCredentials, XLogin
    from campaign.engines.clock import SystemClock

    opened: dict[str, XCredentials | XLogin] = {}
    for account, found in known.items():
        words = {name: word.get_secret_value() for name, word in found if word is not None}
        opened[account] = XLogin(**words) if found.by_oauth_2 else XCredentials(**words)
    now = SystemClock().now
    return X(opened, base_url=settings.x.base_url, tokens=KeptTokens(settings, now=now), now=now)


def sandbox_accounts(plan: Plan) -> Mapping[str, Mapping[str, str]]:
    """The accounts that the stand-ins know: the plan's own, each with the credential that opens it."""
    networks = {
        channel: {name: f"{_IN_SANDBOX}-{name}" for name in names} for channel, names in accounts_of(plan).items()
    }
    return {"sendgrid": {"campaign": _IN_SANDBOX}, **networks}


def stand_ins(plan: Plan) -> Mapping[str, StandIn]:
    """Those that networks of other packages bring for themselves."""
    found = {name: others.get(name).stand_in for name in accounts_of(plan) if name not in CHANNELS}
    return {name: one for name, one in found.items() if one is not None}


def in_sandbox(sandbox: Sandbox, plan: Plan) -> tuple[Mapping[str, MailChannel], Mapping[str, PostChannel]]:
    """The channels themselves, and not stand-ins for them: only where they are told to go differs."""
    from campaign.channels.bluesky import Bluesky, BlueskyCredentials
    from campaign.channels.mastodon import Mastodon, MastodonCredentials
    from campaign.channels.sendgrid import SendGrid
    from campaign.channels.smtp import Smtp
    from campaign.channels.x import X
    from campaign.channels.x_login import XCredentials

    opened = sandbox_accounts(plan)
    posts: dict[str, PostChannel] = {}
    for channel in accounts_of(plan):
        known, url = opened[channel], sandbox.urls.get(channel, "")
        if channel not in CHANNELS:
            posts[channel] = _other_in_sandbox(sandbox, channel, known)
        elif channel == "x":
            posts[channel] = X({name: XCredentials("", "", token, "") for name, token in known.items()}, base_url=url)
        elif channel == "bluesky":
            handles = {name: f"{name}.example.org" for name in known}
            posts[channel] = Bluesky(
                {name: BlueskyCredentials(handles[name], word) for name, word in known.items()}, base_url=url
            )
        else:
            posts[channel] = Mastodon({name: MastodonCredentials(token) for name, token in known.items()}, base_url=url)
    mails: dict[str, MailChannel] = {
        "sendgrid": SendGrid(api_key=_IN_SANDBOX, base_url=sandbox.urls["sendgrid"]),
        "smtp": Smtp(host="127.0.0.1", port=sandbox.smtp_port, security="none"),
    }
    return mails, posts


def _other_in_sandbox(sandbox: Sandbox, name: str, known: Mapping[str, str]) -> PostChannel:
    """A network of another package, with its own stand-in or with the one for any."""
    from campaign.channels.rehearsed import Rehearsed
    from campaign.sandbox.faults import ANY_NETWORK

    network = others.get(name)
    if network.stand_in is not None:
        variables = [one.name for one in network.variables]
        accounts = {account: dict.fromkeys(variables, word) for account, word in known.items()}
        return network.open(accounts, base_url=sandbox.urls[name])
    url = f"{sandbox.urls[ANY_NETWORK]}/{name}"
    return Rehearsed(network.reader(), list(known), url=url, now=sandbox.world.now)


def sandbox_events(sandbox: Sandbox) -> Callable[[], Sequence[Event]]:
    """What SendGrid's stand-in would post to the webhook since it was last asked, and who acted on the action page."""
    from campaign.channels.sendgrid_events import events
    from campaign.sandbox.crowd import acts

    seen = 0

    def since() -> Sequence[Event]:
        nonlocal seen
        found: list[Event] = []
        while True:
            raw, following = sandbox.events(seen)
            if not raw:
                return found
            told = events(raw)
            found += told
            found += [
                replace(one, id=f"{one.id} acted", kind=EventKind.ACTED)
                for one in told
                if one.kind is EventKind.CLICKED and not one.machine and acts(one.key)
            ]
            seen = following

    return since


def received(sandbox: Sandbox) -> Iterator[proof.Received]:
    for one in sandbox.taken():
        mail = one["provider"] in ("sendgrid", "smtp")
        yield proof.Received(
            channel="email" if mail else one["provider"],
            account="" if mail else one["account"],
            key=one.get("key") or "",
            ref=one.get("ref") or "",
            text=one.get("text") or "",
            deleted=bool(one.get("deleted")),
        )


def raw_mail() -> MailChannel:
    """What writes whole messages, headers and all: it has no server and sends nothing."""
    return cast(MailChannel, reader("smtp"))


def reader(provider: str) -> MailChannel | PostChannel:
    """A channel that can only read back what it once handed over: it has no credentials and reaches nobody."""
    if provider == "sendgrid":
        from campaign.channels.sendgrid import SendGrid

        return SendGrid(api_key="")
    if provider == "smtp":
        from campaign.channels.smtp import Smtp

        return Smtp(host="localhost")
    if provider == "x":
        from campaign.channels.x import X

        return X({})
    if provider == "bluesky":
        from campaign.channels.bluesky import Bluesky

        return Bluesky({})
    if provider not in CHANNELS:
        return others.get(provider).reader()
    from campaign.channels.mastodon import Mastodon

    return Mastodon({})
