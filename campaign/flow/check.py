"""check: every message of the plan rendered as it would be sent, and held to the letter and to its network."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from html import unescape
from zoneinfo import ZoneInfo

from campaign.errors import BadInput, Problem
from campaign.flow import check_media, repeated
from campaign.flow import letter as letters
from campaign.flow.content import mailing
from campaign.flow.fit import BLUESKY_LABELS, TOO_MANY, fits, longest
from campaign.flow.fit_media import Album
from campaign.flow.posting import Posting, posting
from campaign.flow.written import line_of
from campaign.model.bundle import Bundle, Sources
from campaign.model.message import MailSource, PostSource, Source
from campaign.model.plan import Plan, Step
from campaign.model.supporter import Supporter
from campaign.model.wave import PlannedWave
from campaign.rendering.filters import in_words
from campaign.rendering.splitting import MOST_CHARACTERS

UNSUBSCRIBE_URL = "https://campaign.example.org/u/example"

EXAMPLES: tuple[Supporter, ...] = (
    Supporter(
        id=1,
        email="alex@example.org",
        first_name="Alex",
        last_name="Example",
        language="en",
        zone="America/New_York",
        country="US",
        region="NY",
        postal_code="10001",
        tags=("volunteer",),
    ),
    Supporter(id=2, email="nameless@example.org"),
)
"""Somebody of whom all is known, and somebody of whom nothing is: a message must suit both."""

_TAG = re.compile(r"<[^>]*>")
_PICTURE = re.compile(r"""<img\b(?:[^>"']|"[^"]*"|'[^']*')*>""", re.IGNORECASE)
# What was finished has its attributes in double quotes.
_ALT = re.compile(r'\salt(?:="([^"]*)"|(?=[\s>/]))', re.IGNORECASE)
_SRC = re.compile(r'\ssrc="([^"]*)"', re.IGNORECASE)
_OF_A_STEP = re.compile(r'^step ("[^"]*")')
_NAMED = 3
"""Steps that are named one by one where a message that several send has a mistake."""
_HIDDEN = re.compile(r"<(head|style|script)\b.*?</\1>", re.DOTALL | re.IGNORECASE)


def campaign(sources: Sources, people: Sequence[Supporter] = EXAMPLES, *, album: Album | None = None) -> list[Problem]:
    """Everything that is wrong with the messages of ``sources``, each once, by file and line.

    What is wrong in a message that several steps send is one mistake, and names them.

    ``album`` keeps what is drawn and fitted, for whoever needs it again.
    """
    found: dict[Problem, None] = {}
    made: dict[PlannedWave, Posting] = {}
    album = album or Album()
    for step in sources.plan.steps:
        bundle = sources.bundle(step)
        try:
            if step.channel == "email":
                found.update(dict.fromkeys(_arms(bundle)))
                for arm in bundle.arms or ("",):
                    found.update(dict.fromkeys(_mails(bundle, arm, sources.waves[step.id], people)))
            else:
                found.update(dict.fromkeys(_posts(bundle, sources.waves[step.id], made)))
        except BadInput as bad:
            found.update(dict.fromkeys(bad.problems))
        found.update(dict.fromkeys(_shown(sources, bundle, made, album)))
    found.update(dict.fromkeys(repeated.texts(sources, made)))
    return sorted(_once_for_all_steps(found))


def _once_for_all_steps(problems: Iterable[Problem]) -> Iterator[Problem]:
    alike: defaultdict[Problem, dict[str, None]] = defaultdict(dict)
    for problem in problems:
        step = _OF_A_STEP.match(problem.where)
        alike[replace(problem, where=_OF_A_STEP.sub("", problem.where))].setdefault(step[1] if step else "")
    for problem, those in alike.items():
        steps = [step for step in those if step]
        more = f" and {len(steps) - _NAMED} more" if len(steps) > _NAMED else ""
        named = f"step{'s' if len(steps) > 1 else ''} {', '.join(steps[:_NAMED])}{more}" if steps else ""
        yield replace(problem, where=named + problem.where)


def _arms(bundle: Bundle) -> Iterator[Problem]:
    """Whether the arms of an A/B test can be compared: in each language they must differ, and none may lack one."""
    plan, step = bundle.plan, bundle.step
    languages = set(bundle.message.mails)
    texts: dict[tuple[str, object], str] = {}
    for arm in step.ab_test.arms if step.ab_test else ():
        mails, place = bundle.arms[arm.name].mails, f'step "{step.id}", arm "{arm.name}"'
        wrong = [
            (f'its subject is in "{language}" too, and {arm.message} is not', f"remove {language}")
            for language in sorted(set(arm.subject) - set(mails) - {""})
        ]
        for language in sorted(languages ^ set(mails)):
            theirs, others = (arm.message, step.message) if language in mails else (step.message, arm.message)
            wrong.append((f'{theirs} has the language "{language}" and {others} has not', "write it in both"))
        if "" in arm.subject and len(mails) > 1:
            each = ", ".join(f'{language}: "…"' for language in sorted(mails))
            wrong.append(("its subject is the same in every language", f"write one for each: `subject: {{{each}}}`"))
        else:
            for language in sorted(languages & set(mails)):
                mail = mails[language]
                first = texts.setdefault(
                    (language, (mail.subject.text, mail.preheader, mail.html, mail.text)), arm.name
                )
                if first != arm.name:
                    what = f'it is the same as the arm "{first}" in "{language}"'
                    wrong.append((what, "give it another subject in that language"))
        line = next((source.line for source in arm.subject.values()), step.line)
        yield from (Problem(str(plan.path), line, place, what, remedy) for what, remedy in wrong)


def _mails(bundle: Bundle, arm: str, waves: Sequence[PlannedWave], people: Sequence[Supporter]) -> Iterator[Problem]:
    """Each language, in the first and the last wave, for each of ``people``."""
    plan, step = bundle.plan, bundle.step
    read: set[str] = set()
    for language, source in bundle.message_of(arm).mails.items():
        for wave in _worth_reading(step, waves):
            compiled = mailing(bundle, number=wave.number, due_at=wave.due_at, language=language, arm=arm).compiled
            for person in people:
                mail = compiled.whole(person, UNSUBSCRIBE_URL)
                allowed = {**_declared(plan, language), **source.facts}
                for text, written in _parts_of(mail.subject, mail.text, mail.html, source):
                    if text in read:
                        continue
                    read.add(text)
                    problems = letters.check(
                        text=_without_own_words(text, bundle, person),
                        file=written.file,
                        where=f'step "{step.id}"' + (f', arm "{arm}"' if arm else ""),
                        letter=bundle.letter,
                        declared=allowed,
                        language=language,
                    )
                    yield from (_at_source(problem, written, text) for problem in problems)
                yield from _pictures(mail.html, source, f'step "{step.id}"')


def _pictures(html: str, source: MailSource, where: str) -> Iterator[Problem]:
    """Every picture of an HTML part that says nothing to those who do not see it (WCAG 2.2, 1.1.1)."""
    for picture in dict.fromkeys(_PICTURE.findall(html)):
        alt = _ALT.search(picture)
        if alt is None:
            address = _SRC.search(picture)
            written = address[1] if address else "<img"
            shown = unescape(written)
            lines = source.html.text.splitlines()
            at = next((n for n, line in enumerate(lines) if shown in line or written in line), None)
            line = 0 if at is None else source.html.line + at
            remedy = 'write alt="what it shows", or alt="" where it only decorates'
            yield Problem(source.html.file, line, where, f"the picture {shown} has no alternative text", remedy)


def _declared(plan: Plan, language: str) -> dict[str, str]:
    """What the plan itself vouches for, value to source: its facts, and its launch."""
    facts = {fact.value: fact.source for fact in plan.facts.values()}
    with suppress(ValueError):  # a language in which messages cannot say a date either
        facts[in_words(plan.launch.astimezone(ZoneInfo(plan.zone)), "moment", language)] = "the plan's launch"
    return facts


def _worth_reading(step: Step, waves: Sequence[PlannedWave]) -> Sequence[PlannedWave]:
    """All waves that differ in what they say: a step that does not repeat says the same in each."""
    return waves if step.repeat else waves[:1]


def _parts_of(subject: str, text: str, html: str, source: MailSource) -> Iterable[tuple[str, Source]]:
    # Each tag ends a word: two blocks side by side are not one.
    seen = _PICTURE.sub(lambda picture: f" {found[1] or '' if (found := _ALT.search(picture[0])) else ''} ", html)
    visible = unescape(_TAG.sub(" ", _HIDDEN.sub(" ", seen)))
    parts = [(subject, source.subject), (visible, source.html)]
    if source.text is not None:  # one that is made from the HTML part says nothing else
        parts.insert(1, (text, source.text))
    return parts


def _without_own_words(text: str, bundle: Bundle, person: Supporter) -> str:
    """``text`` less what states no facts of the letter: who writes, to whom, and where the links go."""
    sender = bundle.plan.sender
    own = [UNSUBSCRIBE_URL, person.email, sender.postal_address if sender else ""]
    for words in own:
        text = text.replace(words, " ") if words else text
    return text


def _at_source(problem: Problem, source: Source, rendered: str) -> Problem:
    """The line in the file that somebody wrote, not in what was rendered from it: where the words are found again."""
    lines = rendered.splitlines()
    words = lines[problem.line - 1] if 0 < problem.line <= len(lines) else ""
    return replace(problem, line=line_of(source, words))


def _posts(bundle: Bundle, waves: Sequence[PlannedWave], rendered: dict[PlannedWave, Posting]) -> Iterator[Problem]:
    """Each wave: a recurring post differs from one to the next. What could be rendered is left in ``rendered``."""
    plan, step = bundle.plan, bundle.step
    if bundle.message.post_for(step.channel) is None:
        there = ", ".join(sorted(post.body.file for post in bundle.message.posts.values()))
        yield Problem(
            file=str(plan.path),
            line=step.line,
            where=f'step "{step.id}"',
            what=f"{step.message} has no text for {step.channel}, only {there}",
            remedy=f"write messages/{step.message}.{step.channel}.md, or messages/{step.message}.md for every network",
        )
        return
    where = f'step "{step.id}"'
    for wave in waves:
        made = rendered[wave] = posting(bundle, number=wave.number, due_at=wave.due_at)
        written = made.source.body
        yield from _warned(made.source, step.channel, where)
        for number, (part, words) in enumerate(zip(made.parts, made.unnumbered, strict=True), start=1):
            place = f"{where}, part {number}" if len(made.parts) > 1 else where
            wrong = fits(part, step.channel, warning=made.source.warning, characters=longest(plan, step))
            if wrong is not None:
                yield _at_source(_unfit(made, step.channel, part, wrong, place), written, part)
            for found in letters.check(
                text=words,
                file=made.source.body.file,
                where=place,
                letter=bundle.letter,
                declared={**_declared(plan, made.language), **made.source.facts},
                language=made.language,
            ):
                yield _at_source(found, written, part)


def _shown(
    sources: Sources, bundle: Bundle, rendered: Mapping[PlannedWave, Posting], album: Album
) -> Iterator[Problem]:
    """What the step's posts show, in each of its waves."""
    plan, source = bundle.plan, bundle.message.post_for(bundle.step.channel)
    if source is not None:
        waves = sources.waves[bundle.step.id]
        yield from check_media.shown(
            bundle,
            waves,
            {wave: len(rendered[wave].parts) for wave in waves if wave in rendered},
            files=sources.media,
            album=album,
            declared={**_declared(plan, source.language or plan.language), **source.facts},
        )


def _unfit(made: Posting, channel: str, part: str, wrong: str, where: str) -> Problem:
    long = wrong.endswith(TOO_MANY)
    remedy = f"shorten it, or write a variant for {channel}" if long else "take it out"
    if long and made.source.split and len(part) <= MOST_CHARACTERS:
        wrong = f"this sentence does not fit by itself: {wrong}"
    return Problem(made.source.body.file, 1, where, wrong, remedy)


def _warned(source: PostSource, channel: str, where: str) -> Iterator[Problem]:
    """A content warning that the network could not show: it would be dropped, and nobody would know. A network of
    another package says so itself, as what keeps a post from fitting."""
    if not source.warning or channel not in ("x", "bluesky"):
        return
    if channel == "bluesky" and source.warning in BLUESKY_LABELS:
        return
    if channel == "bluesky":
        labels = ", ".join(sorted(BLUESKY_LABELS))
        what = f'Bluesky takes no words for a content warning, only {labels}, so nobody would see "{source.warning}"'
        remedy = "use one of these, or write a variant for bluesky that has the warning in its text"
    else:
        what = f'X has no content warnings, so nobody would see "{source.warning}"'
        remedy = "write a variant for x that has the warning in its text, or needs none"
    yield Problem(source.body.file, 1, where, what, remedy)


def audiences(sources: Sources, headcounts: Mapping[str, int]) -> list[Problem]:
    """A warning for each e-mail step that would reach nobody; ``headcounts`` are reachable people by step."""
    return [
        Problem(
            file=str(sources.plan.path),
            line=step.line,
            where=f'step "{step.id}"',
            what=f'its segment "{step.segment.name}" reaches nobody in the database now',
            remedy="import the people, or mend the segment",
            severity="warning",
        )
        for step in sources.plan.steps
        if step.segment is not None and not headcounts.get(step.id, 0)
    ]
