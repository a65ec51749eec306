"""preflight: an e-mail step as everybody in its audience would get it, looked at before a person approves it.

Every message of the step (each language, arm, and time that it comes) is rendered strictly for everybody who would get
it. What is wrong for all is found on one mail; what differs is looked at for each person, in pages, in flat memory. In
an A/B test every arm is rendered for everybody: who is not in the test may get any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from campaign.flow import audience
from campaign.flow.check import EXAMPLES
from campaign.flow.content import Mailing, mailing
from campaign.flow.desk import Unwatched, Watch
from campaign.flow.posting import occurrence
from campaign.flow.preflight_markup import Rules, Severity, web_links
from campaign.flow.preflight_people import Count, Key, Reading
from campaign.model.batch import MailBatch, MailRow
from campaign.model.bundle import Bundle
from campaign.model.delivery import KEY_LENGTH, unsubscribe_url
from campaign.model.segment import Audience, Headcount
from campaign.model.wave import PlannedWave
from campaign.ports.channel import MailChannel
from campaign.ports.pages import Pages
from campaign.ports.spam import Judged, SpamFilter
from campaign.ports.supporters import Supporters

ONE_CLICK = "List-Unsubscribe=One-Click"
_NOBODY = "-" * KEY_LENGTH
"""As long as a delivery's key, and none: sizes are as they will be."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``people`` is how many it is about, 0 where it is about the message itself; ``examples`` are ids of supporters.

    ``places`` are lines of files, ``mails`` the message's languages, arms or times that have it.
    """

    severity: Severity
    kind: str
    what: str
    remedy: str = ""
    people: int = 0
    examples: tuple[int, ...] = ()
    places: tuple[str, ...] = ()
    mails: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a step. ``rendered`` are mails, more than people where there are arms or several times."""

    step: str
    headcount: Headcount
    rendered: int
    mails: Mapping[str, int]
    findings: tuple[Finding, ...]

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == severity)

    @property
    def passes(self) -> bool:
        return not self.of("error")


@dataclass(frozen=True, slots=True)
class Instruments:
    """What a preflight looks with.

    ``channel`` is the step's own, only to compose; ``raw`` writes mails out in full for the spam filter. Without
    ``pages`` no link is followed. ``watch`` is told how many mails there are to render, and how many were.
    """

    supporters: Supporters
    channel: MailChannel
    raw: MailChannel
    public_url: str
    spam: SpamFilter
    pages: Pages | None = None
    watch: Watch = field(default_factory=Unwatched)


@dataclass(frozen=True, slots=True)
class _Mail:
    """One message of a step: ``variety`` tells apart what one person gets several of, or may get."""

    variety: str
    language: str
    reading: Reading
    mailing: Mailing
    due_at: datetime

    @property
    def name(self) -> str:
        return f"{self.variety}, {self.language}" if self.variety else self.language


def step(bundle: Bundle, waves: Sequence[PlannedWave], instruments: Instruments, *, had_enough: int = 0) -> Report:
    """Look at an e-mail step. Raises BadInput where its message cannot be compiled at all. ``had_enough`` is about how
    many people will have had as many e-mails by then as the plan lets anybody have."""
    url = unsubscribe_url(instruments.public_url, _NOBODY)
    rules = Rules.of(bundle.plan, url)
    found: list[Finding] = []
    mails: list[_Mail] = []
    whole = audience.of(bundle)
    headcount = instruments.supporters.headcount(whole)
    audiences = _audiences(bundle, waves, rules, instruments)
    varieties = {
        mail.variety for by_language in audiences.values() for several in by_language.values() for mail in several
    }
    instruments.watch.planned(headcount.reachable * len(varieties))
    for people, by_language in audiences.items():
        mails += [mail for several in by_language.values() for mail in several]
        for page in instruments.supporters.reachable(people):
            for language, members in page.items():
                for mail in by_language[language]:
                    mail.reading.take(members)
                    instruments.watch.done(len(members))
    found += _of_people(headcount, whole, instruments, had_enough)
    for mail in mails:
        if mail.reading.example is None and not mail.reading.found:
            mail.reading.take_example(EXAMPLES[0])
    found += _merged(mails)
    found += _of_mails(mails, url, instruments)
    rendered: dict[str, int] = {}
    for mail in mails:
        rendered[mail.name] = rendered.get(mail.name, 0) + mail.reading.rendered
    found.sort(key=lambda one: (_RANK[one.severity], one.kind, -one.people, one.what))
    return Report(bundle.step.id, headcount, sum(rendered.values()), rendered, tuple(found))


