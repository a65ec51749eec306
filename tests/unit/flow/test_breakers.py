"""Where too much goes wrong people are warned, and the step is stopped; at a desk with a real ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from campaign.flow import breakers, rollout
from campaign.flow.notices import Notices
from campaign.model.batch import MailBatch, Payload
from campaign.model.breaker import BREAKER, Breakers, Limit, Limits, Measure
from campaign.model.delivery import State
from campaign.model.event import Event, EventKind
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused
from campaign.ports.channel import Settling
from campaign.ports.ledger import Filters
from campaign.storage.notices import SqlOutbox
from tests.builders import T0, step, wave
from tests.desks import HOUR, Office, Told, office

MANY = 40
OFF = Limit()


def limits(measure: Measure, *, warn: int | None = None, stop: int | None = None, after: int = 10) -> Limits:
    return Limits(mail=Breakers(after=after, limits={measure: Limit(warn=warn, stop=stop)}))


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path, mail=Told("sendgrid", settles=Settling(by="events"))) as one:
        one.desk.notices = Notices(SqlOutbox(one.database, world="live"), one.desk.clock)
        yield one


def send(there: Office, *, waves: int = 1) -> Callable[[], object]:
    """A step that went out to forty people in its first wave; the turn of its desk."""
    there.add(MANY)
    there.approve(step(), *(wave(number=number, due_at=T0 + (number - 1) * HOUR) for number in range(1, waves + 1)))
    turn = rollout.turns(there.desk)
    turn()
    return turn


def happen(there: Office, kind: EventKind, number: int, *, first: int = 0) -> None:
    """So many of those who were sent something are told of."""
    seqs = [sent.delivery for sent in there.ledger.log(Filters()) if sent.state is State.ACCEPTED][
        first : first + number
    ]
    events = [
        Event(f"{kind}{one.wave_id}.{one.seq}", "sendgrid", there.desk.keys.key(one.wave_id, one.seq), kind, T0)
        for one in seqs
    ]
    there.ledger.apply(list(zip(seqs, events, strict=True)), now=there.clock.now())


def stops(there: Office) -> list[tuple[str, str, str]]:
    return [(stop.step, stop.by, stop.why) for stop in there.ledger.stops()]


@pytest.mark.parametrize(
    ("kind", "measure", "word"),
    [
        (EventKind.COMPLAINED, Measure.COMPLAINTS, "complaints"),
        (EventKind.BOUNCED, Measure.BOUNCES, "bounced"),
        (EventKind.BLOCKED, Measure.BOUNCES, "bounced"),
    ],
)
def test_too_many_events_stop_the_step_and_say_why_in_figures(
    there: Office, kind: EventKind, measure: Measure, word: str
) -> None:
    there.desk.limits = lambda: limits(measure, stop=1_000)
    send(there, waves=2)
    happen(there, kind, 3)
    assert breakers.look(there.desk) == ()
    happen(there, kind, 1, first=30)
    assert breakers.look(there.desk) == ("alert",)
    assert stops(there) == [("alert", BREAKER, f"4 {word} of 40 taken (10.00%), and the limit is 10%")]
    assert any("campaign resume alert" in told for told in there.told)


def test_a_stopped_step_sends_nothing_more(there: Office) -> None:
    there.desk.limits = lambda: limits(Measure.BOUNCES, stop=1_000)
    turn = send(there, waves=2)
    happen(there, EventKind.BOUNCED, 4)
    there.wait(HOUR)
    turn()
    sent = len(there.mail.got)
    turn()
    assert len(there.mail.got) == sent == MANY // 4
    assert stops(there) != []


def test_a_limit_counts_only_after_its_number_of_deliveries(there: Office) -> None:
    there.desk.limits = lambda: limits(Measure.BOUNCES, stop=1_000, after=MANY + 1)
    send(there, waves=2)
    happen(there, EventKind.BOUNCED, MANY)
    assert breakers.look(there.desk) == ()


def test_what_time_mends_counts_ten_times_later(there: Office) -> None:
    """One answer that is lost leaves a thousand in doubt, and is no reason to stop the rest."""
    there.desk.limits = lambda: limits(Measure.DOUBTS, stop=4_000, after=MANY // 10 + 1)
    answers(there, InDoubt("no answer"))
    send(there, waves=2)
    assert breakers.look(there.desk) == ()
    there.desk.limits = lambda: limits(Measure.DOUBTS, stop=4_000, after=MANY // 10)
    assert breakers.look(there.desk) == ("alert",)


def test_a_limit_that_is_off_stops_nothing(there: Office) -> None:
    there.desk.limits = lambda: Limits(mail=Breakers(after=1, limits=dict.fromkeys(Measure, OFF)))
    send(there, waves=2)
    happen(there, EventKind.BOUNCED, MANY)
    assert breakers.look(there.desk) == ()
    assert stops(there) == []


def test_a_step_that_is_all_out_is_not_stopped(there: Office) -> None:
    there.desk.limits = lambda: limits(Measure.BOUNCES, stop=1_000)
    send(there)
    happen(there, EventKind.BOUNCED, MANY)
    assert breakers.look(there.desk) == ()


def answers(there: Office, bad: Outcome) -> None:
    """Every second one is taken."""

    def deliver(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
        return [bad if place % 2 else Accepted() for place in range(len(batch))]

    there.mail.delivers = deliver


@pytest.mark.parametrize(
    ("bad", "measure", "word"),
    [
        (Refused("no such person"), Measure.REFUSALS, "refused"),
        (Deferred("later", until=T0 + HOUR), Measure.DEFERRALS, "put off"),
        (InDoubt("no answer"), Measure.DOUBTS, "in doubt"),
    ],
)
def test_what_the_provider_answers_stops_the_step_in_the_midst_of_its_dispatch(
    there: Office, bad: Outcome, measure: Measure, word: str
) -> None:
    there.desk.limits = lambda: limits(measure, stop=4_000)
    answers(there, bad)
    there.add(1_000)
    there.approve(step(), wave())
    rollout.turns(there.desk)()
    assert word in stops(there)[0][2]
    assert there.states()[State.PLANNED] > 0
    assert len(there.mail.got) < 250


def test_a_breaker_looks_only_at_what_comes_after_a_person_has_let_the_step_go_on(there: Office) -> None:
    there.desk.limits = lambda: limits(Measure.BOUNCES, stop=1_000, after=20)
    turn = send(there, waves=3)
    happen(there, EventKind.BOUNCED, 10)
    assert breakers.look(there.desk) == ("alert",)
    there.ledger.resume("alert", by="Jo Example", at=there.clock.now())
    assert breakers.look(there.desk) == ()
    there.wait(HOUR)
    turn()  # to the thirty who have not bounced
    assert breakers.look(there.desk) == ()
    happen(there, EventKind.BOUNCED, 4, first=20)
    assert breakers.look(there.desk) == ("alert",)
    assert stops(there)[0][2] == "4 bounced of 30 taken (13.33%) since it was resumed, and the limit is 10%"


def test_where_a_breaker_counts_from_is_the_same_for_a_program_that_was_started_later(there: Office) -> None:
    there.desk.limits = lambda: limits(Measure.BOUNCES, stop=1_000)
    send(there, waves=2)
    happen(there, EventKind.BOUNCED, 10)
    breakers.look(there.desk)
    there.ledger.resume("alert", by="Jo Example", at=there.clock.now())
    first = there.ledger.gauges()
    happen(there, EventKind.BOUNCED, 2, first=15)
    again = {one.step: one.gauge for one in there.ledger.gauges()}
    assert {one.gauge.bounces for one in first} == {0}
    assert again["alert"].bounces == 2


def test_what_goes_wrong_on_a_channel_stops_all_of_its_steps_that_are_going_out(there: Office) -> None:
    whole = limits(Measure.BOUNCES, stop=1_000)
    own = Breakers(after=10, limits={Measure.BOUNCES: OFF})
    there.desk.limits = lambda: Limits(mail=whole.mail, steps={"alert": own, "second": own})
    send(there, waves=2)
    there.approve(step("second"), wave("second"), wave("second", number=2, due_at=T0 + HOUR))
    there.approve(step("much-later"), wave("much-later", due_at=T0 + 24 * HOUR))
    rollout.turns(there.desk)()
    happen(there, EventKind.BOUNCED, 8)
    assert sorted(breakers.look(there.desk)) == ["alert", "second"]
    assert stops(there)[0][2] == "e-mail as a whole: 8 bounced of 80 taken (10.00%), and the limit is 10%"
    # Whoever lets one of them go on has seen the channel's figures.
    there.ledger.resume("alert", by="Jo Example", at=there.clock.now())
    assert breakers.look(there.desk) == ()


def test_people_are_warned_once_for_each_limit_and_again_after_it_was_resumed(there: Office) -> None:
    there.desk.limits = lambda: limits(Measure.BOUNCES, warn=500, stop=1_000)
    send(there, waves=2)
    happen(there, EventKind.BOUNCED, 2)
    breakers.look(there.desk)
    breakers.look(there.desk)
    warned = [told for told in there.told if told.startswith("warning")]
    assert warned == [
        "warning: alert: 2 bounced of 40 taken (5.00%); people are warned from 5% on",
        "warning: e-mail: 2 bounced of 40 taken (5.00%); people are warned from 5% on",
    ]
    happen(there, EventKind.BOUNCED, 2, first=10)
    breakers.look(there.desk)
    there.ledger.resume("alert", by="Jo Example", at=there.clock.now())
    breakers.look(there.desk)
    happen(there, EventKind.BOUNCED, 4, first=20)
    assert len([told for told in there.told if told.startswith("warning: alert")]) == 1


def test_what_somebody_has_paused_is_not_stopped_once_more(there: Office) -> None:
    there.desk.limits = lambda: limits(Measure.BOUNCES, stop=1_000)
    send(there, waves=2)
    there.ledger.stop("alert", by="Jo Example", why="", at=T0)
    happen(there, EventKind.BOUNCED, MANY)
    assert breakers.look(there.desk) == ()


def test_the_posts_of_a_network_are_held_to_limits_of_their_own(tmp_path: Path) -> None:
    with office(tmp_path, posts=(Told("x", delivers=lambda batch, _: [Refused("no")] * len(batch)),)) as there:
        accounts = tuple("abcdefghij")
        there.approve(
            step("post", channel="x", accounts=accounts), wave("post"), wave("post", number=2, due_at=T0 + HOUR)
        )
        rollout.turns(there.desk)()
        assert stops(there) == [("post", BREAKER, "10 refused of 10 tried (100.00%), and the limit is 50%")]


def test_a_glance_looks_again_after_some_time_and_not_at_once(there: Office) -> None:
    from campaign.flow.watching import GLANCE, Watching  # noqa: PLC0415 - beside what it is about

    there.desk.limits = lambda: limits(Measure.BOUNCES, stop=1_000)
    send(there, waves=2)
    watching = Watching(there.desk)
    watching.glance()
    happen(there, EventKind.BOUNCED, MANY)
    watching.glance()
    assert stops(there) == []
    there.wait(GLANCE + timedelta(seconds=1))
    watching.glance()
    assert stops(there) != []
