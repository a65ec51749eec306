"""The networks, for suites that hold every channel for posts to the same: stand-ins, and Bluesky's real server too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from campaign import networks
from campaign.channels.bluesky import Bluesky, BlueskyCredentials
from campaign.channels.mastodon import Mastodon, MastodonCredentials
from campaign.channels.x import X
from campaign.channels.x_login import XCredentials
from campaign.model.batch import PostBatch, PostPart
from campaign.model.delivery import Keys
from campaign.model.media import Media, PartMedia
from campaign.model.outcome import Accepted
from campaign.ports.channel import PostChannel
from campaign.rendering.media_types import told
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox
from tests.real_pds import FaultyProxy, RealPds

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
SECRET = "s3cret-of-national"
TIMEOUT_S = 20.0
OURS = ("x", "bluesky", "mastodon")
ASKED = tuple(os.environ.get("CAMPAIGN_SUITE_NETWORK", "").split())
"""Networks of other packages that the suites are to hold, and nothing else: their packages are installed."""
PDS = [] if ASKED else [pytest.param("pds", marks=pytest.mark.xdist_group("pds"))]
"""The AT Protocol's reference server, for what takes the networks as parameters."""
EXAMPLE = "example"
"""The network of tests/plugin, which is held beside ours."""
ACCOUNTS = {name: {"national": SECRET, "chapter-west": "s3cret-of-west"} for name in (*OURS, EXAMPLE, *ASKED)}
KEYS = Keys(b"the secret of this suite")


def _x(url: str, secret: str, timeout_s: float) -> PostChannel:
    accounts = {"national": secret, "chapter-west": "s3cret-of-west"}
    return X(
        {name: XCredentials("key", "s3cret-of-app", token, "s3cret-of-token") for name, token in accounts.items()},
        base_url=url,
        timeout_s=timeout_s,
    )


def _bluesky(url: str, secret: str, timeout_s: float, handles: str = "example.org") -> PostChannel:
    accounts = {"national": secret, "chapter-west": "s3cret-of-west"}
    return Bluesky(
        {name: BlueskyCredentials(f"{name}.{handles}", password) for name, password in accounts.items()},
        base_url=url,
        timeout_s=timeout_s,
    )


def _mastodon(url: str, secret: str, timeout_s: float) -> PostChannel:
    accounts = {"national": secret, "chapter-west": "s3cret-of-west"}
    return Mastodon(
        {name: MastodonCredentials(token) for name, token in accounts.items()}, base_url=url, timeout_s=timeout_s
    )


def _other(name: str, url: str, secret: str, timeout_s: float) -> PostChannel:
    """A network of another package. How long it waits is its own."""
    if timeout_s != TIMEOUT_S:
        pytest.skip(f"how long {name} waits for a reply cannot be set; its own tests see to it")
    network = networks.get(name)
    accounts = {"national": secret, "chapter-west": "s3cret-of-west"}
    variables = [one.name for one in network.variables]
    return network.open({account: dict.fromkeys(variables, word) for account, word in accounts.items()}, base_url=url)


def make(name: str, url: str, secret: str, timeout_s: float) -> PostChannel:
    return MAKE[name](url, secret, timeout_s) if name in OURS else _other(name, url, secret, timeout_s)


def sandbox_of(name: str, journal: Path | None = None) -> Sandbox:
    """A sandbox in which the network stands, from ``journal`` on."""
    own = None if name in OURS else networks.get(name).stand_in
    if name not in OURS and own is None:
        pytest.fail(f"{name} has no stand_in, and the suites need one")
    return Sandbox(journal, accounts=ACCOUNTS, now=NOW, stand_ins=None if own is None else {name: own})


def too_long(name: str) -> str:
    """A text that the network does not take."""
    return "x" * (501 if name in OURS else networks.get(name).longest + 1)


MAKE: dict[str, Callable[[str, str, float], PostChannel]] = {"x": _x, "bluesky": _bluesky, "mastodon": _mastodon}