_RANK: Mapping[Severity, int] = {"error": 0, "warning": 1, "note": 2}


def _audiences(
    bundle: Bundle, waves: Sequence[PlannedWave], rules: Rules, instruments: Instruments
) -> dict[Audience, dict[str, list[_Mail]]]:
    """Who is to be read together, and for each language what they get.

    Waves by local time that say the same are one audience: nobody is read twice. A random share is no matter here.
    """
    plan, chosen = bundle.plan, bundle.step
    zones: dict[tuple[int, str], set[str] | None] = {}
    instants: dict[tuple[int, str], datetime] = {}
    for wave in waves:
        day = wave.due_at.astimezone(ZoneInfo(plan.zone)).date().isoformat()
        key = (occurrence(chosen, wave.number), day)
        instants.setdefault(key, wave.due_at)
        before = zones.setdefault(key, set())
        zones[key] = None if before is None or wave.zones is None else before | set(wave.zones)
    found: dict[Audience, dict[str, list[_Mail]]] = {}
    for key, due_at in instants.items():
        served = zones[key]
        for arm in bundle.arms or ("",):
            people = audience.of(bundle, None if served is None else tuple(sorted(served)))
            names = ([f"arm {arm}"] if arm else []) + ([f"time {key[0]}"] if chosen.repeat else [])
            for language in people.variants:
                made = mailing(bundle, number=key[0], due_at=due_at, language=language, arm=arm)
                reading = Reading(made, rules, instruments.channel.limits)
                mail = _Mail(", ".join(names), language, reading, made, due_at)
                found.setdefault(people, {}).setdefault(language, []).append(mail)
    return found


def _merged(mails: Sequence[_Mail]) -> Iterator[Finding]:
    """What was found in any mail, once: people are counted in that one of the step's varieties which has the most."""
    together: dict[Key, dict[str, list[tuple[_Mail, Count]]]] = {}
    for mail in mails:
        for key, count in mail.reading.found.items():
            together.setdefault(key, {}).setdefault(mail.variety, []).append((mail, count))
        if mail.reading.stopped:
            yield Finding("error", "rendering", f"stopped {mail.reading.stopped}", mails=(mail.name,))
    for (severity, kind, what, remedy), by_variety in together.items():
        each = [pair for pairs in by_variety.values() for pair in pairs]
        examples = dict.fromkeys(one for _, count in each for one in count.examples)
        yield Finding(
            severity,
            kind,
            what,
            remedy,
            people=max(sum(count.people for _, count in pairs) for pairs in by_variety.values()),
            examples=tuple(sorted(examples))[:_EXAMPLES],
            places=tuple(dict.fromkeys(place for _, count in each for place in count.places)),
            mails=() if len(each) == len(mails) else tuple(dict.fromkeys(mail.name for mail, _ in each)),
        )


_EXAMPLES = 3


def _of_people(headcount: Headcount, whole: Audience, instruments: Instruments, had_enough: int) -> Iterator[Finding]:
    """Who would get nothing, and who would get it twice."""
    if not headcount.members:
        if instruments.supporters.count():
            yield Finding("warning", "audience", f'nobody is in the segment "{whole.segment.name}" now')
        else:
            what = "no supporters are imported: the message was looked at for somebody made up"
            yield Finding("warning", "audience", what, "campaign supporters import, then again")
        return
    left_out = (
        (headcount.suppressed, "suppressed: they get nothing"),
        (headcount.without_consent, "without consent: they get nothing"),
        (headcount.elsewhere, "asked for another campaign only: they get nothing"),
        (had_enough, f"about so many will have had {whole.frequency} by then: they get nothing"),
    )
    for people, what in left_out:
        if people:
            yield Finding("note", "left out of the audience", what, people=people)
    if not headcount.reachable:
        yield Finding("warning", "audience", "nobody in the audience may be written to", people=headcount.members)
    shared = instruments.supporters.shared_mailboxes(whole)
    if shared.people:
        what = "another address of a mailbox that gets it already (what stands after +, or Gmail's dots)"
        examples = tuple(dict.fromkeys(one for pair in shared.examples for one in pair))
        yield Finding("warning", "duplicates", what, "suppress one of the two", shared.people, examples)


