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


@dataclass(frozen=True, slots=True)
class PostSource:
    """A post for one network, or for all (``channel`` is ""). Thread parts are divided by a line of ``---``."""

    channel: str
    body: Source
    language: str = ""
    warning: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


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