@dataclass
class StandIn:
    """A channel and the sandbox that it speaks to."""

    name: str
    sandbox: Sandbox
    channel: PostChannel
    opened: list[PostChannel]

    def taken(self) -> list[dict[str, Any]]:
        return list(self.sandbox.taken(self.name))

    def ask(self, fault: Fault, *, times: int | None = 1, delay_s: float = 0.0) -> None:
        self.sandbox.world.faults.ask(self.name, fault, times=times, delay_s=delay_s)

    def another(self, *, secret: str = SECRET, timeout_s: float = TIMEOUT_S, url: str = "") -> PostChannel:
        """A second channel to the same network, as another process would have it."""
        channel = make(self.name, url or self.sandbox.urls[self.name], secret, timeout_s)
        self.opened.append(channel)
        return channel

    def stop(self) -> None:
        self.sandbox.stop()


class RealNetwork:
    """Bluesky's channel, and the real server that it speaks to through a proxy where faults can be asked for."""

    name = "bluesky"

    def __init__(self, pds: RealPds, proxy: FaultyProxy) -> None:
        self._pds = pds
        self._proxy = proxy
        self.opened: list[PostChannel] = []
        self.channel = self.another()

    def taken(self) -> list[dict[str, Any]]:
        return [
            {
                "account": account,
                "ref": record["uri"],
                "text": record["value"]["text"],
                "reply_to": record["value"].get("reply", {}).get("parent", {}).get("uri"),
                "media": record["value"].get("embed", {}).get("images", []),
            }
            for account in ACCOUNTS["bluesky"]
            for record in self._pds.records(f"{account}.test")
        ]

    def ask(self, fault: Fault, *, times: int | None = 1, delay_s: float = 0.0) -> None:
        self._proxy.faults.ask("bluesky", fault, times=times, delay_s=delay_s)

    def another(self, *, secret: str = SECRET, timeout_s: float = 20.0) -> PostChannel:
        channel = _bluesky(self._proxy.url, secret, timeout_s, "test")
        self.opened.append(channel)
        return channel

    def stop(self) -> None:
        self._proxy.stop()


Network = StandIn | RealNetwork


@contextmanager
def standing_in(name: str) -> Iterator[StandIn]:
    with sandbox_of(name) as sandbox:
        channel = make(name, sandbox.urls[name], SECRET, TIMEOUT_S)
        network = StandIn(name, sandbox, channel, [channel])
        yield network
        for opened in network.opened:
            opened.close()


@contextmanager
def for_real(pds: RealPds) -> Iterator[RealNetwork]:
    for account, password in ACCOUNTS["bluesky"].items():
        pds.account(f"{account}.test", password)
        pds.forget(f"{account}.test")
    proxy = FaultyProxy(pds.url, NOW)
    network = RealNetwork(pds, proxy)
    yield network
    for opened in network.opened:
        opened.close()
    proxy.stop()


def batch(*texts: str, first: int = 0, sent: Sequence[str] = (), wave: int = 7, account: str = "national") -> PostBatch:
    """The parts of a thread from its part ``first`` on."""
    parts = [PostPart(seq, KEYS.key(wave, seq), text) for seq, text in enumerate(texts, start=first)]
    return PostBatch(id=1, account=account, parts=parts, made_at=NOW, sent=tuple(sent), language="en", attempted_at=NOW)


def deliver(channel: PostChannel, posts: PostBatch) -> Sequence[object]:
    return channel.deliver(posts, channel.compose(posts))


def settle(channel: PostChannel, posts: PostBatch) -> Sequence[object]:
    return channel.settle(posts, channel.compose(posts))


def refs(outcomes: Sequence[object]) -> list[str]:
    """The ids of posts that were all accepted."""
    found = [outcome.ref for outcome in outcomes if isinstance(outcome, Accepted) and outcome.ref]
    assert len(found) == len(outcomes), outcomes
    return found


def showing(
    posts: PostBatch, *pictures: bytes, part: int = 0, kind: str = "image/png", alt: str = "A crowd"
) -> PostBatch:
    """The same thread with pictures in its part ``part``; they are described as "A crowd 1" and so on."""
    media = tuple(
        Media(sha256(body).hexdigest(), told(body) or "", len(body), f"A crowd {place}", 64, 48)
        for place, body in enumerate(pictures, start=1)
    )
    parts = [one._replace(shows=PartMedia(media)) if one.seq == part else one for one in posts.parts]
    files = {one.digest: body for one, body in zip(media, pictures, strict=True)}
    return replace(posts, parts=parts, files={**posts.files, **files})
