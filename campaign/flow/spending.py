"""spending: what the plan's posts cost, by the prices in the settings, and whether the budget bears it.

A network that charges for posts charges more for one with a link. Where that is X, a link is what X makes one of, by
twitter-text: ``example.org`` is one without ``https://`` too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from campaign.errors import BadInput, Problem
from campaign.flow.posting import Posting, posting
from campaign.model.bundle import Bundle, Sources
from campaign.model.price import Prices, in_usd

_VARIES = re.compile(r"\b(?:step|days_since_launch)\b")
"""What a post says that is not the same whenever it is posted. Links differ by step in their tags, and are links."""
_INCLUDES = re.compile(r"\{%[+-]?\s*(?:include|import|from|extends)\b")
_DOTTED = re.compile(r"\w\.\w")
"""No link is without a dot between two letters or digits, of whatever alphabet."""
_SURELY = re.compile(r"(?<!\S)https://(?:[a-z0-9]+\.)+(?:com|edu|gov|net|org)(?=[/?]|\s|$)")
_PARSED_AT_MOST = 5_000
"""Longer texts are not parsed: no network that charges takes them."""


@dataclass(frozen=True, slots=True)
class Cost:
    """In micro-USD, with what it is for. ``readings`` is what reading the figures of these posts back costs, which is
    counted when they are read and not before."""

    posts: int = 0
    with_url: int = 0
    media: int = 0
    micro_usd: int = 0
    readings: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.posts + other.posts,
            self.with_url + other.with_url,
            self.media + other.media,
            self.micro_usd + other.micro_usd,
            self.readings + other.readings,
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a step costs: ``waves`` by name. ``why_not`` where its message cannot be rendered, so that nobody knows."""

    step: str
    channel: str
    waves: Mapping[str, Cost]
    why_not: str = ""

    def total(self, *, without: Collection[str] = ()) -> Cost:
        """All its waves together, but for those of these names."""
        return _sum(cost for name, cost in self.waves.items() if name not in without)


def of(made: Posting, *, accounts: int, prices: Prices, readings: int = 0) -> Cost:
    """What a post costs from so many accounts, each part of its thread, its figures read ``readings`` times."""
    each = len(made.parts)
    linked = sum(holds_url(part) for part in made.parts)
    media = sum(one.part <= each for one in made.source.media)
    alone = (each - linked) * prices.post + linked * prices.post_with_url + media * prices.media
    return Cost(
        posts=each * accounts,
        with_url=linked * accounts,
        media=media * accounts,
        micro_usd=alone * accounts,
        readings=each * accounts * readings * prices.own_read,
    )


def forecast(sources: Sources, prices: Mapping[str, Prices], *, readings: int) -> Sequence[Forecast]:
    """The steps of the plan that cost something, in its order. ``readings``: how often a post's figures are read."""
    found = []
    known: dict[tuple[str, str, str], Posting] = {}
    for step in sources.plan.steps:
        charged = prices.get(step.channel)
        if charged is None:
            continue
        bundle, why_not = sources.bundle(step), ""
        try:
            waves = dict(_waves(sources, bundle, charged, readings, known))
        except (BadInput, ValueError) as error:
            waves, why_not = {}, str(error).partition("\n")[0]
        found.append(Forecast(step.id, step.channel, waves, why_not))
    return found


def _waves(
    sources: Sources, bundle: Bundle, prices: Prices, readings: int, known: dict[tuple[str, str, str], Posting]
) -> Iterator[tuple[str, Cost]]:
    """``known`` are posts that were rendered already: what says the same in each step is rendered for the first."""
    step = bundle.step
    alike = not any(_VARIES.search(text) for text in _texts(bundle))
    key = (bundle.message.name, step.channel, step.thread)
    for wave in sources.waves[step.id]:
        made = known.get(key) if alike else None
        if made is None:
            made = posting(bundle, number=wave.number, due_at=wave.due_at)
        if alike:
            known[key] = made
        yield wave.name, of(made, accounts=len(step.accounts), prices=prices, readings=readings)


def _texts(bundle: Bundle) -> Iterator[str]:
    post = bundle.message.post_for(bundle.step.channel)
    if post is None:
        return
    yield post.body.text
    if _INCLUDES.search(post.body.text):
        yield from (source.text for source in bundle.message.shared.values())


def total(forecasts: Sequence[Forecast], channel: str, *, without: Collection[str] = ()) -> Cost:
    """What is still to come on ``channel``: all waves but those of these names."""
    return _sum(one.total(without=without) for one in forecasts if one.channel == channel)


def over_budget(
    sources: Sources,
    forecasts: Sequence[Forecast],
    budgets: Mapping[str, int],
    *,
    spent: Mapping[str, int] | None = None,
    without: Collection[str] = (),
) -> list[Problem]:
    """A warning for each network whose budget does not bear what the plan still has for it.

    ``spent`` is what its posts have cost, or have reserved, until now; ``without`` are the waves that are in it.
    """
    found = []
    for channel, budget in budgets.items():
        cost = total(forecasts, channel, without=without)
        so_far = (spent or {}).get(channel, 0)
        if so_far + cost.micro_usd + cost.readings <= budget:
            continue
        before = f" after {in_usd(so_far)} until now" if so_far else ""
        reads = f" and {in_usd(cost.readings)} for reading their figures" if cost.readings else ""
        found.append(
            Problem(
                file=str(sources.plan.path),
                line=0,
                where=f'channel "{channel}"',
                what=f"its posts cost {in_usd(cost.micro_usd)}{reads}{before}, and the budget is {in_usd(budget)}",
                remedy=(
                    f"raise {variable(channel)}, or post fewer links; what comes once it is spent is held for a person"
                ),
                severity="warning",
            )
        )
    return found


def variable(channel: str) -> str:
    """The setting that holds the budget of ``channel``."""
    return f"CAMPAIGN_{channel.upper()}__BUDGET_USD"


def holds_url(text: str) -> bool:
    """True where X would make a link of something in ``text``."""
    if len(text) > _PARSED_AT_MOST or not _DOTTED.search(text):
        return False
    # To load what parses posts takes a quarter of a second, and most links leave no doubt.
    return bool(_SURELY.search(text) or _twitter_text().extract_urls(text))


def _twitter_text() -> Any:
    import twitter_text  # noqa: PLC0415 - a quarter of a second of pattern compiling that most commands never need

    return twitter_text


def _sum(costs: Iterator[Cost]) -> Cost:
    return sum(costs, Cost())
