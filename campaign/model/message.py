"""Messages as written under messages/: sources, before anything is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Source:
    """One template as written. ``line`` is the file's line on which ``text`` begins, so errors name the file's."""

    file: str
    text: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class MailSource:
    """An e-mail in one language. ``html`` may be MJML (``mjml`` True). ``text`` is None where nobody wrote a text part:
    it is made from the HTML part then. ``facts`` are figures and dates declared in its front matter, value to source.
    """

    language: str
    subject: Source
    preheader: Source
    html: Source
    text: Source | None
    mjml: bool
    facts: Mapping[str, str] = field(default_factory=dict)


Shape = Literal["wide", "square", "tall"]
"""Of a card: 1,200 x 675, 1,080 x 1,080 or 1,080 x 1,350 pixels."""


@dataclass(frozen=True, slots=True)
class CardSource:
    """A picture to be made from the letter: words of it, or a figure with what it counts (``says``). Both are
    templates; the alternative text is written from the same data."""

    kind: Literal["quotation", "figure"]
    text: Source
    says: Source | None = None
    shape: Shape = "wide"


@dataclass(frozen=True, slots=True)
class MediaSource:
    """One picture or video of a post, as its front matter asks for it: a ``file``, or a ``card`` to be made.

    ``file`` is its path under messages/, ``digest`` the SHA-256 of its bytes in hex. ``alt`` is a template; a card
    writes its own. ``part`` is the part of the thread that shows it, from 1; ``line`` where the front matter asks.
    """

    line: int
    part: int = 1
    alt: Source | None = None
    file: str = ""
    digest: str = ""
    card: CardSource | None = None


@dataclass(frozen=True, slots=True)
class LinkCardSource:
    """What a link is shown as, on networks that leave that to whoever posts it. ``url``, ``title`` and ``text`` are
    templates."""

    line: int
    url: Source
    title: Source
    text: Source
    image: MediaSource | None = None
    part: int = 1


@dataclass(frozen=True, slots=True)
class PostSource:
    """A post for one network, or for all (``channel`` is ""). Thread parts are divided by a line of ``---``.

    ``split`` divides what is longer than its network takes at the ends of sentences; ``numbered`` ends each part of a
    thread with its number.
    """

    channel: str
    body: Source
    language: str = ""
    warning: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    split: bool = False
    numbered: bool = False
    media: tuple[MediaSource, ...] = ()
    link_card: LinkCardSource | None = None

    def files(self) -> tuple[MediaSource, ...]:
        """The pictures and videos that it shows from files, in their order; cards are none."""
        image = self.link_card.image if self.link_card else None
        return tuple(one for one in (*self.media, image) if one is not None and one.file)


@dataclass(frozen=True, slots=True)
class Message:
    """A message with all its variants: by language for an e-mail, by channel for a post.

    ``shared`` holds the layouts and partial templates it may extend or include, by name under messages/.
    """

    name: str
    kind: Literal["email", "post"]
    mails: Mapping[str, MailSource] = field(default_factory=dict)
    posts: Mapping[str, PostSource] = field(default_factory=dict)
    shared: Mapping[str, Source] = field(default_factory=dict)

    def post_for(self, channel: str) -> PostSource | None:
        """The variant written for ``channel``, else the one for all networks."""
        return self.posts.get(channel) or self.posts.get("")
