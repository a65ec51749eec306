"""illustrate: what a post shows beside its text, made for its network: pictures and videos fitted, cards drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from campaign.errors import BadInput, Problem
from campaign.flow import fit_media, letter_cards
from campaign.flow.fit import grapheme_length
from campaign.flow.fit_media import Album, Fitted
from campaign.flow.posting import occurrence
from campaign.model.bundle import Bundle
from campaign.model.media import LinkCard, Media, PartMedia
from campaign.model.message import CardSource, LinkCardSource, MediaSource, PostSource, Source
from campaign.rendering import cards
from campaign.rendering.captions import caption
from campaign.rendering.context import UTM, shared
from campaign.rendering.media_types import VIDEOS, Unfit

_TITLE = 300
_TEXT = 1_000
"""Graphemes of a link card; Bluesky's lexicon has no bound, and shows two lines."""
_URL = 2_000


@dataclass(frozen=True, slots=True)
class Said:
    """Words that are shown or read out beside a post, and the ``line`` of the message's file that asks for them."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Illustrated:
    """What each part shows, from the first to the last that shows something, and the bytes of it by digest."""

    parts: tuple[PartMedia, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    said: tuple[Said, ...] = ()


def illustrate(
    bundle: Bundle,
    *,
    number: int,
    due_at: datetime,
    files: Mapping[str, bytes],
    parts: int | None = None,
    album: Album | None = None,
) -> Illustrated:
    """Make what the post of a step's wave shows. ``files`` are the originals by digest; ``parts`` is the post's number.

    Texts are filled with the same facts as the post's own. Raises BadInput with everything that is wrong.
    """
    source = bundle.message.post_for(bundle.step.channel)
    if source is None or not (source.media or source.link_card):
        return Illustrated()
    return _Illustrator(bundle, source, number, due_at, files, album or Album()).illustrate(parts)


class _Illustrator:
    """One post on one network."""

    def __init__(
        self,
        bundle: Bundle,
        source: PostSource,
        number: int,
        due_at: datetime,
        files: Mapping[str, bytes],
        album: Album,
    ) -> None:
        plan, step = bundle.plan, bundle.step
        self._bundle, self._source, self._files, self._album = bundle, source, files, album
        self._channel = step.channel
        self._takes = fit_media.takes(step.channel)
        self._language = source.language or plan.language
        self._facts: dict[str, Any] = shared(
            plan=plan,
            letter=bundle.letter,
            step=step,
            wave_number=occurrence(step, number),
            due_at=due_at,
            channel=step.channel,
            language=self._language,
        )
        self._problems: list[Problem] = []
        self._made: dict[str, bytes] = {}
        self._said: list[Said] = []

    def illustrate(self, parts: int | None) -> Illustrated:
        first_only = self._bundle.step.thread == "first"
        wanted = [one for one in self._source.media if one.part == 1 or not first_only]
        card = self._source.link_card
        if card is not None and (self._takes.link_image is None or (first_only and card.part > 1)):
            card = None  # the other networks make a card of their own from the page that is linked
        numbers = [*(one.part for one in wanted), *([card.part] if card else [])]
        for line, part in [*((one.line, one.part) for one in wanted), *([(card.line, card.part)] if card else [])]:
            if parts is not None and part > parts:
                have = "one part" if parts == 1 else f"{parts} parts"
                what = f"it is to stand in part {part}, and the post has {have} on {self._takes.name}"
                self._wrong(line, what, "say part: with the number of a part that there is")
        shown: dict[int, list[Media]] = {part: [] for part in numbers}
        for one in wanted:
            made = self._media(one)
            if made is not None:
                shown[one.part].append(made)
        for part, together in shown.items():
            line = next(one.line for one in (*wanted, card) if one is not None and one.part == part)
            for what, remedy in fit_media.problems(together, self._channel):
                self._wrong(line, what, remedy)
            if card is not None and card.part == part and any(one.part == part for one in wanted):
                what = f"{self._takes.name} shows either pictures or a link card, and this part has both"
                self._wrong(card.line, what, "remove one of them, or show it in another part (part: 2)")
        linked = None if card is None else self._link_card(card)
        if self._problems:
            raise BadInput(self._problems)
        made_parts = tuple(
            PartMedia(tuple(shown.get(part, ())), linked if card is not None and card.part == part else None)
            for part in range(1, max(numbers, default=0) + 1)
        )
        return Illustrated(made_parts, self._made, tuple(self._said))

    def _media(self, source: MediaSource, *, link_image: bool = False) -> Media | None:
        """The picture or video with its alternative text; None, with what is wrong noted, where it cannot be made."""
        alt: str | None
        if source.card is not None:
            card = self._card(source, source.card)
            alt = None if card is None else cards.alt_text(card)
            made = None if card is None else self._drawn(source, card, link_image=link_image)
        else:
            alt = self._filled(source.alt)
            made = self._fitted(source, link_image=link_image)
        if alt is None or made is None:
            return None
        if not alt:
            self._wrong(source.line, "the alternative text is empty as it is filled in", "write what the picture shows")
        too_long = fit_media.alt_problem(alt, self._channel, video=made.type in VIDEOS)
        if too_long is not None:
            self._wrong(source.line, too_long, "shorten it: say what matters of it first")
        if source.card is None or source.card.kind == "figure":  # a quotation is the letter's own
            self._said.append(Said(source.line, alt))
        digest = sha256(made.body).hexdigest()
        self._made[digest] = made.body
        return Media(digest, made.type, len(made.body), alt, made.width, made.height, made.seconds)

    def _fitted(self, source: MediaSource, *, link_image: bool) -> Fitted | None:
        try:
            return self._album.fitted(
                (self._channel, link_image, source.digest),
                lambda: fit_media.fitted(self._files[source.digest], self._channel, link_image=link_image),
            )
        except Unfit as unfit:
            self._wrong(source.line, f"{source.file}: {unfit}", unfit.remedy)
            return None

    def _drawn(self, source: MediaSource, card: cards.Card, *, link_image: bool) -> Fitted | None:
        def draw() -> Fitted:
            return fit_media.fitted(cards.draw(card), self._channel, link_image=link_image)

        try:
            return self._album.fitted((self._channel, link_image, card), draw)
        except Unfit as unfit:
            self._wrong(source.line, f"the card: {unfit}", unfit.remedy)
            return None

    def _card(self, source: MediaSource, card: CardSource) -> cards.Card | None:
        text = self._filled(card.text)
        says = "" if card.says is None else self._filled(card.says)
        if text is None or says is None:
            return None
        made = cards.card_of(
            self._bundle.letter,
            kind=card.kind,
            text=text,
            says=says,
            shape=card.shape,
            by=self._bundle.plan.organisation,
            language=self._language,
        )
        wrong = letter_cards.problems(made, self._bundle.letter)
        for what in wrong:
            self._wrong(source.line, f"the card: {what}", "")
        return None if wrong else made

    def _link_card(self, card: LinkCardSource) -> LinkCard | None:
        url, title, text = (self._filled(source) for source in (card.url, card.title, card.text))
        image = None if card.image is None else self._media(card.image, link_image=True)
        if url is None or title is None or text is None:
            return None
        utm = self._facts.get(UTM)
        url = url if utm is None else utm.tagged(url)
        if not _is_address(url):
            self._wrong(card.url.line, "the link card's url is no web address", "write it whole: https://…")
        for name, words, most, source in (("title", title, _TITLE, card.title), ("text", text, _TEXT, card.text)):
            if not words:
                self._wrong(source.line, f"the link card's {name} is empty as it is filled in", "write it")
            elif (count := grapheme_length(words[: 10 * most])) > most:
                self._wrong(source.line, f"the link card's {name} has {count:,} graphemes", f"{most} at most are shown")
            self._said.append(Said(source.line, words))
        return LinkCard(url, title, text, image)

    def _filled(self, source: Source | None) -> str | None:
        """``source`` as it is read; None, with what is wrong noted, where it cannot be filled."""
        if source is None:
            return ""
        try:
            return caption(self._bundle.message, source, self._facts)
        except BadInput as bad:
            self._problems += [replace(problem, where=self._where) for problem in bad.problems]
            return None

    def _wrong(self, line: int, what: str, remedy: str) -> None:
        self._problems.append(Problem(self._source.body.file, line, self._where, what, remedy))

    @property
    def _where(self) -> str:
        return f'step "{self._bundle.step.id}"'


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= _URL and " " not in url
    except ValueError:
        return False
