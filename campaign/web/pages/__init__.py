"""The unsubscribe pages: plain HTML that needs no script, no cookie, and nothing from anywhere else.

One file of words for each language lies beside this one; a further language is one more file.
"""

from __future__ import annotations

import tomllib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from campaign.flow.preferences import masked
from campaign.model.preference import Preference, Recipient, Wish
from campaign.ports.preferences import House

FIRST_LANGUAGE = "en"
_HERE = Path(__file__).parent
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
_ISOLATED = Markup("<bdi>{}</bdi>")
_MAIL = Markup('<a href="mailto:{0}"><bdi>{0}</bdi></a>')

Sections = Mapping[str, Any]
"""A language's file: a section's words by name."""
Words = Mapping[str, Mapping[str, Markup]]
"""The same with names and addresses in their places."""

STYLE = (_HERE / "style.css").read_text(encoding="utf-8")
STYLE_HASH = "sha256-" + b64encode(sha256(STYLE.encode()).digest()).decode()
"""By which a Content-Security-Policy allows this style and no other (CSP level 3, section 8.4)."""

_templates = Environment(
    loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


@cache
def languages() -> Mapping[str, Sections]:
    """The words by language, English first."""
    found = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(_HERE.glob("*.toml"))}
    return {FIRST_LANGUAGE: found.pop(FIRST_LANGUAGE), **found}


def best(*wanted: str) -> str:
    """The first of the wanted languages that the pages have words in, by its primary tag; else English."""
    for language in wanted:
        primary = language.replace("_", "-").split("-")[0].lower()
        if primary in languages():
            return primary
    return FIRST_LANGUAGE


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is to be shown. ``asked_for`` is the language the reader chose by hand, "" where they did not."""

    language: str = FIRST_LANGUAGE
    asked_for: str = ""
    trial: bool = False


def choosing(recipient: Recipient, look: Look, now: datetime) -> str:
    """What a person sees who follows the link: one form, where a single press of the button unsubscribes."""
    words = _filled(look, recipient)
    if not recipient.is_known:
        return _forgotten(look, recipient, words)
    if recipient.suppression is not None:
        notes = [words["already"]["note"]]
        return _told(look, recipient, words["already"]["title"], notes, undo=recipient.can_undo(now))
    standing = recipient.preference
    wishes = [Wish.NOTHING, Wish.LESS_OFTEN]
    if recipient.campaign:
        wishes.append(Wish.ONLY_THIS)
    if standing.wish is not Wish.EVERYTHING:
        wishes.append(Wish.EVERYTHING)
    return _page(
        "choose.html",
        look,
        recipient.organisation,
        title=_title(words, recipient),
        heading=words["choose"]["heading"],
        address=words["choose"]["address"] if masked(recipient.email) else "",
        now=_now(words, standing),
        legend=words["choose"]["legend"],
        choices=[(wish.value, words[wish.value]["label"], words[wish.value]["note"]) for wish in wishes],
        button=words["choose"]["button"],
        nothing_yet=words["choose"]["nothing_yet"],
        languages=[(code, each["name"]) for code, each in languages().items()],
    )


def chosen(after: Recipient, wish: Wish, look: Look, now: datetime) -> str:
    """What became of a wish: ``after`` is how the person stands now."""
    words = _filled(look, after)
    if not after.is_known:
        return _forgotten(look, after, words)
    if refused(after, wish):
        return _stands(look, after, words)
    heading, note = words["done"][wish.value], words["done"][f"{wish.value}_note"]
    if wish is Wish.NOTHING:
        return _told(look, after, heading, [note], undo=after.can_undo(now))
    notes = [note, _now(words, after.preference)] if wish is Wish.UNDO else [note]
    return _told(look, after, heading, notes, link=words["done"]["change"])


def refused(after: Recipient, wish: Wish) -> bool:
    """Whether a wish to hear from us again met a suppression that its link may not lift."""
    return after.is_known and after.suppression is not None and wish is not Wish.NOTHING


def unknown(house: House, look: Look) -> str:
    """For a link that is none of ours."""
    words = _filled(look, house)
    return _told(look, house, words["unknown"]["title"], [words["unknown"]["note"], words["unknown"].get("write")])


def busy(house: House, look: Look) -> str:
    """For a time when the database cannot be reached: it says that nothing was done."""
    words = _filled(look, house)
    notes = [words["busy"]["note"], words["busy"].get("write")]
    return _told(look, house, words["busy"]["title"], notes, link=words["busy"]["again"])


def _stands(look: Look, recipient: Recipient, words: Words) -> str:
    return _told(
        look, recipient, words["already"]["stands"], [words["already"]["stands_note"], words["already"].get("return")]
    )


def _forgotten(look: Look, recipient: Recipient, words: Words) -> str:
    said = words["forgotten"]
    return _told(look, recipient, said["title"], [said["note"], said.get("again")])


def _now(words: Words, standing: Preference) -> Markup | None:
    """What a person gets at the moment, where they have asked for something before."""
    return words[standing.wish.value].get("now")


def _told(
    look: Look,
    whose: Recipient | House,
    heading: Markup,
    notes: Sequence[Markup | None],
    *,
    undo: bool = False,
    link: Markup | None = None,
) -> str:
    return _page(
        "told.html",
        look,
        whose.organisation,
        title=heading.striptags(),
        heading=heading,
        notes=[note for note in notes if note],
        undo=languages()[look.language]["undo"] if undo else None,
        link=link,
        asked_for=look.asked_for,
        languages=[],
    )


def _page(template: str, look: Look, organisation: str, **values: Any) -> str:
    words = languages()[look.language]
    return _templates.get_template(template).render(
        language=look.language,
        direction="rtl" if look.language in _RIGHT_TO_LEFT else "ltr",
        style=Markup(STYLE),  # noqa: S704 - a file of ours, and named by its hash
        organisation=organisation,
        languages_are=words["choose"]["languages"],
        trial=words["trial"]["note"] if look.trial else "",
        **values,
    )


def _title(words: Words, recipient: Recipient) -> str:
    return words["choose"]["title" if recipient.organisation else "heading"].striptags()


def _filled(look: Look, whose: Recipient | House) -> Words:
    """The words with names and addresses in their places. A name in another script keeps its own direction.

    A sentence about a contact that is not known is left out.
    """
    names: dict[str, object] = {
        "organisation": _ISOLATED.format(whose.organisation or languages()[look.language]["names"]["sender"]),
        "contact": _MAIL.format(whose.contact),
        "campaign": _ISOLATED.format(whose.title) if isinstance(whose, Recipient) else "",
        "address": _ISOLATED.format(masked(whose.email)) if isinstance(whose, Recipient) else "",
    }
    return {
        head: {
            name: Markup(text).format(**names)  # noqa: S704 - a file of ours; what is filled in is escaped
            for name, text in section.items()
            if whose.contact or "{contact}" not in text
        }
        for head, section in languages()[look.language].items()
        if isinstance(section, dict)
    }
