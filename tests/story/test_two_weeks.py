"""A rollout of two weeks across a change to summer time, with all that happens in two weeks.

The United States put their clocks on in the night to Sunday, 8 March 2026, between the launch and the reminder; London,
Auckland and Sydney do not in these weeks. Every instant below is written out by hand, in UTC.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from campaign.engines.clock import VirtualClock
from campaign.flow import review, top_up
from campaign.model.batch import MailBatch
from campaign.model.breaker import BREAKER
from campaign.model.delivery import State
from campaign.model.stop import Stop
from campaign.model.supporter import Basis, Consent, NewSupporter, Reason
from campaign.model.top_up import Reason as Missing
from campaign.model.wave import TOP_UP as TOP_UP_WAVES
from campaign.model.wave import WaveState
from campaign.ports.actions import Action
from campaign.ports.ledger import Filters
from campaign.storage.actions import SqlActions
from tests.plans import LETTER
from tests.story.conftest import Campaign
from tests.virtual import Rollout, at

pytestmark = pytest.mark.xdist_group("two weeks")

PLAN = """\
campaign: example
title: An example
organisation: The Coalition
letter: messages/letter.md
launch: 2026-03-04 09:00
zone: America/New_York
embargo: T-0
clock_change: {skipped: later, doubled: first}
sender: {via: sendgrid, address: campaign@example.org, name: The Coalition, postal_address: "1 Example Street"}
target: {email: office@example.com}
links: {action: https://act.example.org/, letter: https://example.org/letter}
segments:
  partners: {tags_all: [partner]}
  supporters: {tags_none: [partner]}
  not-yet: {tags_none: [partner], acted: false}
  acted: {tags_none: [partner], acted: true}
steps:
  # Before the launch
  - {id: teaser-x, channel: x, account: national, message: post/teaser, embargo: none,
     at: 2026-03-02 10:00, late: {within: 30m, then: skip}}
  - {id: teaser-bluesky, channel: bluesky, account: national, message: post/teaser, embargo: none,
     at: 2026-03-02 10:30, late: {within: 30m, then: hold}}
  - {id: teaser-mastodon, channel: mastodon, account: national, message: post/teaser, embargo: none,
     at: 2026-03-02 11:00, late: {within: 30m, then: send}}
  - {id: heads-up, channel: email, segment: partners, message: email/heads-up, embargo: none,
     at: 2026-03-03 10:00, ramp: {first: 25, grow: 2, every: 4h}, breakers: {after: 10, bounces: {stop: 10%}}}
  # The launch, and what follows it
  - {id: launch-x, channel: x, account: national, message: post/launch, at: T-0}
  - {id: launch-bluesky, channel: bluesky, account: national, message: post/launch, at: T-0}
  - {id: launch-mastodon, channel: mastodon, account: national, message: post/launch, at: T-0}
  - {id: thanks-x, channel: x, account: national, message: post/thanks, at: launch-x +2h, after: launch-x}
  - {id: alert, channel: email, segment: supporters, message: email/alert, at: T+1d 09:00 local}
  - {id: daily, channel: mastodon, account: national, message: post/daily, repeat_text: true,
     at: T+1d 12:00, repeat: {every: 1d, until: T+6d 12:00}}
  - {id: night, channel: bluesky, account: national, message: post/night, at: T+3d 02:30}
  - {id: reminder, channel: email, segment: not-yet, message: email/reminder, at: T+5d 09:00 local}
  - {id: thank-you, channel: email, segment: acted, message: email/thank-you, at: T+10d 10:00,
     after: {step: reminder, is: done}}
"""
POSTS = {
    "teaser": "Something is coming on Wednesday.",
    "launch": "We ask the Example Company to stop.",
    "thanks": "Thanks to all who have passed it on.",
    "daily": "Have you told your neighbours yet?",
    "night": "While you sleep, they do not.",
}
SUBJECTS = {"heads-up": "A heads-up", "alert": "Act now", "reminder": "Once more", "thank-you": "Thank you"}
FILES = {
    "schedules.yaml": PLAN,
    "messages/letter.md": LETTER,
    **{f"messages/post/{name}.md": f"{text}\n" for name, text in POSTS.items()},
    **{
        f"messages/email/{name}/en.html": (
            f"---\nsubject: {subject}\n---\n"
            '<p><a href="{{ links.action }}">Act</a>, or <a href="{{ unsubscribe_url }}">leave</a>.</p>'
            "<p>{{ campaign.postal_address }}</p>\n"
        )
        for name, subject in SUBJECTS.items()
    },
}

LAUNCH = at("2026-03-05", "15:00")
ALERT = {
    "Pacific/Auckland": at("2026-03-05", "20:00"),
    "Australia/Sydney": at("2026-03-05", "22:00"),
    "Europe/London": at("2026-03-06", "09:00"),
    "America/New_York": at("2026-03-06", "14:00"),
    "America/Chicago": at("2026-03-06", "15:00"),
    "America/Denver": at("2026-03-06", "16:00"),
    "America/Phoenix": at("2026-03-06", "16:00"),  # Arizona keeps standard time
    "America/Los_Angeles": at("2026-03-06", "17:00"),
}
REMINDER = {
    "Pacific/Auckland": at("2026-03-09", "20:00"),
    "Australia/Sydney": at("2026-03-09", "22:00"),
    "Europe/London": at("2026-03-10", "09:00"),
    "America/New_York": at("2026-03-10", "13:00"),
    "America/Chicago": at("2026-03-10", "14:00"),
    "America/Denver": at("2026-03-10", "15:00"),
    "America/Phoenix": at("2026-03-10", "16:00"),
    "America/Los_Angeles": at("2026-03-10", "16:00"),
}
DAILY = [
    *(at(f"2026-03-{day}", "17:00") for day in ("06", "07")),
    *(at(f"2026-03-{day}", "16:00") for day in ("08", "09", "10", "11")),
]
NIGHT = at("2026-03-08", "07:30")  # 02:30 is skipped that night; an hour later it is 03:30 EDT
THANKS = at("2026-03-05", "17:00")
TOP_UP = at("2026-03-11", "18:00")
THANK_YOU = at("2026-03-15", "14:00")

EACH = 5
"""So many people live in each zone."""
PARTNERS = {f"partner-{number}@{'bounce' if number % 4 == 0 else 'deliver'}.example.org" for number in range(60)}
LEAVES = "new_york-4@deliver.example.org"
HERE = "America/New_York"
CONSENT = Consent(Basis.OPT_IN, source="a form", at=at("2026-01-01", "12:00"))


def address(zone: str, number: int, domain: str = "deliver") -> str:
    return f"{zone.partition('/')[2].lower()}-{number}@{domain}.example.org"


def living(zones: Sequence[str], *numbers: int) -> set[str]:
    return {address(zone, number) for zone in zones for number in numbers}


def person(
    email: str, zone: str = HERE, *, tags: Sequence[str] = (), consent: Consent | None = CONSENT
) -> NewSupporter:
    return NewSupporter(email=email, zone=zone, tags=tuple(tags), consent=consent)


ACTED = living(list(ALERT), 0)
LATE_IMPORT = living([HERE], 90, 91, 92)
BARRED = {"no-consent@deliver.example.org", "suppressed@deliver.example.org"}
LOST = {"gone@bounce.example.org", "angry@spam.example.org", "bored@unsubscribe.example.org"}
"""They get the alert, and by what the provider tells of it nothing more."""


@dataclass
class Told(Rollout):
    """The rollout, and what was seen on its way."""

    moved: list[str] = field(default_factory=list)
    stops: Sequence[Stop] = ()
    topped_up: top_up.Look | None = None
    left_while: list[State] = field(default_factory=list)

    def states(self, step: str) -> dict[str, WaveState]:
        return {wave.name: wave.state for wave in self.program.ledger.waves(step=step)}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with Told(tmp_path_factory.mktemp("two-weeks"), VirtualClock(at("2026-03-01", "12:00"))) as rollout:
        rollout.write(FILES)
        rollout.start()
        people_join(rollout)
        rollout.approve()
        the_program_does_not_run_for_ten_hours(rollout)
        what_is_held_goes_once_a_person_says_so(rollout)
        a_breaker_stops_the_ramp_and_a_person_lets_it_go_on(rollout)
        the_launch_is_moved_by_a_day_and_an_hour(rollout)
        somebody_leaves_between_claim_and_send(rollout)
        who_is_imported_late_is_topped_up(rollout)
        rollout.run_until(at("2026-03-16", "12:00"))
        yield rollout


def people_join(rollout: Told) -> None:
    now = rollout.clock.now()
    everywhere = [person(address(zone, number), zone) for zone in ALERT for number in range(EACH)]
    partners = [person(email, tags=["partner"]) for email in sorted(PARTNERS)]
    others = [person(email) for email in sorted(LOST)]
    barred = [person("no-consent@deliver.example.org", consent=None), person("suppressed@deliver.example.org")]
    rollout.supporters.add([*everywhere, *partners, *others, *barred], at=now)
    rollout.supporters.suppress("suppressed@deliver.example.org", reason=Reason.BY_HAND, source="a letter", at=now)


def the_program_does_not_run_for_ten_hours(rollout: Told) -> None:
    rollout.run_until(at("2026-03-02", "09:00"))
    rollout.stop()
    rollout.sleep_until(at("2026-03-02", "19:00"))
    rollout.start()
    rollout.run_until(at("2026-03-02", "20:00"))
    assert rollout.states("teaser-x") == {"teaser-x#1": WaveState.MISSED}
    assert rollout.states("teaser-bluesky") == {"teaser-bluesky#1": WaveState.HELD}
    assert rollout.states("teaser-mastodon") == {"teaser-mastodon#1": WaveState.DONE}


def what_is_held_goes_once_a_person_says_so(rollout: Told) -> None:
    rollout.run_until(at("2026-03-02", "21:30"))
    assert rollout.posts("bluesky") == []
    assert rollout.approve("teaser-bluesky", release=True)
    rollout.run_until(at("2026-03-03", "14:00"))
    assert rollout.states("teaser-bluesky") == {"teaser-bluesky#1": WaveState.DONE}


def a_breaker_stops_the_ramp_and_a_person_lets_it_go_on(rollout: Told) -> None:
    rollout.run_until(at("2026-03-03", "20:30"))
    rollout.stops = rollout.program.ledger.stops()
    assert len(rollout.mails()["A heads-up"]) == 25, "the second of the ramp was due at 19:00"
    rollout.program.ledger.resume("heads-up", by="Sam Example", at=rollout.clock.now())
    rollout.run_until(at("2026-03-03", "21:00"))


def the_launch_is_moved_by_a_day_and_an_hour(rollout: Told) -> None:
    """By one edit, which nobody has approved yet when the old instant comes."""
    rollout.edit("launch: 2026-03-04 09:00", "launch: 2026-03-05 10:00")
    rollout.run_until(at("2026-03-04", "20:00"))
    assert rollout.posts("x") == []
    rollout.moved = [*rollout.unapproved()]
    rollout.approve(by="Sam Example")
    assert rollout.unapproved() == {}


def somebody_leaves_between_claim_and_send(rollout: Told) -> None:
    """By the link in the e-mail that they got on Friday, while Tuesday's is being made."""
    rollout.run_until(at("2026-03-09", "12:00"))
    actions = [Action(email, rollout.clock.now()) for email in sorted(ACTED)]
    SqlActions(rollout.program.database).record(actions, at=rollout.clock.now())
    with rollout.pages() as site:

        def leave(batch: MailBatch) -> None:
            if LEAVES not in {row.address for row in batch.rows} or rollout.left_while:
                return
            ledger = rollout.program.ledger
            (theirs,) = ledger.log(Filters(step="reminder", recipient=LEAVES))
            rollout.left_while.append(theirs.state)
            (alert,) = ledger.log(Filters(step="alert", recipient=LEAVES))
            key = rollout.program.desk.keys.key(alert.delivery.wave_id, alert.delivery.seq)
            answer = site.post(f"/u/{key}", **{"List-Unsubscribe": "One-Click"})
            assert answer.status == 200

        rollout.meanwhile = leave
        rollout.run_until(at("2026-03-10", "18:00"))


def who_is_imported_late_is_topped_up(rollout: Told) -> None:
    rollout.run_until(TOP_UP)
    now = rollout.clock.now()
    rollout.supporters.add([person(email) for email in sorted(LATE_IMPORT)], at=now)
    ledger = rollout.program.ledger
    standing = next(one for one in rollout.standings() if one.step.id == "alert")
    found = rollout.topped_up = top_up.look(ledger, standing, now=now)
    top_up.place(
        ledger, found, expected=found.number, batch_size=1_000, by="Jo Example", why="Wednesday's list", now=now
    )


# --- at the stand-ins ---


def test_each_person_gets_each_step_exactly_once_at_their_own_hour(told: Told) -> None:
    mails = told.mails()
    assert dict(mails["Act now"]) == {
        **{address(zone, number): due for zone, due in ALERT.items() for number in range(EACH)},
        **dict.fromkeys(LOST, ALERT[HERE]),
        **dict.fromkeys(LATE_IMPORT, TOP_UP),
    }
    reminded = {address(zone, number): due for zone, due in REMINDER.items() for number in range(1, EACH)}
    assert dict(mails["Once more"]) == {email: due for email, due in reminded.items() if email != LEAVES}
    assert dict(mails["Thank you"]) == dict.fromkeys(ACTED, THANK_YOU)
    assert {email for email, _ in mails["A heads-up"]} == PARTNERS
    assert set(mails) == set(SUBJECTS.values())
    assert max(Counter((subject, email) for subject, got in mails.items() for email, _ in got).values()) == 1


def test_nobody_who_may_not_be_written_to_gets_anything(told: Told) -> None:
    everybody = {email for got in told.mails().values() for email, _ in got}
    assert not everybody & BARRED
    after = {email for subject in ("Once more", "Thank you") for email, _ in told.mails()[subject]}
    assert not after & (LOST | {LEAVES})


def test_posts_stand_at_their_instants_on_both_sides_of_the_change(told: Told) -> None:
    launch = (POSTS["launch"], LAUNCH)
    assert told.posts("x") == [launch, (POSTS["thanks"], THANKS)]
    assert told.posts("bluesky") == [(POSTS["teaser"], at("2026-03-02", "21:30")), launch, (POSTS["night"], NIGHT)]
    assert told.posts("mastodon") == [
        (POSTS["teaser"], at("2026-03-02", "19:00")),
        launch,
        *((POSTS["daily"], due) for due in DAILY),
    ]


def test_nothing_leaves_before_the_embargo(told: Told) -> None:
    mails = [when for subject, got in told.mails().items() if subject != SUBJECTS["heads-up"] for _, when in got]
    posts = [(text, when) for network in ("x", "bluesky", "mastodon") for text, when in told.posts(network)]
    assert min([*mails, *(when for text, when in posts if text != POSTS["teaser"])]) == LAUNCH


# --- in the ledger ---


def test_the_figures_of_every_step_add_up(told: Told) -> None:
    figures = {tally.step: review.figures(tally) for tally in told.program.ledger.tallies()}
    assert {step for step, one in figures.items() if not one.adds_up} == set()
    assert told.program.prove().holds
    assert sum(one.accepted for one in figures.values()) == told.program.prove().mails + told.program.prove().posts
    assert {(one.in_doubt, one.to_send, one.refused) for one in figures.values()} == {(0, 0, 0)}
    assert (figures["alert"].planned, figures["alert"].suppressed) == (len(ALERT) * EACH + 3 + 3 + 2, 2)
    assert figures["reminder"].accepted == len(REMINDER) * (EACH - 1) - 1
    assert all(wave.state in (WaveState.DONE, WaveState.MISSED) for wave in told.program.ledger.waves())


def test_what_came_too_late_fared_by_its_own_rule_and_says_so(told: Told) -> None:
    back = at("2026-03-02", "19:00")
    assert told.heard("teaser-x#1 is missed: 4:00:00 late; the step allows 0:30:00") == [back]
    assert told.heard("teaser-bluesky#1 is held", "3:30:00 late") == [back]
    assert told.heard("teaser-mastodon#1 goes out 3:00:00 late") == [back]


def test_the_breaker_says_why_and_a_person_has_ended_it(told: Told) -> None:
    (stop,) = told.stops
    assert (stop.step, stop.by) == ("heads-up", BREAKER)
    assert re.fullmatch(r"\d bounced of 25 taken \(\d+\.00%\), and the limit is 10%", stop.why)
    assert told.heard("heads-up is stopped:", stop.why, "campaign resume heads-up") == [stop.at]
    assert at("2026-03-03", "15:00") < stop.at < at("2026-03-03", "19:00")
    assert told.heard("heads-up goes on: Sam Example has ended the stop by breaker")
    second = Counter(when for _, when in told.mails()["A heads-up"])
    assert second == {at("2026-03-03", "15:00"): 25, at("2026-03-03", "20:30"): 35}
    assert not told.program.ledger.stops()


def test_the_old_launch_passed_unapproved_and_that_is_told(told: Told) -> None:
    old = at("2026-03-04", "14:00")
    for step in ("launch-x", "launch-bluesky", "launch-mastodon"):
        assert step in told.moved
        assert told.heard(f"{step}#1 is due, but its step has changed since it was approved")[0] <= old
    assert told.heard("the campaign's files have changed", "steps that differ from what was approved wait")


def test_who_left_between_claim_and_send_is_left_out_and_the_ledger_says_why(told: Told) -> None:
    assert told.left_while == [State.CLAIMED]
    (theirs,) = told.program.ledger.log(Filters(step="reminder", recipient=LEAVES))
    assert (theirs.state, theirs.why) == (State.SUPPRESSED, "unsubscribed")
    assert theirs.due_at == REMINDER[HERE]


def test_the_top_up_goes_to_the_late_import_alone(told: Told) -> None:
    assert told.topped_up is not None
    assert told.topped_up.number == len(LATE_IMPORT)
    assert set(told.topped_up.people.people) == {Missing.LATE, Missing.BARRED}
    rows = {one.recipient for one in told.program.ledger.log(Filters(step="alert")) if one.wave >= TOP_UP_WAVES}
    assert rows == LATE_IMPORT


# --- by the real command ---


def test_the_log_and_the_report_tell_it_with_its_reasons(told: Told) -> None:
    campaign = Campaign(told.folder)
    shown = campaign("log", "--world", "rehearsal")
    assert "1  teaser-x, missed: 4:00:00 late; the step allows 0:30:00" in shown
    assert "2  suppressed: unsubscribed" in shown, "one by the link, one by the mailbox provider"
    campaign("report", "--world", "rehearsal", "--out", "report.html")
    report = html.unescape(re.sub(r"<[^>]+>", " ", (told.folder / "report.html").read_text()))
    report = " ".join(report.split())
    assert f"breaker stopped heads-up: {told.stops[0].why}" in report
    assert "Sam Example let heads-up go on" in report
    assert "Sam Example approved 13 steps" in report
    assert "Jo Example topped up alert for 3: Wednesday's list" in report
