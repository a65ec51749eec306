"""feedback: what providers tell us later, once each, and of our own deliveries alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from campaign.flow import dispatch, feedback, prepare
from campaign.model.delivery import Keys, State
from campaign.model.event import Event, EventKind
from campaign.model.outcome import InDoubt
from campaign.model.supporter import Reason
from tests.builders import T0, step
from tests.desks import Office


def sent(at: Office, n: int = 4) -> list[str]:
    """Mail to ``n`` people; the deliveries' keys as their provider has them."""
    at.add(n)
    at.approve(step())
    prepare.wave(at.desk, at.contents, at.waves()[0])
    dispatch.everything(at.desk, at.contents)
    return [row.key for batch, _ in at.mail.got for row in batch.rows]


def event(key: str, kind: EventKind = EventKind.DELIVERED) -> Event:
    return Event(id=f"{kind} {key}", channel="sendgrid", key=key, kind=kind, at=T0, why="550 no such user")


def tell(at: Office, *events: Event) -> dict[EventKind, int]:
    at.desk.events = lambda: events
    return dict(feedback.apply(at.desk))


def test_events_move_their_deliveries_on(at: Office) -> None:
    keys = sent(at)
    told = tell(at, event(keys[0]), event(keys[1]), event(keys[2], EventKind.BOUNCED))
    assert told == {EventKind.DELIVERED: 2, EventKind.BOUNCED: 1}
    assert at.states() == {State.ACCEPTED: 1, State.DELIVERED: 2, State.BOUNCED: 1}


def test_a_repeat_changes_nothing_in_one_go_or_later(at: Office) -> None:
    keys = sent(at)
    assert tell(at, event(keys[0]), event(keys[0])) == {EventKind.DELIVERED: 1}
    assert tell(at, event(keys[0])) == {}
    assert at.states() == {State.ACCEPTED: 3, State.DELIVERED: 1}


@pytest.mark.parametrize("foreign", ["", "x", "é" * 22, "A" * 22, Keys(b"the secret of somebody else").key(1, 0)])
def test_a_key_that_we_did_not_make_is_nobodys_and_is_left_out(at: Office, foreign: str) -> None:
    keys = sent(at)
    assert tell(at, event(foreign, EventKind.COMPLAINED), event(keys[0])) == {EventKind.DELIVERED: 1}
    assert at.states() == {State.ACCEPTED: 3, State.DELIVERED: 1}
    assert at.supporters.suppression("person0@example.org") is None


def test_a_key_of_ours_for_a_wave_that_there_is_not_is_left_alone(at: Office) -> None:
    sent(at)
    assert tell(at, event(at.desk.keys.key(999, 0))) == {}
    assert at.states() == {State.ACCEPTED: 4}


def test_who_complains_is_not_written_to_by_the_next_wave(at: Office) -> None:
    keys = sent(at)
    tell(at, event(keys[1], EventKind.COMPLAINED))
    found = at.supporters.suppression("person1@example.org")
    assert found is not None
    assert found.reason is Reason.COMPLAINED
    at.approve(replace(step(), id="second"))
    prepare.wave(at.desk, at.contents, at.waves("second")[0])
    dispatch.everything(at.desk, at.contents)
    assert at.states("second") == {State.ACCEPTED: 3, State.SUPPRESSED: 1}


def test_an_event_proves_that_a_request_in_doubt_was_taken(at: Office) -> None:
    at.mail.delivers = lambda batch, _: [InDoubt("the reply was lost")] * len(batch)
    keys = sent(at)
    assert at.states() == {State.IN_DOUBT: 4}
    tell(at, event(keys[3]))
    assert at.states() == {State.ACCEPTED: 3, State.DELIVERED: 1}
