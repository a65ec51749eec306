"""Does a post fit its network? Each network counts in its own way; the answer says by how much it does not.

X counts weighted characters by twitter-text, configuration 3 (https://docs.x.com/fundamentals/counting-characters).
Bluesky counts graphemes and UTF-8 bytes (lexicon app.bsky.feed.post: maxGraphemes 300, maxLength 3000). Mastodon
counts graphemes, with every URL as 23 and a mention without its server (status_length_validator.rb, account.rb); 500
is what a server takes unless it says otherwise at /api/v2/instance, and the plan says so too (``longest``). What is
counted here is never less than what the network counts; docs/posts.md tells where it can be more.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from campaign import networks
from campaign.model.plan import CHANNELS, Plan, Step
from campaign.rendering.links import places_in
from campaign.rendering.splitting import Room

X_CHARACTERS = 280
BLUESKY_GRAPHEMES = 300
BLUESKY_BYTES = 3_000
MASTODON_CHARACTERS = 500
URL_LENGTH = 23
"""What X and Mastodon count for any URL, however long it is."""

BLUESKY_LABELS = frozenset({"sexual", "nudity", "porn", "graphic-media"})
"""The content warnings that Bluesky has (lexicon com.atproto.label.defs); it takes no text for one."""

TOO_MANY = "too many"
"""How the answer ends where the text is too long."""

_PARSED_AT_MOST = 5_000
"""Longer texts are not parsed: no network takes them, and the parsers' time grows with the square of the text."""

_ENDLESS = re.compile(r"(?:[^\s./@]+\.){50}")
"""Fifty labels and more: no domain name that anybody writes, and twitter-text's patterns take seconds over it."""

_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff]")
"""Control characters, and halves of characters: no network shows them, and half a character cannot even be sent."""

_REFUSED_BY_X = re.compile("[\ufeff\ufffe\uffff]")

_MENTION = re.compile(
    r"(?<![=/\w])(?>@([A-Za-z0-9_]+(?:[.-]+[A-Za-z0-9_]+)*)@\w+(?:[.:-]+\w+)*)(?![@＠]|://)"  # noqa: RUF001 - both signs
)
"""Mastodon's own pattern for a mention with a server: Account::MENTION_RE, and what may not follow it."""

_EMOJI_AT = re.compile(r"[0-9#*]?[^\x00-\x7f]+")
"""Where an emoji can stand: its pattern, of thousands of sequences, is not tried on every letter."""


def longest(plan: Plan, step: Step) -> int | None:
    """The longest post that each of the step's accounts takes, by the plan; None where it says nothing of them: then it
    is their network's usual one."""
    said = plan.longest.get(step.channel, {})
    if not any(account in said for account in step.accounts):
        return None
    return min(said.get(account, MASTODON_CHARACTERS) for account in step.accounts)


def fits(
    text: str, channel: str, *, warning: str = "", characters: int | None = None, url_length: int = URL_LENGTH
) -> str | None:
    """None where ``text`` fits ``channel``, else what is wrong, with the numbers.

    ``warning`` is the content warning, which counts on Mastodon alone. ``characters`` is the longest post that the
    server takes, where it is not its network's usual one, and ``url_length`` what a server of Mastodon counts for a
    URL, 0 where it counts all of it. ValueError where the channel posts nothing. A network of
    another package raises NotConfigured where it cannot be used, BadInput where it fails at this text.
    """
    if channel in CHANNELS and channel not in _COUNTED:
        raise ValueError(f'"{channel}" is not a network that posts are fitted to')
    kept = len(text) + len(warning) <= _PARSED_AT_MOST  # eight thousand posts, and not eight thousand books
    return (_fits if kept else _fits.__wrapped__)(text, channel, warning, characters, url_length)


@lru_cache(maxsize=8192)
def _fits(text: str, channel: str, warning: str, characters: int | None, url_length: int) -> str | None:
    if not text.strip():
        return "the text is empty"
    odd = _NO_TEXT.search(text) or (_REFUSED_BY_X.search(text) if channel == "x" else None)
    if odd is not None:
        whose = " that X refuses" if _REFUSED_BY_X.match(odd[0]) else " that nobody can read"
        return f"the text holds a character{whose} (U+{ord(odd[0]):04X})"
    if len(text) <= _PARSED_AT_MOST and _ENDLESS.search(text):
        return "a word of the text holds fifty dots or more"
    other = None if channel in _COUNTED else networks.get(channel)
    if other is not None and (found := other.fits(text, warning=warning)):
        return found
    there = room(channel, warning=warning, characters=characters, url_length=url_length)
    taken = room(channel, characters=characters).most[0] - there.most[0]  # by the content warning
    title = channel.title() if other is None else other.title
    counted = _COUNTED.get(channel, ("characters",))
    for count, most, what in zip(there.counts(text), there.most, counted, strict=True):
        if count > most:
            return _over(title, count + taken, most + taken, what, warned=taken > 0)
    return None


