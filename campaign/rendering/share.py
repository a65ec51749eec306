"""Ready-made links with which a supporter shares the campaign or writes to the target."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

HOSTS = frozenset({"x.com", "bsky.app", "share.joinmastodon.org", "wa.me"})
"""Where share links lead: an address within them is the networks' own, so it gets no UTM tags."""


@dataclass(frozen=True, slots=True)
class Share:
    """Every method gives a complete link, percent-encoded as RFC 3986 says, ready for an ``href`` or a text."""

    def x(self, text: str, url: str = "") -> str:
        """Opens X with the post written: docs.x.com, "Web intent"."""
        return f"https://x.com/intent/tweet?text={_encoded(text)}" + (f"&url={_encoded(url)}" if url else "")

    def bluesky(self, text: str, url: str = "") -> str:
        """Opens Bluesky with the post written: docs.bsky.app, "Action Intent Links"; it has no parameter of its own
        for a link."""
        return f"https://bsky.app/intent/compose?text={_encoded(_with(text, url))}"

    def mastodon(self, text: str, url: str = "") -> str:
        """Opens Mastodon's own share page, which asks for the reader's server: blog.joinmastodon.org, "A new Share
        button" (2026). The text stands in the fragment, so no server sees it on the way."""
        return f"https://share.joinmastodon.org/#text={_encoded(_with(text, url))}"

    def whatsapp(self, text: str, url: str = "") -> str:
        """Opens WhatsApp with the message written, for the reader to choose to whom: faq.whatsapp.com, "Click to
        chat"."""
        return f"https://wa.me/?text={_encoded(_with(text, url))}"

    def mailto(self, to: str, subject: str = "", body: str = "") -> str:
        """Opens the reader's mail program with the mail written: RFC 6068, line breaks as %0D%0A (section 5)."""
        lines = "\r\n".join(str(body).splitlines())
        written = {"subject": " ".join(str(subject).split()), "body": lines}
        query = "&".join(f"{name}={_encoded(value)}" for name, value in written.items() if value)
        return f"mailto:{quote(str(to), safe='@,')}" + (f"?{query}" if query else "")


def _with(text: str, url: str) -> str:
    return f"{text} {url}" if url else str(text)


def _encoded(text: str) -> str:
    return quote(str(text), safe="")
