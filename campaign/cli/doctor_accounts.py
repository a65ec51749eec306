"""What the doctor says of accounts on their networks, and of the posts that they are to make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from campaign.cli import screen
from campaign.cli.doctor_screen import Finding

if TYPE_CHECKING:
    from campaign.bootstrap.accounts import Network
    from campaign.flow.fit_media import Album
    from campaign.flow.posts_ahead import Ahead
    from campaign.model.bundle import Sources
    from campaign.settings import Settings

_SHOWN = 3


def findings(configured: Settings, sources: Sources, album: Album, *, links: bool) -> Iterator[Finding]:
    """Each account, then the posts. One account that cannot be used hides no other."""
    from campaign import networks as others
    from campaign.bootstrap import accounts
    from campaign.engines.clock import SystemClock
    from campaign.flow import posts_ahead
    from campaign.flow.accounts import looked_at

    for what in others.misnamed():
        yield Finding("networks of packages", "warning", what)
    now = SystemClock().now()
    plan = sources.plan
    with accounts.networks(configured, plan) as networks:
        for network in networks:
            handles, longest = plan.handles.get(network.name, {}), plan.longest.get(network.name, {})
            for standing in network.standings:
                meant, characters = handles.get(standing.account, ""), longest.get(standing.account)
                found = looked_at(network.name, standing, meant, now, characters=characters)
                yield Finding(f"{network.name} {standing.account}", found.verdict, found.detail, found)
        posts = posts_ahead.ahead(sources, album)
        if posts:
            yield from _fit(posts, networks)
            yield from _mentions(posts, networks)
    if posts and links:
        yield from _links(posts)


def _fit(posts: Sequence[Ahead], networks: Sequence[Network]) -> Iterator[Finding]:
    """Posts held to the servers of the accounts that make them."""
    from campaign.flow.posts_ahead import unfit

    told = [(network.name, standing) for network in networks for standing in network.standings if not standing.wrong]
    wrong = False
    for name, standing in told:
        found = unfit(posts, name, standing)
        if found:
            wrong = True
            yield Finding(f"posts of {name} {standing.account}", "error", _some(found))
    if told and not wrong:
        counted = screen.counted(len(posts), "post")
        yield Finding("posts", "ok", f"{counted}: what their accounts' servers and tokens allow")


def _mentions(posts: Sequence[Ahead], networks: Sequence[Network]) -> Iterator[Finding]:
    """Whom posts mention on Bluesky and nobody is: their names would stand there as plain text."""
    from campaign.bootstrap import accounts
    from campaign.errors import ChannelUnusable
    from campaign.flow.posts_ahead import mentions

    network = next((one for one in networks if one.name == "bluesky" and one.channel is not None), None)
    if network is None:
        return
    found = mentions(posts, network.name, accounts.bluesky_mentions())
    if not found:
        return
    try:
        nobody = accounts.nobody(network, list(found))
    except ChannelUnusable as error:
        yield Finding("mentions on Bluesky", "warning", str(error))
        return
    for handle in nobody:
        what = f"nobody on Bluesky is @{handle} ({found[handle]}): it would be plain text; mend it"
        yield Finding("mentions on Bluesky", "error", what)
    if not nobody:
        yield Finding(
            "mentions on Bluesky", "ok", f"{screen.counted(len(found), 'account')} that posts mention are there"
        )


def _links(posts: Sequence[Ahead]) -> Iterator[Finding]:
    """Whether the pages answer that posts lead to."""
    from campaign.bootstrap import accounts
    from campaign.flow.posts_ahead import links

    found = links(posts)
    if found.examples:
        hosts = ", ".join(found.examples[:_SHOWN])
        detail = f"posts lead to domains for examples ({hosts}): put your own into the plan, under links"
        yield Finding("links in posts", "error", detail)
    if not found.pages:
        return
    pages = accounts.pages()
    broken = pages.broken(list(found.pages))
    for url, why in broken.items():
        told = f"{url}: {why.what} ({found.pages[url]})"
        yield Finding("links in posts", "warning" if why.uncertain else "error", told)
    asked = min(len(found.pages), pages.most)
    if not broken:
        rest = f"; {len(found.pages) - asked:,} more were not asked for" if len(found.pages) > asked else ""
        yield Finding("links in posts", "ok", f"{screen.counted(asked, 'page')} that posts lead to answer{rest}")


def _some(wrong: Sequence[str]) -> str:
    rest = len(wrong) - _SHOWN
    return ". ".join([*wrong[:_SHOWN], *([f"And {rest:,} more"] if rest > 0 else [])])
