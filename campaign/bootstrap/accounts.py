"""The plan's accounts on their networks, each asked who it is: one that lacks its settings hides no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from campaign.bootstrap import channels
from campaign.errors import CampaignError, ChannelUnusable, NotConfigured
from campaign.model.plan import Plan
from campaign.ports.channel import PostChannel, Standing
from campaign.ports.pages import Pages
from campaign.settings import Settings


@dataclass(frozen=True, slots=True)
class Network:
    """A network with the standings of the plan's accounts there; ``channel`` None where none of them can be used."""

    name: str
    standings: Sequence[Standing]
    channel: PostChannel | None = None


@contextmanager
def networks(settings: Settings, plan: Plan) -> Iterator[Sequence[Network]]:
    """Each network that the plan posts on. Raises nothing for an account: its standing says what is wrong."""
    opened: list[Network] = []
    try:
        for name, accounts in channels.accounts_of(plan).items():
            opened.append(_network(settings, name, accounts))
        yield opened
    finally:
        for network in opened:
            if network.channel is not None:
                network.channel.close()


def _network(settings: Settings, name: str, accounts: Sequence[str]) -> Network:
    missing: dict[str, Standing] = {}
    for account in accounts:
        try:
            channels.account(settings, name, account)
        except NotConfigured as error:
            missing[account] = Standing(account, "", wrong=str(error))
    known = [account for account in accounts if account not in missing]
    if not known:
        return Network(name, list(missing.values()))
    try:
        channel = channels.live_posts(settings, name, known)
    except CampaignError as error:
        return Network(name, [missing.get(one) or Standing(one, "", wrong=str(error)) for one in accounts])
    try:
        found: Mapping[str, Standing] = {standing.account: standing for standing in channel.check()}
    except ChannelUnusable as error:
        found = {one: Standing(one, "", wrong=str(error)) for one in known}
    return Network(name, [missing.get(one) or found[one] for one in accounts], channel)


def bluesky_mentions() -> Callable[[str], Sequence[str]]:
    """What finds the handles that a post on Bluesky mentions."""
    from campaign.channels.bluesky_facets import handles

    return handles


def nobody(network: Network, handles: Sequence[str]) -> Sequence[str]:
    """Those of ``handles`` that nobody has on Bluesky. Raises ChannelUnusable where that cannot be found out."""
    from campaign.channels.bluesky import Bluesky

    return network.channel.unresolved(handles) if isinstance(network.channel, Bluesky) else ()


def pages() -> Pages:
    """What looks whether pages answer."""
    from campaign.lookups.pages import WebPages

    return WebPages()
