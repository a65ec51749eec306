"""A preflight finds what would go wrong for anybody of an audience, and counts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from campaign.channels.sendgrid import SendGrid
from campaign.channels.smtp import Smtp
from campaign.flow import preflight
from campaign.flow.preflight import Finding, Instruments, Report
from campaign.model.batch import MailBatch, Payload
from campaign.model.bundle import Bundle
from campaign.model.message import Message
from campaign.model.plan import Repeat, Step
from campaign.model.segment import Segment
from campaign.model.supporter import NewSupporter, Reason
from campaign.model.wave import PlannedWave
from campaign.ports.channel import Limits
from campaign.ports.pages import Broken
from campaign.ports.spam import Judged
from campaign.storage.database import Database
from campaign.storage.supporters import SqlSupporters
from tests.builders import CONSENT, T0, bundle, mail_message, step, wave

FOOT = "<p>1 Example Street, Seattle <a href='{{ unsubscribe_url }}'>Leave</a></p>"
TEXT = "Hello {{ supporter.first_name | fallback('friend') }}\n1 Example Street, Seattle\n{{ unsubscribe_url }}\n"


def message(html: str = "<p>Hello</p>", text: str = TEXT, subject: str = "Act now", **more: Sequence[str]) -> Message:
    return mail_message(html=f"<html><body>{html}{FOOT}</body></html>", text=text, subject=subject, **more)


@dataclass
class Filter:
    """A spam filter that says what it is told to, and keeps what it was shown."""

    says: Judged = field(default_factory=lambda: Judged(why_not="there is none"))
    seen: list[bytes] = field(default_factory=list)

    def judge(self, message: bytes) -> Judged:
        self.seen.append(message)
        return self.says


@dataclass
class Site:
    """Pages, of which some are not there."""

    gone: Mapping[str, Broken]
    most: int = 50
    asked: list[str] = field(default_factory=list)

    def broken(self, links: Sequence[str]) -> Mapping[str, Broken]:
        self.asked += links
        return {url: why for url, why in self.gone.items() if url in links}


@dataclass
class Room:
    supporters: SqlSupporters
    instruments: Instruments

    def add(self, *people: NewSupporter) -> None:
        self.supporters.add(people, at=T0)

    def look(
        self, message: Message | None = None, chosen: Step | None = None, waves: Sequence[PlannedWave] = ()
    ) -> Report:
        made = bundle(chosen or step(), message or globals()["message"]())
        return self.at(made, waves or (wave(),))

    def at(self, made: Bundle, waves: Sequence[PlannedWave]) -> Report:
        return preflight.step(made, waves, self.instruments)

    def finds(self, kind: str, message: Message | None = None) -> list[Finding]:
        return [one for one in self.look(message).findings if one.kind == kind]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    supporters = SqlSupporters(database)
    instruments = Instruments(
        supporters=supporters,
        channel=SendGrid(api_key=""),
        raw=Smtp(host="localhost"),
        public_url="https://campaign.example.net",
        spam=Filter(),
    )
    yield Room(supporters, instruments)
    database.close()


def person(number: int, **changes: object) -> NewSupporter:
    made = NewSupporter(email=f"person{number}@example.org", first_name=f"Name{number}", consent=CONSENT)
    return replace(made, **changes)  # type: ignore[arg-type]  # names of NewSupporter's own fields


def test_a_message_that_is_right_passes_with_nothing_to_say(room: Room) -> None:
    room.add(*(person(number) for number in range(5)))
    report = room.look()
    assert report.passes
    assert [(one.severity, one.kind) for one in report.findings] == [("note", "spam")]
    assert (report.rendered, dict(report.mails)) == (5, {"en": 5})


def test_a_blank_is_an_error_with_its_people_and_its_line(room: Room) -> None:
    room.add(person(1), person(2, first_name=""), person(3), *(person(n, first_name="") for n in range(4, 9)))
    [blank] = room.finds("blank", message("<p>Dear {{ supporter.first_name }},</p>"))
    assert (blank.severity, blank.people, blank.places) == ("error", 6, ("alert.html:1",))
    assert len(blank.examples) == 3
    assert room.supporters.get(blank.examples)[blank.examples[0]].first_name == ""


def test_a_fall_back_is_told_with_its_words_and_each_person_once(room: Room) -> None:
    room.add(person(1), person(2, first_name=""), person(3, first_name=""))
    html = "<p>Hi {{ supporter.first_name | fallback('friend') }}, {{ supporter.first_name | fallback('friend') }}</p>"
    [fell] = room.finds("fall-back", message(html))
    assert (fell.severity, fell.people) == ("note", 2)
    assert '"friend"' in fell.what
    assert fell.places == ("alert.html:1", "alert.txt:1")


def test_a_message_that_fails_for_somebody_names_them_all_and_renders_the_rest(room: Room) -> None:
    room.add(person(1), person(2, tags=("a",)), person(3))
    report = room.look(message("<p>{{ supporter.tags[0] }}</p>"))
    [failed] = [one for one in report.findings if one.kind == "rendering"]
    assert (failed.severity, failed.people, failed.places) == ("error", 2, ("alert.html:1",))
    assert report.rendered == 1
    assert not report.passes


def test_a_message_that_fails_for_everybody_is_given_up_and_says_so(room: Room) -> None:
    room.add(*(person(number) for number in range(2_100)))
    report = room.look(message("<p>{{ supporter.tags[0] }}</p>"))
    assert [one.people for one in report.findings if one.kind == "rendering"] == [2_000, 0]
    assert "stopped after 2,000 people" in str(report.findings)


def test_fields_too_large_are_a_warning_with_their_number(room: Room) -> None:
    room.add(person(1), person(2, extra={"story": "x" * 10_001}), person(3, extra={"story": "ü" * 5_001}))
    html = "<p>{{ supporter.extra.story | fallback('nothing') }}</p>"
    [large] = [one for one in room.finds("size", message(html)) if "10,000 bytes" in one.what]
    assert (large.severity, large.people) == ("warning", 2)


def test_what_gmail_clips_is_counted_to_the_byte(room: Room) -> None:
    long = "x" * 90_000
    html = f"<p>{long}{{{{ supporter.extra.story | fallback('-') }}}}</p>"
    room.add(person(1), person(2, extra={"story": "ü" * 9_000}))
    [clipped] = [one for one in room.finds("size", message(html)) if "Gmail" in one.what]
    assert (clipped.severity, clipped.people) == ("warning", 1)


def test_what_is_over_the_providers_limit_is_an_error(room: Room) -> None:
    room.instruments = replace(room.instruments, channel=Small(api_key=""))
    room.add(person(1))
    [over] = room.finds("size", message("<p>" + "x" * 600_000 + "</p>"))[:1]
    assert over.severity == "error"
    assert "500,000 bytes" in over.what


class Small(SendGrid):
    """SendGrid, were its limit lower."""

    @property
    def limits(self) -> Limits:
        return Limits(batch=1_000, in_flight=1, message_bytes=500_000)

    @limits.setter
    def limits(self, given: Limits) -> None: ...


def test_a_long_subject_is_counted_for_those_who_get_one(room: Room) -> None:
    room.add(person(1), person(2, first_name="X" * 80))
    [long] = room.finds("subject", message(subject="Act, {{ supporter.first_name | fallback('you') }}"))
    assert (long.severity, long.people) == ("warning", 1)


def test_an_empty_subject_is_an_error(room: Room) -> None:
    room.add(person(1))
    [empty] = room.finds("subject", message(subject="{% if supporter.acted_at %}x{% endif %}"))
    assert empty.severity == "error"


LEAVE = "<a href='{{ unsubscribe_url }}'>Leave</a>"
ADDRESS = "<p>1 Example Street, Seattle</p>"


@pytest.mark.parametrize(
    ("html", "kind"),
    [
        (ADDRESS, "unsubscribe"),
        (LEAVE, "postal address"),
        (f"{ADDRESS}{{% if supporter.acted_at %}}{LEAVE}{{% endif %}}", "unsubscribe"),
        (f"{ADDRESS}{{% if not supporter.acted_at %}}{LEAVE}{{% endif %}}", "unsubscribe"),
        (f"{LEAVE}{{% if not supporter.acted_at %}}{ADDRESS}{{% endif %}}", "postal address"),
    ],
)
def test_what_everybody_must_have_may_not_be_missing_for_anybody(room: Room, html: str, kind: str) -> None:
    room.add(person(1))
    plain = mail_message(html=f"<html><body>{html}</body></html>", text=TEXT, subject="Act")
    assert [one.severity for one in room.finds(kind, plain)] == ["error"]


def test_what_is_wrong_for_everybody_is_about_the_message_and_counts_nobody(room: Room) -> None:
    room.add(*(person(number, tags=(str(number),)) for number in range(5)))
    link = "<a href='https://act.example.org/{{ tag | urlencode }}'>y</a>"
    html = f"<a href='#'>x</a>{{% for tag in supporter.tags %}}{link}{{% endfor %}}"
    [broken] = room.look(message(html)).of("error")
    assert (broken.kind, broken.people, broken.examples) == ("link", 0, ())


def test_a_text_part_that_is_made_from_the_html_part_has_what_it_must_have(room: Room) -> None:
    room.add(person(1))
    made = message()
    derived = replace(made.mails["en"], text=None)
    report = room.look(replace(made, mails={"en": derived}))
    assert report.passes, report.findings


def test_a_link_or_picture_that_only_some_get_is_found(room: Room) -> None:
    room.add(*(person(number) for number in range(20)), person(99, tags=("donor",)))
    html = "{% if 'donor' in supporter.tags %}<p><a href='#'>Give</a><img src='a.png'></p>{% endif %}"
    found = {one.kind: one for one in room.look(message(html)).of("error")}
    assert {kind: one.people for kind, one in found.items()} == {"link": 1, "picture": 1}


def test_a_placeholder_in_somebodys_data_is_found(room: Room) -> None:
    room.add(person(1), person(2, first_name="*|FNAME|*"))
    [left] = room.finds("placeholder")
    assert (left.severity, left.people) == ("error", 1)
    assert "own data" in left.what


def test_who_gets_nothing_is_counted(room: Room) -> None:
    room.add(person(1), person(2), person(3, consent=None))
    room.supporters.suppress("person2@example.org", reason=Reason.UNSUBSCRIBED, source="test", at=T0)
    found = {one.what: one.people for one in room.finds("left out of the audience")}
    assert found == {"suppressed: they get nothing": 1, "without consent: they get nothing": 1}


def test_a_mailbox_that_would_get_it_twice_is_a_warning(room: Room) -> None:
    room.add(person(1), person(2, email="person1+news@example.org"))
    [twice] = room.finds("duplicates")
    assert (twice.severity, twice.people, len(twice.examples)) == ("warning", 1, 2)


def test_without_supporters_it_says_so_and_looks_at_the_message_all_the_same(room: Room) -> None:
    report = room.look(message("<a href='#'>x</a>"))
    assert report.rendered == 0
    assert "no supporters are imported" in str(report.of("warning"))
    assert [(one.kind, one.people) for one in report.of("error")] == [("link", 0)]


def test_a_segment_that_is_empty_is_told_from_a_list_that_is(room: Room) -> None:
    room.add(person(1))
    nobody = step(segment=Segment("nobody", tags_all=("none",)))
    assert 'nobody is in the segment "nobody"' in str(room.look(chosen=nobody).of("warning"))


def test_every_language_is_read_by_those_who_get_it(room: Room) -> None:
    room.add(person(1), person(2, language="es"), person(3, language="es", first_name=""), person(4, language="fr"))
    report = room.look(message("<p>{{ supporter.first_name }}</p>", languages=("en", "es")))
    assert dict(report.mails) == {"en": 2, "es": 2}
    [blank] = report.of("error")
    assert (blank.people, blank.mails) == (1, ("es",))


def test_waves_by_local_time_are_read_once_each_person(room: Room) -> None:
    room.add(person(1, zone="Asia/Tokyo"), person(2, zone="America/New_York"), person(3))
    waves = (
        PlannedWave("alert", 1, T0, zones=("Asia/Tokyo",)),
        PlannedWave("alert", 2, T0 + timedelta(hours=1), zones=("America/New_York",)),
    )
    assert room.look(waves=waves).rendered == 3


def test_each_time_that_a_step_comes_is_read_for_everybody(room: Room) -> None:
    room.add(person(1, first_name=""), person(2))
    often = step(repeat=Repeat(every=timedelta(days=7), count=2))
    waves = (wave(number=1), wave(number=2, due_at=T0 + timedelta(days=7)))
    html = "{% if step.number == 2 %}<p>{{ supporter.first_name }}</p>{% endif %}"
    report = room.look(message(html), often, waves)
    assert dict(report.mails) == {"time 1, en": 2, "time 2, en": 2}
    [blank] = report.of("error")
    assert (blank.people, blank.mails) == (1, ("time 2, en",))


def test_every_arm_is_read_for_everybody(room: Room) -> None:
    room.add(person(1, first_name=""), person(2))
    made = replace(bundle(message=message()), arms={"a": message(), "b": message("<p>{{ supporter.first_name }}</p>")})
    report = room.at(made, (wave(),))
    assert dict(report.mails) == {"arm a, en": 2, "arm b, en": 2}
    [blank] = report.of("error")
    assert (blank.people, blank.mails) == (1, ("arm b, en",))
    [fell] = [one for one in report.findings if one.kind == "fall-back"]
    assert fell.people == 1, "one person, in whichever arm"


def test_spam_is_judged_on_the_mail_in_full(room: Room) -> None:
    room.add(person(1))
    spam = Filter(Judged(score=6.2, threshold=5.0, tests=("MISSING_DATE", "HTML_MESSAGE")))
    room.instruments = replace(room.instruments, spam=spam)
    [judged] = room.finds("spam")
    assert (judged.severity, judged.what) == (
        "error",
        "SpamAssassin gives 6.2 points of 5: MISSING_DATE, HTML_MESSAGE",
    )
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in spam.seen[0]
    assert b"multipart/alternative" in spam.seen[0]


def test_unsubscribing_must_be_possible_by_https(room: Room) -> None:
    room.add(person(1))
    room.instruments = replace(room.instruments, public_url="http://127.0.0.1:8000")
    assert [one.severity for one in room.finds("one-click")] == ["error"]


class Headless(SendGrid):
    """A channel that forgets the headers."""

    def compose(self, batch: MailBatch) -> Payload:
        return super().compose(replace(batch, rows=[row._replace(unsubscribe_url="") for row in batch.rows]))


def test_a_channel_that_sends_no_one_click_header_is_an_error(room: Room) -> None:
    room.add(person(1))
    room.instruments = replace(room.instruments, channel=Headless(api_key=""))
    [missing] = room.finds("one-click")
    assert missing.severity == "error"


def test_pages_are_asked_for_only_where_that_is_wanted(room: Room) -> None:
    room.add(person(1))
    html = "<a href='{{ links.action }}'>a</a><a href='https://example.org/letter'>b</a>"
    assert room.finds("link", message(html)) == []
    gone, hidden = "https://example.org/letter", "https://act.example.org/"
    site = Site({gone: Broken("404 Not Found"), hidden: Broken("403 Forbidden", uncertain=True)})
    room.instruments = replace(room.instruments, pages=site)
    found = {one.severity: one.what for one in room.finds("link", message(html))}
    assert found == {
        "error": f"{gone}: 404 Not Found",
        "warning": f"{hidden}: 403 Forbidden",
        "note": "2 pages were asked for",
    }


def test_it_tells_how_far_it_has_got(room: Room) -> None:
    room.add(*(person(number) for number in range(2_500)))
    watch = Counter()
    room.instruments = replace(room.instruments, watch=watch)
    room.look()
    assert (watch.expected, watch.rendered) == (2_500, [2_000, 500])


class Counter:
    def __init__(self) -> None:
        self.expected = 0
        self.rendered: list[int] = []

    def planned(self, number: int) -> None:
        self.expected += number

    def done(self, number: int) -> None:
        self.rendered.append(number)