def _of_mails(mails: Sequence[_Mail], url: str, instruments: Instruments) -> Iterator[Finding]:
    """What one mail of each kind shows: its headers, what a spam filter makes of it, where its links lead."""
    links: dict[str, None] = {}
    looked: set[str] = set()
    unscored = ""
    scored: dict[Finding, list[str]] = {}
    for mail in mails:
        if mail.reading.example is None or mail.name in looked:
            continue
        looked.add(mail.name)
        person, values, shown = mail.reading.example
        row = MailRow(0, _NOBODY, person.email, "", values, url)
        batch = MailBatch(id=0, content=mail.mailing.content, rows=[row], made_at=mail.due_at)
        yield from _one_click(batch, mail.name, instruments.channel)
        judged = instruments.spam.judge(instruments.raw.compose(batch).chunks[0])
        unscored = unscored or judged.why_not
        if not judged.why_not:
            scored.setdefault(_scored(judged), []).append(mail.name)
        links.update(dict.fromkeys(web_links(shown.html, shown.text, without=(url,))))
    for finding, names in scored.items():
        yield replace(finding, mails=tuple(names) if len(names) < len(looked) else ())
    if unscored:
        yield Finding("note", "spam", f"not scored: {unscored}")
    if instruments.pages is not None:
        yield from _followed(tuple(links), instruments.pages)
    if not instruments.public_url.startswith("https:"):
        what = f"links to unsubscribe are not https ({instruments.public_url}), and mail programs follow no other"
        yield Finding("error", "one-click", what, "set CAMPAIGN_PUBLIC_URL (RFC 8058)")
    elif instruments.public_url.endswith(".example.org"):
        what = f"links to unsubscribe lead to {instruments.public_url}, which is only an example"
        yield Finding("warning", "unsubscribe", what, "set CAMPAIGN_PUBLIC_URL before the real thing")


def _scored(judged: Judged) -> Finding:
    tests = f": {', '.join(judged.tests)}" if judged.tests else ""
    what = f"SpamAssassin gives {judged.score:g} points of {judged.threshold:g}{tests}"
    if judged.score >= judged.threshold:
        return Finding("error", "spam", what, "reword what these tests name")
    return Finding("note", "spam", what)


def _one_click(batch: MailBatch, name: str, channel: MailChannel) -> Iterator[Finding]:
    """RFC 8058: both headers, as the channel itself would send them."""
    headers = {key.lower(): value for key, value in channel.shows(channel.compose(batch), 0).headers.items()}
    url = batch.rows[0].unsubscribe_url
    if f"<{url}>" not in headers.get("list-unsubscribe", "") or headers.get("list-unsubscribe-post") != ONE_CLICK:
        what = "the headers for unsubscribing with one click are missing"
        yield Finding("error", "one-click", what, "without them Gmail and Yahoo refuse bulk mail", mails=(name,))


def _followed(links: Sequence[str], pages: Pages) -> Iterator[Finding]:
    for url, why in pages.broken(links).items():
        level: Severity = "warning" if why.uncertain else "error"
        remedy = "look at it in a browser" if why.uncertain else "correct it, or put the page there"
        yield Finding(level, "link", f"{url}: {why.what}", remedy)
    if not links:
        return
    looked = min(len(links), pages.most)
    rest = f", {len(links) - looked:,} more were not" if len(links) > looked else ""
    yield Finding("note", "link", f"{looked:,} pages were asked for{rest}")
