"""People are told once of what has happened, and of what they can do; nothing that is sent waits for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from threading import Event as Flag

import pytest

from campaign.flow import news, rollout
from campaign.flow.notices import GIVEN_UP_AFTER, Notices
from campaign.model.breaker import BREAKER, Breakers, Limit, Limits, Measure
from campaign.model.delivery import State
from campaign.model.notice import Notice, NoticeKind
from campaign.model.outcome import InDoubt, Refused
from campaign.model.plan import Late
from campaign.model.stop import EVERYTHING
from campaign.model.wave import WaveState
from campaign.notifying.apprise import Apprise
from campaign.ports.channel import Settling
from campaign.storage.notices import SqlOutbox
from tests.builders import T0, step, wave
from tests.desks import HOUR, MINUTE, Office, Told, office
from tests.listening import Listener, listening

URGENT = Notice(
    "held 1", NoticeKind.HOLD, "alert#1 is held\nIt is late.\nTo let it go: campaign approve --release alert"
)


class Teller:
    """Somebody who can be told, and remembers: a notifier like any other."""

    def __init__(self, *places: str, why: Mapping[str, str] | None = None) -> None:
        self.places = places or ("a",)
        self.why = dict(why or {})
        self.got: list[tuple[str, str, str]] = []
        self.urgent: list[bool] = []
        self.breaks = False
        self.goes_on = Flag()
        self.goes_on.set()
        self.asked = Flag()

    def send(self, place: str, title: str, text: str, *, urgent: bool) -> str:
        self.asked.set()
        self.goes_on.wait(60)
        self.got.append((place, title, text))
        self.urgent.append(urgent)
        if self.breaks:
            raise RuntimeError("mailto://user:secret@example.org")
        return self.why.get(place, "")

    @property
    def titles(self) -> list[str]:
        return [title for _, title, _ in self.got]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path, mail=Told("sendgrid", settles=Settling(by="events"))) as one:
        yield one


def told_by(there: Office, teller: Teller | Apprise, *on: NoticeKind) -> Notices:
    box = SqlOutbox(there.database, world="live")
    notices = Notices(
        box, there.clock, tell=there.desk.tell, notifier=teller, on=on or tuple(NoticeKind), zone="America/New_York"
    )
    there.desk.notices = notices
    return notices


def tell(there: Office) -> None:
    """Make what is to be made, and wait until it was carried."""
    news.tell(there.desk)
    assert there.desk.notices is not None
    there.desk.notices.finish(within_s=60)


def send(there: Office, n: int = 9) -> None:
    there.add(n)
    there.approve(step(), wave())
    rollout.turns(there.desk)()


def test_a_launch_and_a_completion_are_told_with_figures_and_what_to_do(there: Office) -> None:
    teller = Teller()
    told_by(there, teller)
    send(there)
    tell(there)
    tell(there)
    ((_, title, text),) = teller.got
    assert title == "2 notices"
    assert "alert has begun\nThe first of it left by email at 22 May 09:00:00 EDT.\n" in text
    assert "campaign pause alert" in text
    assert "alert is complete\n9 accepted, of 9 planned.\nNothing else of the plan is left to send.\n" in text


def test_each_notice_is_told_once_also_by_a_program_that_was_started_anew(there: Office) -> None:
    told_by(there, Teller())
    send(there)
    tell(there)
    again = Teller()
    told_by(there, again)
    tell(there)
    assert again.got == []


def test_a_notice_that_a_crash_kept_from_being_carried_is_carried_by_the_next_program(there: Office) -> None:
    told_by(there, Teller()).put(URGENT)  # and no more: it ends here
    teller = Teller()
    told_by(there, teller)
    tell(there)
    assert teller.titles == ["alert#1 is held"]


def test_only_the_kinds_that_are_asked_for_are_told(there: Office) -> None:
    teller = Teller()
    told_by(there, teller, NoticeKind.COMPLETION)
    send(there)
    tell(there)
    assert teller.titles == ["alert is complete"]
    assert teller.urgent == [False]


def test_what_happened_long_ago_is_told_to_nobody(there: Office) -> None:
    send(there)
    there.wait(news.STALE)
    teller = Teller()
    told_by(there, teller)
    tell(there)
    assert teller.got == []


def test_what_is_held_is_told_once_for_all_waves_of_a_step_with_the_way_out(there: Office) -> None:
    teller = Teller()
    told_by(there, teller)
    late = step(late=Late(within=MINUTE, then="hold"))
    there.approve(late, *(wave(number=number) for number in range(1, 8)))
    there.wait(HOUR)
    rollout.turns(there.desk)()
    tell(there)
    ((_, title, text),) = teller.got
    assert title == "alert#1, alert#2, alert#3, alert#4, alert#5 and 2 more are held"
    assert "1:00:00 late" in text
    assert "campaign approve --release alert" in text
    assert {one.state for one in there.waves()} == {WaveState.HELD}


def test_what_was_missed_is_told_as_well(there: Office) -> None:
    teller = Teller()
    told_by(there, teller)
    there.approve(step(late=Late(within=MINUTE, then="skip")), wave())
    there.wait(HOUR)
    rollout.turns(there.desk)()
    tell(there)
    assert teller.titles == ["alert#1 is missed"]
    assert teller.urgent == [True]
    assert "will not be" in teller.got[0][2]


def test_a_halt_a_pause_and_a_resume_are_told_whoever_did_it(there: Office) -> None:
    teller = Teller()
    told_by(there, teller)
    there.ledger.stop(EVERYTHING, by="Jo Example", why="the letter was withdrawn", at=T0)
    there.ledger.stop("alert", by="Mo Example", why="", at=T0)
    tell(there)
    there.wait(MINUTE)
    there.ledger.resume(EVERYTHING, by="Jo Example", at=there.clock.now())
    tell(there)
    first, second = (text for _, _, text in teller.got)
    assert "Everything is stopped\nBy Jo Example at 22 May 09:00:00 EDT: the letter was withdrawn.\n" in first
    assert "alert is paused\nBy Mo Example" in first
    assert teller.titles[1] == "Everything goes on"
    assert "Jo Example has let it go on at 22 May 09:01:00 EDT." in second


def test_a_breakers_stop_is_told_with_its_figures_and_what_to_look_at(there: Office) -> None:
    teller = Teller()
    told_by(there, teller)
    there.desk.limits = lambda: Limits(mail=Breakers(after=4, limits={Measure.REFUSALS: Limit(warn=1_000, stop=5_000)}))
    there.mail.delivers = lambda batch, _: [Refused("no")] * len(batch)
    there.add(40)
    there.approve(step(), wave(), wave(number=2, due_at=T0 + HOUR))
    rollout.turns(there.desk)()
    tell(there)
    text = "\n".join(text for _, _, text in teller.got)
    assert "A breaker has stopped alert" in text
    assert "40 refused of 40 tried (100.00%), and the limit is 50%. The provider does not take it" in text
    assert "campaign resume alert" in text
    assert "Warning: alert, 40 refused of 40 tried (100.00%)\nPeople are warned from 10% on." in text
    assert there.ledger.stops()[0].by == BREAKER


def test_a_doubt_is_put_to_a_person_once_it_has_not_ended_by_itself_and_again_each_day(there: Office) -> None:
    teller = Teller()
    told_by(there, teller, NoticeKind.DOUBT)
    there.mail.delivers = lambda batch, _: [InDoubt("no answer")] * len(batch)
    send(there)
    tell(there)
    assert teller.got == []
    there.wait(news.PATIENCE)
    tell(there)
    tell(there)
    assert teller.titles == ["alert: 9 in doubt"]
    assert "campaign resolve" in teller.got[0][2]
    there.wait(24 * HOUR)
    tell(there)
    assert len(teller.got) == 2


def test_where_nothing_can_end_a_doubt_a_person_is_asked_at_once(tmp_path: Path) -> None:
    with office(tmp_path, mail=Told("sendgrid", settles=Settling(by="nobody"))) as there:
        teller = Teller()
        told_by(there, teller, NoticeKind.DOUBT)
        there.mail.delivers = lambda batch, _: [InDoubt("no answer")] * len(batch)
        send(there)
        tell(there)
        assert teller.titles == ["alert: 9 in doubt"]


def test_what_could_not_be_carried_is_tried_again_later_and_said_once(there: Office) -> None:
    teller = Teller("a", "b", why={"b": "it answered 500"})
    notices = told_by(there, teller)
    notices.put(URGENT)
    for _ in range(2):
        notices.finish(within_s=60)
    assert [place for place, _, _ in sorted(teller.got)] == ["a", "b"]
    assert there.told == ["people could not be told by b: it answered 500; it is tried again for a day"]
    there.wait(MINUTE)
    teller.why = {}
    notices.finish(within_s=60)
    there.wait(24 * HOUR)
    notices.finish(within_s=60)
    assert [place for place, _, _ in teller.got].count("b") == 2


def test_what_is_a_day_old_is_given_up(there: Office) -> None:
    teller = Teller(why={"a": "no answer in time"})
    notices = told_by(there, teller)
    notices.put(URGENT)
    notices.finish(within_s=60)
    there.wait(GIVEN_UP_AFTER)
    notices.finish(within_s=60)
    there.wait(HOUR)
    notices.finish(within_s=60)
    assert len(teller.got) == 1
    assert any("given up" in what for what in there.told)


def test_nothing_that_is_sent_waits_for_somebody_who_is_told(there: Office) -> None:
    teller = Teller()
    teller.goes_on.clear()
    notices = told_by(there, teller)
    notices.put(URGENT)
    notices.carry()
    assert teller.asked.wait(60)
    send(there)  # while it is being carried
    assert there.states() == {State.ACCEPTED: 9}
    teller.goes_on.set()
    notices.finish(within_s=60)
    assert len(teller.got) == 2


def test_who_fails_to_carry_it_in_a_way_of_its_own_fails_nothing_else_and_shows_nothing(there: Office) -> None:
    teller = Teller()
    teller.breaks = True
    notices = told_by(there, teller)
    notices.put(URGENT)
    notices.finish(within_s=60)
    assert there.told == ["people could not be told by a: it failed (RuntimeError); it is tried again for a day"]


def test_with_nobody_to_tell_nothing_is_made_of_what_happens(there: Office) -> None:
    there.desk.notices = Notices(SqlOutbox(there.database, world="live"), there.clock)
    send(there)
    news.tell(there.desk)
    assert there.desk.notices.made == []
    assert there.desk.notices.outbox.next_at() is None


def test_a_rehearsal_shows_what_people_would_be_told_and_tells_nobody(there: Office) -> None:
    box = SqlOutbox(there.database, world="live")
    there.desk.notices = Notices(box, there.clock, tell=there.desk.tell, shows=True)
    send(there)
    news.tell(there.desk)
    assert [notice.kind for notice in there.desk.notices.made] == [NoticeKind.LAUNCH, NoticeKind.COMPLETION]
    assert "people would be told (launch): alert has begun" in there.told
    assert box.next_at() is None


def test_a_rollout_tells_a_real_webhook_each_thing_once(there: Office) -> None:
    def said(listener: Listener) -> list[str]:
        return [str(body["title"]) for _, body in listener.all()]

    with listening() as listener:
        notices = told_by(there, Apprise([f"json://127.0.0.1:{listener.port}/hook"]))
        notices.campaign = "a-letter"
        send(there)
        notices.finish(within_s=60)
        assert said(listener) == ["a-letter: 2 notices"]
        rollout.turns(there.desk)()
        notices.finish(within_s=60)
        assert said(listener) == []


def test_no_text_holds_an_address_of_anybody(there: Office) -> None:
    teller = Teller()
    told_by(there, teller)
    there.mail.delivers = lambda batch, _: [Refused("no such person")] * len(batch)
    send(there)
    tell(there)
    assert "@" not in "".join(title + text for _, title, text in teller.got)


def test_looks_are_close_together_and_cost_no_notice_twice(there: Office) -> None:
    teller = Teller()
    told_by(there, teller)
    send(there)
    for _ in range(5):
        there.wait(timedelta(seconds=1))
        tell(there)
    assert len(teller.got) == 1
