"""What the benchmarks of posts share: threads on three networks, the channels, and the desk they are sent at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from campaign.channels.bluesky import Bluesky, BlueskyCredentials
from campaign.channels.mastodon import Mastodon, MastodonCredentials
from campaign.channels.x import X
from campaign.channels.x_login import XCredentials
from campaign.files import campaign as campaign_files
from campaign.flow import approve
from campaign.flow.desk import Desk
from campaign.model.bundle import Sources
from campaign.model.delivery import Keys
from campaign.model.message import Message, PostSource, Source
from campaign.model.plan import CHANNELS, Absolute, Channel, Late, Step
from campaign.model.wave import PlannedWave
from campaign.ports.channel import PostChannel
from campaign.ports.clock import Clock
from campaign.storage.ledger import SqlLedger

NETWORKS = tuple(channel for channel in CHANNELS if channel != "email")

Accounts = Mapping[Channel, Sequence[str]]


def accounts(number: int) -> Accounts:
    """So many accounts, evenly over the networks."""
    return {
        network: [f"chapter{n}" for n in range(number) if n % len(NETWORKS) == place]
        for place, network in enumerate(NETWORKS)
    }


def words(named: Accounts) -> Mapping[str, Mapping[str, str]]:
    """What opens each account at the stand-ins."""
    return {network: {name: f"{network}-{name}" for name in names} for network, names in named.items()}


def sources(named: Accounts, instants: Sequence[datetime], *, parts: int) -> Sources:
    """A plan by which every account posts a thread of so many ``parts`` at each of ``instants``."""
    whole = campaign_files.load(Path("schedules.yaml"))
    steps, messages, waves = [], {}, {}
    for number, instant in enumerate(instants):
        for network, names in named.items():
            name = f"{network}-{number}"
            texts = [f"Hello {number}, part {part}, on {network}: {{{{ links.letter }}}}" for part in range(parts)]
            body = Source(f"{name}.md", "\n---\n".join(texts))
            messages[name] = Message(name, "post", posts={"": PostSource("", body)})
            waves[name] = (PlannedWave(name, 1, instant),)
            steps.append(
                Step(
                    id=name,
                    channel=network,
                    message=name,
                    at=Absolute(instant, "in a moment"),
                    late=Late(timedelta(hours=9), "send"),
                    line=1,
                    accounts=tuple(names),
                )
            )
    return replace(whole, plan=replace(whole.plan, steps=tuple(steps)), messages=messages, waves=waves)


def channels(named: Accounts, urls: Mapping[str, str]) -> Mapping[str, PostChannel]:
    known = words(named)
    return {
        "x": X(
            {name: XCredentials("key", "secret", word, "secret") for name, word in known["x"].items()},
            base_url=urls["x"],
        ),
        "bluesky": Bluesky(
            {name: BlueskyCredentials(f"{name}.example.org", word) for name, word in known["bluesky"].items()},
            base_url=urls["bluesky"],
        ),
        "mastodon": Mastodon(
            {name: MastodonCredentials(word) for name, word in known["mastodon"].items()}, base_url=urls["mastodon"]
        ),
    }


def desk(
    made: Sources, ledger: SqlLedger, posts: Mapping[str, PostChannel], clock: Clock, *, owner: str = "bench"
) -> Desk:
    """A desk for ``made``, of which each step is approved that is not yet: a program may be killed in between."""
    approved = ledger.approvals()
    missing = [step for step in made.plan.steps if step.id not in approved]
    approve.approve(made, ledger, steps=missing, by="bench", at=clock.now())
    digests = {step: manifest.digest for step, manifest in approve.manifests(made).items()}
    return Desk(
        ledger=ledger,
        mails={},
        posts=posts,
        clock=clock,
        keys=Keys(b"a secret for benchmarks"),
        public_url="https://campaign.example.org",
        owner=owner,
        digests=lambda: digests,
    )
