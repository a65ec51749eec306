"""feedback: what providers tell us later, once each, and of our own deliveries alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from campaign.channels import sendgrid_events
from campaign.flow import dispatch, feedback, prepare, rollout
from campaign.flow.feedback import GLANCE, LOOK, Feedback
from campaign.model.delivery import Keys, State
from campaign.model.event import Event, EventKind
from campaign.model.outcome import Accepted, InDoubt
from campaign.model.supporter import Reason
from campaign.model.wave import LEAD, WaveState
from campaign.storage.inbox import SqlInbox
from tests.builders import T0, payload, post_message, step, wave
from tests.desks import HOUR, Office, office


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


def test_an_event_that_is_heard_while_its_mail_is_being_sent_is_not_lost(at: Office) -> None:
    at.add(2)
    at.approve(step())
    prepare.wave(at.desk, at.contents, at.waves()[0])
    (claim,) = at.ledger.claim(owner="another program", now=T0, lease=HOUR, most=1)
    at.ledger.begin(claim, payload(2), now=T0)
    assert tell(at, event(at.desk.keys.key(claim.wave.id, 1))) == {}
    at.ledger.record(claim, dict.fromkeys(claim.seqs, Accepted()), now=T0, retry_at=T0)
    assert tell(at) == {EventKind.DELIVERED: 1}
    assert tell(at) == {}
    assert at.states() == {State.ACCEPTED: 1, State.DELIVERED: 1}


# --- what was posted, in the turns of a rollout ---


def listens(at: Office) -> SqlInbox:
    inbox = SqlInbox(at.database)
    at.desk.feedback = Feedback(
        inbox, at.ledger, at.desk.keys, at.clock, {"sendgrid": sendgrid_events.read}, at.told.append
    )
    return inbox


def posted(at: Office, seq: int) -> bytes:
    key = at.desk.keys.key(at.waves()[0].id, seq)
    return orjson.dumps([{"event": "processed", "key": key, "timestamp": T0.timestamp(), "sg_event_id": "e"}])


def test_while_mail_is_in_doubt_the_inbox_is_looked_at_every_few_seconds_until_an_event_settles_it(at: Office) -> None:
    at.mail.delivers = lambda batch, _: [InDoubt("the reply was lost")] * len(batch)
    at.add(3)
    at.approve(step())
    inbox = listens(at)
    turn = rollout.turns(at.desk)
    for looks in range(1, 5):
        assert turn() == T0 + looks * LOOK
        at.clock.sleep_until(T0 + looks * LOOK)
    inbox.put("sendgrid", posted(at, 1), at=at.clock.now())
    assert turn() is None
    assert at.states() == {State.ACCEPTED: 3}
    assert at.waves()[0].state is WaveState.DONE


def test_a_look_at_the_inbox_asks_no_network_about_its_doubts(at: Office, tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    with office(tmp_path / "without") as without:
        listens(at)
        asked = []
        for one in (at, without):
            one.posts["x"].delivers = lambda batch, _: [InDoubt("the reply was lost")] * len(batch)
            one.posts["x"].settled = lambda batch, _: [InDoubt("it is not seen")] * len(batch)
            one.approve(step("launch", "x"), wave("launch"), message=post_message("Read it."))
            turn = rollout.turns(one.desk)
            turns = 1
            while (following := turn()) is not None and following < T0 + GLANCE:
                one.clock.sleep_until(following)
                turns += 1
            asked.append(len(one.posts["x"].asked))
            assert turns >= asked[-1] > 1
        assert asked[0] == asked[1] < GLANCE / LOOK


def test_a_rollout_that_is_out_ends_and_one_that_is_not_yet_due_waits_for_its_instant(at: Office) -> None:
    at.add(2)
    at.approve(step(), wave(), wave(number=2, due_at=T0 + HOUR))
    listens(at)
    turn = rollout.turns(at.desk)
    assert turn() == T0 + HOUR - LEAD
    at.clock.sleep_until(T0 + HOUR)
    assert turn() is None
