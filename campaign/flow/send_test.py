"""send_test: an e-mail step sent to a few addresses of our own, by its real channel, before it goes to anybody else.

It shows what supporters would get, with the data of some of them, and says of itself that it is a test. It is no
delivery: the ledger counts none, what is fed back about it changes nothing, and its link to unsubscribe leads to a page
that tries everything and changes nothing. It is tried once: what does not arrive is sent again by hand.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape

from campaign.flow import audience
from campaign.flow.check import EXAMPLES
from campaign.flow.content import Mailing, mailing
from campaign.model.batch import MailBatch, MailContent, MailRow
from campaign.model.bundle import Bundle
from campaign.model.delivery import TEST_WAVE, Keys, unsubscribe_url
from campaign.model.outcome import Outcome
from campaign.model.supporter import Supporter
from campaign.model.wave import PlannedWave
from campaign.ports.channel import MailChannel
from campaign.ports.supporters import Supporters

MOST_ADDRESSES = 10
SUBJECT = "[Test] "
CATEGORY = "test"
_LOOKED_AT = 60
"""Supporters from among whom the examples are chosen."""
_SEQS = 1 << 32

_TEXTS = ("first_name", "last_name", "zone", "country", "region", "postal_code", "tags", "extra")
_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_PREHEADER = re.compile(r"""\s*<div[^>]*display:\s*none[^>]*>.*?</div>""", re.IGNORECASE | re.DOTALL)
"""What is shown beside the subject in a list of mails stands first, and hidden: a test is to show that too."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the mails that go to each address: ``person`` is whose data it shows; made up where ``made_up``."""

    arm: str
    person: Supporter
    mailing: Mailing
    made_up: bool = False

    @property
    def language(self) -> str:
        return self.mailing.content.language

    @property
    def name(self) -> str:
        return f"arm {self.arm}, {self.language}" if self.arm else self.language


def variants(
    bundle: Bundle,
    wave: PlannedWave,
    supporters: Supporters,
    *,
    person: Supporter | None = None,
    language: str = "",
    examples: int = 2,
) -> list[Variant]:
    """Each arm in each language (or ``language`` alone), for up to ``examples`` people: of whom most is known, of whom
    least is, and some between; or for ``person``, in their language."""
    found = []
    people = audience.of(bundle)
    members = [] if person else supporters.examples(people, most=_LOOKED_AT)
    for arm in bundle.arms or ("",):
        for variant in people.variants:
            if language and variant != language:
                continue
            speaks = [one for one in members if people.variant(one.language) == variant]
            if person is not None:
                if not language and people.variant(person.language) != variant:
                    continue
                chosen = [person]
            else:
                chosen = _examples(speaks, examples)
            made = mailing(bundle, number=wave.number, due_at=wave.due_at, language=variant, arm=arm)
            found += [Variant(arm, one, made) for one in chosen] or [Variant(arm, EXAMPLES[0], made, made_up=True)]
    return found


def _examples(people: Sequence[Supporter], most: int) -> list[Supporter]:
    """Of whom most is known first, then of whom least is, then others."""
    ranked = sorted(people, key=lambda one: (sum(not getattr(one, name) for name in _TEXTS), one.id))
    ordered = [*ranked[:1], *ranked[:0:-1]]
    return ordered[:most]


def send(
    variant: Variant, addresses: Sequence[str], *, channel: MailChannel, keys: Keys, public_url: str, at: datetime
) -> Iterator[tuple[str, Outcome]]:
    """Hand ``variant`` over for each of ``addresses``, once; what became of each. They are all different."""
    rows = []
    numbers = [secrets.randbelow(_SEQS) for _ in addresses]  # each mail has a Message-ID of its own
    made = [keys.key(TEST_WAVE, number) for number in numbers]
    urls = [unsubscribe_url(public_url, key) for key in made]
    filled = variant.mailing.compiled.fill([variant.person] * len(addresses), urls)
    for number, key, address, values, url in zip(numbers, made, addresses, filled, urls, strict=True):
        rows.append(MailRow(number, key, address, "", values, url))
    most = channel.limits.batch
    for start in range(0, len(rows), most):
        batch = MailBatch(id=0, content=marked(variant), rows=rows[start : start + most], made_at=at)
        outcomes = channel.deliver(batch, channel.compose(batch))
        yield from zip((row.address for row in batch.rows), outcomes, strict=True)


def marked(variant: Variant) -> MailContent:
    """The content, which says in subject, HTML and text that it is a test."""
    content = variant.mailing.content
    note = _note(variant)
    return replace(
        content,
        subject=SUBJECT + content.subject,
        html=_with_banner(content.html, note),
        text=f"*** {note} ***\n\n{content.text}",
        categories=(CATEGORY,),
    )


def _note(variant: Variant) -> str:
    whose = "somebody made up" if variant.made_up else f"supporter {variant.person.id}"
    return f"TEST ({variant.name}), with the data of {whose}. The link to unsubscribe changes nothing."


def _with_banner(html: str, note: str) -> str:
    style = "background:#fff3bf;color:#000;border-bottom:2px solid #e8590c;padding:8px 12px;font:14px sans-serif"
    banner = f'<div style="{style}">{escape(note)}</div>'
    body = _BODY.search(html)
    if body is None:
        return banner + html
    hidden = _PREHEADER.match(html, body.end())
    at = hidden.end() if hidden else body.end()
    return html[:at] + banner + html[at:]
