"""preflight, on everybody: what differs from one person to the next, looked at for all of them.

Memory stays flat: of the people there are counts, and the ids of the first few as examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from campaign.errors import BadInput
from campaign.flow.content import Mailing
from campaign.flow.preflight_markup import DUTIES, PLACEHOLDERS, Fault, Rules, Severity
from campaign.model.supporter import Supporter
from campaign.ports.channel import Limits
from campaign.rendering import blanks
from campaign.rendering.whole import Mail

CLIPPED_BYTES = 102 * 1024
"""Gmail cuts an HTML part off here; the rest, with the link to unsubscribe, is behind "View entire message"."""
LONG_SUBJECT = 70
"""Characters of a subject that a list of mails on a wide screen shows; a telephone shows about half."""

_EXAMPLES = 3
_MOST_FAILURES = 2_000
_MOST_WORDINGS = 50
_MOST_MAILS = 200
"""Mails read whole in one language because their links or pictures differ from those before."""

Key = tuple[Severity, str, str, str]
"""A finding as it is counted: severity, kind, what it says, and its remedy."""


@dataclass(slots=True)
class Count:
    """How many people, the ids of the first few, and where in the files it comes from."""

    people: int = 0
    examples: list[int] = field(default_factory=list)
    places: dict[str, None] = field(default_factory=dict)
    _last: int = 0

    def add(self, person: int, place: str = "") -> None:
        """Count somebody, once: whoever is counted again comes right after."""
        if place:
            self.places[place] = None
        if person == self._last:
            return
        self._last = person
        self.people += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(person)


class Reading:
    """One compiled mail, read for one page of people after the other. ``found`` is what is known so far."""

    def __init__(self, mailing: Mailing, rules: Rules, limits: Limits) -> None:
        self.found: dict[Key, Count] = {}
        self.rendered = 0
        self.stopped = ""
        self.example: tuple[Supporter, tuple[str, ...], Mail] | None = None
        self._mailing = mailing
        self._mail = mailing.compiled
        self._rules = rules
        self._limits = limits
        self._fields = self._mail.fields()
        self._lacks = self._mail.shows().lacks()
        self._sizes = _Sizes.of(mailing)
        self._for_all: set[Fault] = set()
        self._links: dict[int, set[str]] = {}
        self._read = 0
        self._wordings: dict[int, set[str]] = {}
        self._failures = 0

    def take(self, people: Sequence[Supporter]) -> None:
        if self.stopped:
            return
        url = self._rules.unsubscribe_url
        try:
            rows: Sequence[tuple[str, ...]] = self._mail.fill(people, [url] * len(people))
        except BadInput:
            people, rows = self._one_by_one(people)
            if not people:
                return
        self.rendered += len(people)
        self._first(people[0], rows[0])
        columns = list(zip(*rows, strict=True))
        self._look_for_blanks(people, rows)
        self._measure(people, rows, columns)
        self._look_for_placeholders(people, rows, columns)
        for number, column in enumerate(columns):
            if url not in column[0] and escape(url) not in column[0]:
                self._look_for_links(number, column, people, rows)

    def take_example(self, person: Supporter) -> None:
        """Read it for somebody made up, where there is nobody else; nobody is counted."""
        self.take([person])
        self.rendered = 0
        for count in self.found.values():
            count.people = 0
            count.examples.clear()

    def _one_by_one(self, people: Sequence[Supporter]) -> tuple[list[Supporter], list[tuple[str, ...]]]:
        """Those of ``people`` for whom the message can be rendered; the others are findings."""
        url = self._rules.unsubscribe_url
        fine: list[Supporter] = []
        rows: list[tuple[str, ...]] = []
        for person in people:
            try:
                rows += self._mail.fill([person], [url])
                fine.append(person)
            except BadInput as bad:
                for problem in bad.problems:
                    place = f"{problem.file}:{problem.line}"
                    self._note("error", "rendering", f"cannot be rendered: {problem.what}", problem.remedy).add(
                        person.id, place
                    )
                self._failures += 1
                if self._failures >= _MOST_FAILURES:
                    self.stopped = f"after {_MOST_FAILURES:,} people for whom it cannot be rendered"
                    break
        return fine, rows

    def _first(self, person: Supporter, row: tuple[str, ...]) -> None:
        if self.example is None:
            mail = self._mail.filled(row)
            self.example = person, row, mail
            self._hold_for_everybody(row, mail)
            self._faults(person, mail)

    def _hold_for_everybody(self, row: tuple[str, ...], mail: Mail) -> None:
        """Look at what all have in common: the mail without its conditionals and loops.

        What everybody must have is to stand there; and what is wrong there is about the message, not about people.
        """
        # A part that could not be shared is one field, and is only known person by person.
        whole = set(self._mail.fallbacks)
        common = self._mail.filled(
            [
                "" if field.optional or field.part in whole else value
                for field, value in zip(self._fields, row, strict=True)
            ]
        )
        wrong = set(self._rules.faults(subject=mail.subject, html=mail.html, text=mail.text))
        for fault in self._rules.faults(subject=common.subject, html=common.html, text=common.text):
            part = "html" if "HTML" in fault.what else "text"
            if fault in wrong or (fault.kind in DUTIES and part not in whole):
                self._note_fault(fault)
                self._for_all.add(fault)

    def _faults(self, person: Supporter, mail: Mail) -> None:
        for fault in self._rules.faults(subject=mail.subject, html=mail.html, text=mail.text):
            if fault not in self._for_all:
                self._note_fault(fault).add(person.id)
        if not mail.subject:
            self._note("error", "subject", "the subject is empty", "write one").add(person.id)

    def _look_for_blanks(self, people: Sequence[Supporter], rows: Sequence[tuple[str, ...]]) -> None:
        lacks = self._lacks
        needy = [number for number, person in enumerate(people) if lacks(person)]
        if not needy:
            return
        twins = [blanks.if_known(people[number]) for number in needy]
        url = self._rules.unsubscribe_url
        try:
            others = self._mail.fill(twins, [url] * len(twins))
        except BadInput:
            return  # a template that can only be rendered with real values, such as a language by its code
        for number, other in zip(needy, others, strict=True):
            if rows[number] == other:
                continue
            for place, (written, known) in enumerate(zip(rows[number], other, strict=True)):
                self._note_blank(people[number], place, written, known)

    def _note_blank(self, person: Supporter, number: int, written: str, known: str) -> None:
        place = self._fields[number]
        told = blanks.told_apart(written, known, optional=place.optional)
        if told is None:
            return
        kind, words = told
        wordings = self._wordings.setdefault(number, set())
        if words not in wordings:
            if len(wordings) >= _MOST_WORDINGS:
                words = "other words"
            wordings.add(words)
        where = f"{place.file}:{place.line}"
        if kind == "blank":
            what = f'a merge field is blank: "{words}"' if words else "a merge field is blank"
            remedy = "give it a fallback, or put it into {% if %}"
            self._note("error", kind, what, remedy).add(person.id, where)
        elif kind == "fall-back":
            self._note("note", kind, f'"{words}" stands in for what is not known', "").add(person.id, where)
        else:
            self._note("note", kind, "something is left out, because it is not known", "").add(person.id, where)

    def _measure(
        self, people: Sequence[Supporter], rows: Sequence[tuple[str, ...]], columns: Sequence[tuple[str, ...]]
    ) -> None:
        sizes, limits = self._sizes, self._limits
        longest = [max(map(len, column)) for column in columns]
        if limits.fields_bytes and sizes.names + 4 * sum(longest) > limits.fields_bytes:
            what = f"merge fields over {limits.fields_bytes:,} bytes: sent with a body of their own, which is slower"
            self._note_each(people, rows, sizes.fields_over(limits.fields_bytes), ("warning", "size", what, ""))
        if sizes.html.at_most(longest) > CLIPPED_BYTES:
            what = f"HTML over {CLIPPED_BYTES // 1024} KB, where Gmail cuts it off and hides the end"
            key: Key = ("warning", "size", what, "make it shorter: the link to unsubscribe is at the end")
            self._note_each(people, rows, lambda row: sizes.html.of(row) > CLIPPED_BYTES, key)
        if limits.message_bytes and sizes.all.at_most(longest) > limits.message_bytes:
            what = f"the message is over {limits.message_bytes:,} bytes, which the provider does not take"
            over = limits.message_bytes
            self._note_each(people, rows, lambda row: sizes.all.of(row) > over, ("error", "size", what, ""))
        if sizes.subject.at_most(longest) > LONG_SUBJECT:
            what = f"the subject has more than {LONG_SUBJECT} characters: many see only its beginning"
            mail = self._mail

            def is_long(row: tuple[str, ...]) -> bool:
                return len(mail.filled_subject(row)) > LONG_SUBJECT

            self._note_each(people, rows, is_long, ("warning", "subject", what, "shorten it"))

    def _note_each(
        self,
        people: Sequence[Supporter],
        rows: Sequence[tuple[str, ...]],
        holds: Callable[[tuple[str, ...]], bool],
        key: Key,
    ) -> None:
        for person, row in zip(people, rows, strict=True):
            if holds(row):
                self._note(*key).add(person.id)

    def _look_for_placeholders(
        self, people: Sequence[Supporter], rows: Sequence[tuple[str, ...]], columns: Sequence[tuple[str, ...]]
    ) -> None:
        """What came in with somebody's data, such as a first name of *|FNAME|*."""
        suspect = [
            number
            for number, column in enumerate(columns)
            if any(begins in together for together in ("\0".join(column),) for begins in PLACEHOLDERS)
        ]
        for person, row in zip(people, rows, strict=True) if suspect else ():
            for number in suspect:
                if any(begins in row[number] for begins in PLACEHOLDERS):
                    place = self._fields[number]
                    what, remedy = "a placeholder stands in somebody's own data", "import them again, without it"
                    self._note("error", "placeholder", what, remedy).add(person.id, f"{place.file}:{place.line}")

    def _look_for_links(
        self, number: int, column: Sequence[str], people: Sequence[Supporter], rows: Sequence[tuple[str, ...]]
    ) -> None:
        """A field may bring links and pictures along: each mail whose differ from those before is read whole."""
        together = "\0".join(column)
        if "://" not in together and "<img" not in together and "href" not in together:
            return
        seen = self._links.setdefault(number, set())
        for at, value in enumerate(column):
            if value in seen or self._read >= _MOST_MAILS:
                continue
            seen.add(value)
            self._read += 1
            self._faults(people[at], self._mail.filled(rows[at]))

    @property
    def read_whole(self) -> int:
        return self._read

    def _note(self, severity: Severity, kind: str, what: str, remedy: str) -> Count:
        return self.found.setdefault((severity, kind, what, remedy), Count())

    def _note_fault(self, fault: Fault) -> Count:
        return self._note(fault.severity, fault.kind, fault.what, fault.remedy)