def room(channel: str, *, warning: str = "", characters: int | None = None, url_length: int = URL_LENGTH) -> Room:
    """How ``channel`` counts a text, and how much of that it takes; for splitting a text that is longer."""
    match channel:
        case "x":
            return Room(lambda text: (weighted_length(text),), (characters or X_CHARACTERS,))
        case "bluesky":
            both = (characters or BLUESKY_GRAPHEMES, BLUESKY_BYTES)
            return Room(lambda text: (grapheme_length(text), len(text.encode("utf-8", "surrogatepass"))), both)
        case "mastodon":
            most = (characters or MASTODON_CHARACTERS) - _length(warning, grapheme_length)
            return Room(lambda text: (mastodon_length(text, url_length),), (most,))
        case "email":
            raise ValueError(f'"{channel}" is not a network that posts are fitted to')
        case _:
            network = networks.get(channel)
            warned = network.length("x", warning=warning) - network.length("x") if warning else 0
            return Room(lambda text: (network.length(text),), ((characters or network.longest) - warned,))


def length(text: str, channel: str) -> int:
    """How long ``channel`` takes ``text`` to be, in what it counts first."""
    return room(channel).counts(text)[0]


def weighted_length(text: str) -> int:
    """X's weighted length of ``text``, in characters of which a CJK character or an emoji counts two.

    That of twitter-text, less than which it never is, and more in one case: the library does not know the newest
    top-level domains, so an address with its scheme counts 23 at least. Texts over 5,000 characters are not parsed:
    their length is the number of their characters.
    """
    return _length(text, _weighted)


def grapheme_length(text: str) -> int:
    """The number of user-perceived characters (Unicode Standard Annex 29) in ``text``."""
    count: int = _grapheme().length(text)
    return count


def mastodon_length(text: str, url_length: int = URL_LENGTH) -> int:
    """What Mastodon counts for ``text``. Texts over 5,000 characters are not parsed, as above.

    Servers that say 0 for ``url_length`` (Pleroma, Sharkey, Ktistec) count what stands there, mentions too.
    """
    if url_length == 0:
        return _length(text, grapheme_length)
    return _length(text, lambda parsed: _mastodon(parsed, url_length))


def _length(text: str, count: Callable[[str], int]) -> int:
    return len(text) if len(text) > _PARSED_AT_MOST else count(text)


@lru_cache(maxsize=8192)
def _weighted(text: str) -> int:
    text = re.sub(r"\r\n?", "\n", unicodedata.normalize("NFC", text))
    library, rules = _twitter_text(), _rules()
    whole = [(*url["indices"], URL_LENGTH * rules["scale"]) for url in _urls(text, bare=True)]
    known = {start for start, _, _ in whole}
    for run in _EMOJI_AT.finditer(text):
        for emoji in library.extract_emojis_with_indices(run[0]):
            start, end = (run.start() + index for index in emoji["indices"])
            whole.append((start, end, rules["default_weight"]))
    total, at = 0, 0
    for start, end, weight in sorted(whole, key=lambda one: one[0]):  # stable: URLs come before emoji
        if start >= at:
            total += _plain(text[at:start]) + weight
            at = end
    total += _plain(text[at:])
    for start, end in places_in(text):
        if start not in known:
            total += max(0, URL_LENGTH * rules["scale"] - _plain(text[start:end]))
    length: int = total // rules["scale"]
    return length


def _plain(text: str) -> int:
    """What ``text`` weighs without URLs and emoji, in hundredths."""
    rules = _rules()
    heavy = sum(not any(span["start"] <= ord(one) <= span["end"] for span in rules["ranges"]) for one in text)
    light: int = rules["ranges"][0]["weight"]
    weight: int = light * (len(text) - heavy) + rules["default_weight"] * heavy
    return weight


@lru_cache(maxsize=8192)
def _mastodon(text: str, url_length: int) -> int:
    pieces = []
    end = 0
    for url in _urls(text, bare=False):
        start, stop = url["indices"]
        pieces += [text[end:start], "x" * url_length]
        end = stop
    pieces.append(text[end:])
    return grapheme_length(_MENTION.sub(r"@\1", "".join(pieces)))


def _urls(text: str, *, bare: bool) -> list[dict[str, Any]]:
    """The URLs that twitter-text finds, also without a scheme where ``bare``."""
    found: list[dict[str, Any]] = _twitter_text().extract_urls_with_indices(text, extract_urls_without_protocol=bare)
    return found


def _over(network: str, count: int, most: int, what: str, *, warned: bool) -> str:
    what += " with the content warning" if warned else ""
    return f"{network} counts {count:,} {what} and takes {most:,}: {count - most:,} {TOO_MANY}"


_COUNTED: dict[str, tuple[str, ...]] = {
    "x": ("weighted characters",),
    "bluesky": ("graphemes", "UTF-8 bytes"),
    "mastodon": ("characters",),
}


@cache
def _twitter_text() -> Any:
    import twitter_text  # noqa: PLC0415 - a quarter of a second of pattern compiling that most commands never need

    return twitter_text


@cache
def _rules() -> dict[str, Any]:
    """Configuration 3 of twitter-text: the weights of ranges of code points."""
    from twitter_text.config import config  # noqa: PLC0415 - as above

    rules: dict[str, Any] = config["version3"]
    return rules


@cache
def _grapheme() -> Any:
    import grapheme  # noqa: PLC0415 - reads its tables when imported

    return grapheme
