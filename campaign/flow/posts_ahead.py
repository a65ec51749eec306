"""posts_ahead: the plan's posts held to what only their networks know: what an account's own server takes, which links
answer, and who is there to be mentioned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from campaign.errors import BadInput
from campaign.flow.fit import URL_LENGTH, fits
from campaign.flow.fit_media import Album
from campaign.flow.illustrate import illustrate
from campaign.flow.posting import posting
from campaign.flow.sending_domain import is_reserved
from campaign.model.bundle import Sources
from campaign.model.media import Media, PartMedia
from campaign.model.plan import Step
from campaign.ports.channel import MAY_SHOW, Standing
from campaign.rendering.links import addresses_in
from campaign.rendering.media_types import VIDEOS


@dataclass(frozen=True, slots=True)
class Ahead:
    """One wave's post as its network would get it. ``shows`` is what its parts show, as far as they show anything."""

    step: Step
    number: int
    file: str
    warning: str
    parts: tuple[str, ...]
    shows: tuple[PartMedia, ...]

    def place(self, part: int) -> str:
        """Where it is, for people; ``part`` counts from 1."""
        return f"{self.step.id}, part {part}" if len(self.parts) > 1 else self.step.id


def ahead(sources: Sources, album: Album | None = None) -> Sequence[Ahead]:
    """Every post of the plan, rendered. What cannot be is left out: ``check`` says why.

    What was drawn and fitted before is taken from ``album``.
    """
    found = []
    album = album or Album()
    for step in sources.plan.steps:
        bundle = sources.bundle(step)
        source = None if step.channel == "email" else bundle.message.post_for(step.channel)
        for wave in sources.waves[step.id] if source is not None else ():
            try:
                made = posting(bundle, number=wave.number, due_at=wave.due_at)
                shown = illustrate(
                    bundle,
                    number=wave.number,
                    due_at=wave.due_at,
                    files=sources.media,
                    parts=len(made.parts),
                    album=album,
                )
            except BadInput:
                continue
            written = made.source
            found.append(Ahead(step, wave.number, written.body.file, written.warning, made.parts, shown.parts))
    return found


# ── what an account's own server takes ──


def unfit(posts: Sequence[Ahead], channel: str, standing: Standing) -> list[str]:
    """What of the account's posts its server does not take, or its token may not show; each once."""
    found: dict[str, None] = {}
    for post in posts:
        if post.step.channel == channel and standing.account in post.step.accounts:
            found.update(dict.fromkeys(_unfit(post, standing)))
    return list(found)


def _unfit(post: Ahead, standing: Standing) -> Iterator[str]:
    takes = standing.takes
    if takes is not None and (takes.characters or takes.url_length is not None):
        for number, part in enumerate(post.parts, start=1):
            wrong = fits(
                part,
                post.step.channel,
                warning=post.warning,
                characters=takes.characters,
                url_length=URL_LENGTH if takes.url_length is None else takes.url_length,
            )
            if wrong is not None:
                yield f"{post.place(number)}: {wrong}; shorten {post.file}"
    for number, shown in enumerate(post.shows, start=1):
        if shown.media and standing.may and MAY_SHOW not in standing.may:
            yield f"{post.place(number)}: its token may not {MAY_SHOW}; give it that permission"
        for wrong in _too_much(shown.media, standing):
            yield f"{post.place(number)}: {wrong}"


def _too_much(media: Sequence[Media], standing: Standing) -> Iterator[str]:
    takes = standing.takes
    if takes is None:
        return
    if takes.attachments and len(media) > takes.attachments:
        yield f"its server takes {takes.attachments} pictures in a post, and these are {len(media)}"
    for one in media:
        what = "video" if one.type in VIDEOS else "picture"
        size, pixels = (
            (takes.video_bytes, takes.video_pixels) if one.type in VIDEOS else (takes.image_bytes, takes.image_pixels)
        )
        if takes.types and one.type not in takes.types:
            yield f"its server takes no {one.type}"
        if size and one.size > size:
            yield f"the {what} has {one.size / 1e6:,.1f} MB, and its server takes {size / 1e6:,.1f} MB"
        if pixels and one.width * one.height > pixels:
            yield f"the {what} is {one.width} x {one.height} pixels, and its server takes {pixels:,} in all"
        if takes.alt and len(one.alt) > takes.alt:
            yield f"an alternative text has {len(one.alt):,} characters, and its server takes {takes.alt:,}"


# ── links and mentions ──


@dataclass(frozen=True, slots=True)
class Links:
    """``pages`` are the web addresses of posts, each with a post that has it; ``examples`` the hosts among them that
    are for examples, and no page of anybody's."""

    pages: Mapping[str, str]
    examples: tuple[str, ...]


def links(posts: Sequence[Ahead]) -> Links:
    """The addresses that the posts lead to, each once however it is tagged."""
    pages: dict[str, str] = {}
    examples: dict[str, None] = {}
    seen: set[str] = set()
    for post in posts:
        for number, part in enumerate(post.parts, start=1):
            card = post.shows[number - 1].link_card if number <= len(post.shows) else None
            for url in [*addresses_in(part), *([card.url] if card else [])]:
                plain, host = _untagged(url)
                if plain in seen or not host:
                    continue
                seen.add(plain)
                if is_reserved(host):
                    examples[host] = None
                else:
                    pages[url] = post.place(number)
    return Links(pages, tuple(examples))


def _untagged(url: str) -> tuple[str, str]:
    """``url`` without the tags that say where somebody came from, and its host; "" where it cannot be read."""
    try:
        parts = urlsplit(url)
        kept = [
            (name, value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
            if not name.startswith("utm_")
        ]
        return parts._replace(query=urlencode(kept), fragment="").geturl(), (parts.hostname or "").lower()
    except ValueError:
        return url, ""


def mentions(posts: Sequence[Ahead], channel: str, mentioned: Callable[[str], Sequence[str]]) -> Mapping[str, str]:
    """Whom the channel's posts mention, each with a post that does; ``mentioned`` finds them in a text."""
    found: dict[str, str] = {}
    for post in posts:
        if post.step.channel == channel:
            for number, part in enumerate(post.parts, start=1):
                for handle in mentioned(part):
                    found.setdefault(handle, post.place(number))
    return found