@dataclass(frozen=True, slots=True)
class _Size:
    """The size of a text with fields: what all have in common, and how often each field stands in it."""

    shared: int
    times: tuple[int, ...]

    @classmethod
    def made(cls, text: str, tokens: Sequence[str]) -> _Size:
        times = tuple(text.count(token) for token in tokens)
        inside = sum(often * len(token) for often, token in zip(times, tokens, strict=True))
        return cls(len(text.encode(errors="replace")) - inside, times)

    def at_most(self, longest: Iterable[int]) -> int:
        """What it can be where fields have so many characters: a character takes up to four bytes."""
        return self.shared + 4 * sum(often * length for often, length in zip(self.times, longest, strict=True))

    def of(self, row: Sequence[str]) -> int:
        values = zip(self.times, row, strict=True)
        return self.shared + sum(often * len(value.encode(errors="replace")) for often, value in values if often)


@dataclass(frozen=True, slots=True)
class _Sizes:
    subject: _Size
    html: _Size
    all: _Size
    names: int

    @classmethod
    def of(cls, mailing: Mailing) -> _Sizes:
        mail = mailing.compiled
        subject, html, text = (_Size.made(part, mail.tokens) for part in (mail.subject, mail.html, mail.text))
        times = tuple(sum(three) for three in zip(subject.times, html.times, text.times, strict=True))
        together = _Size(subject.shared + html.shared + text.shared, times)
        return cls(subject, html, together, sum(map(len, mail.tokens)))

    def fields_over(self, most: int) -> Callable[[tuple[str, ...]], bool]:
        names = self.names
        return lambda row: names + sum(len(value.encode(errors="replace")) for value in row) > most
