"""A person's word on what is in doubt, at the desk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from campaign.errors import BadInput
from campaign.flow import resolve, rollout
from campaign.model.batch import MailBatch, Payload, PostBatch
from campaign.model.delivery import DeliveryId, State
from campaign.model.event import Event, EventKind
from campaign.model.outcome import Accepted, InDoubt, NotSent, Outcome, Settled
from campaign.model.plan import Late
from campaign.model.resolution import Question, Word
from campaign.ports.channel import Settling
from tests.builders import T0, post_message, step
from tests.desks import HOUR, MINUTE, Office, Told, accept, office


def lost(batch: MailBatch | PostBatch, payload: Payload) -> Sequence[Outcome]:
    del payload
    return [InDoubt("no reply")] * len(batch)


def unreadable(batch: PostBatch, payload: Payload) -> Sequence[Settled]:
    del payload
    return [InDoubt("the account is locked")] * len(batch)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    mail = Told[MailBatch]("sendgrid", delivers=lost, settles=Settling(by="events"))
    with office(tmp_path, mail=mail, posts=[Told[PostBatch]("x", delivers=lost, settled=unreadable)]) as made:
        yield made


def ask(desk: Office) -> Question:
    (question,) = desk.ledger.questions(now=desk.clock.now())
    return question


def say(desk: Office, question: Question, word: Word, *urls: str) -> bool:
    results = resolve.results(question, word, by="Jo Example", urls=urls)
    return desk.ledger.resolve(question, results, by="Jo Example", why="test", now=desk.clock.now())


class TestMail:
    @pytest.fixture
    def question(self, desk: Office) -> Question:
        desk.add(3)
        desk.approve(step(late=Late(2 * HOUR, "hold")))
        rollout.turns(desk.desk)()
        return ask(desk)

    def test_what_was_not_sent_is_sent_again_once(self, desk: Office, question: Question) -> None:
        desk.mail.delivers = accept
        assert say(desk, question, Word.NOT_SENT)
        for _ in range(2):
            rollout.turns(desk.desk)()
        assert desk.states() == {State.ACCEPTED: 3}
        assert len(desk.mail.got) == 2

    def test_what_was_sent_is_never_sent_again(self, desk: Office, question: Question) -> None:
        assert say(desk, question, Word.ACCEPTED)
        rollout.turns(desk.desk)()
        assert desk.states() == {State.ACCEPTED: 3}
        assert len(desk.mail.got) == 1

    def test_too_late_it_is_held_as_its_step_says_and_that_is_foretold(self, desk: Office, question: Question) -> None:
        assert resolve.goes_out_again(question, desk.clock.now()) == "at once"
        desk.wait(3 * HOUR)
        assert resolve.goes_out_again(ask(desk), desk.clock.now()) == "held"
        say(desk, question, Word.NOT_SENT)
        rollout.turns(desk.desk)()
        assert (desk.waves()[0].state, len(desk.mail.got)) == ("held", 1)

    def test_an_event_of_what_a_person_said_was_not_sent_is_told_loudly(self, desk: Office, question: Question) -> None:
        desk.mail.delivers = accept
        say(desk, question, Word.NOT_SENT)
        key = desk.desk.keys.key(question.wave.id, 1)
        desk.desk.events = lambda: [Event("1", "sendgrid", key, EventKind.DELIVERED, desk.clock.now())]
        rollout.turns(desk.desk)()
        assert desk.states() == {State.ACCEPTED: 2, State.DELIVERED: 1}
        assert len(desk.mail.got) == 1
        (told,) = [line for line in desk.told if line.startswith("WARNING")]
        assert "Jo Example said that it was not sent, and it was" in told
        assert "none of them goes out again" in told

    def test_it_waits_for_a_person_where_nothing_else_can_end_it(self, question: Question) -> None:
        events, nobody = Settling(by="events"), Settling(by="nobody")
        assert resolve.waits_for_a_person(question, nobody, T0)
        assert not resolve.waits_for_a_person(question, events, T0 + MINUTE)
        assert resolve.waits_for_a_person(question, events, T0 + resolve.PATIENCE)


class TestThreads:
    @pytest.fixture
    def question(self, desk: Office) -> Question:
        """A thread of three parts, none of which is known to stand."""
        desk.approve(step("launch", "x"), message=post_message("One.\n\n---\n\nTwo.\n\n---\n\nThree."))
        rollout.turns(desk.desk)()
        return ask(desk)

    def test_the_rest_follows_the_last_part_that_stands(self, desk: Office, question: Question) -> None:
        desk.posts["x"].delivers = accept
        assert say(desk, question, Word.ACCEPTED, "https://x.com/national/status/41?s=20")
        rollout.turns(desk.desk)()
        again, _ = desk.posts["x"].got[-1]
        assert (again.sent, [part.seq for part in again.parts]) == (("41",), [1, 2])
        assert desk.states() == {State.ACCEPTED: 3}
        assert desk.ledger.posts()[0].url == "https://x.com/national/status/41?s=20"

    def test_a_post_that_stands_has_an_address(self, question: Question) -> None:
        with pytest.raises(BadInput, match="3 parts are in doubt, and 0 addresses are given"):
            resolve.results(question, Word.ACCEPTED, by="Jo")
        with pytest.raises(BadInput, match="no address of a post on x"):
            resolve.results(question, Word.ACCEPTED, by="Jo", urls=["https://x.com/national"])
        with pytest.raises(BadInput, match="3 parts are in doubt, and 4 addresses"):
            resolve.results(question, Word.ACCEPTED, by="Jo", urls=["https://x.com/national/status/1"] * 4)

    def test_what_was_not_posted_goes_out_from_the_part_in_doubt_on(self, desk: Office, question: Question) -> None:
        desk.posts["x"].delivers = accept
        assert say(desk, question, Word.NOT_SENT)
        rollout.turns(desk.desk)()
        assert desk.states() == {State.ACCEPTED: 3}
        assert desk.ledger.handed_over(DeliveryId(question.wave.id, 0)) is not None


@pytest.mark.parametrize(
    ("channel", "url", "ref"),
    [
        ("x", "https://x.com/i/status/12", "12"),
        ("mastodon", "https://social.example.org/@national/109", "109"),
        (
            "bluesky",
            "https://bsky.app/profile/national.example.org/post/3kabc",
            "at://national.example.org/app.bsky.feed.post/3kabc",
        ),
    ],
)
def test_the_networks_own_id_is_read_from_a_posts_address(desk: Office, channel: str, url: str, ref: str) -> None:
    desk.approve(step("launch", "x"))
    rollout.turns(desk.desk)()
    question = ask(desk)
    there = replace(question, wave=replace(question.wave, channel=channel))
    assert resolve.results(there, Word.ACCEPTED, by="Jo", urls=[url]) == {0: Accepted(ref=ref, url=url)}
    assert resolve.results(there, Word.NOT_SENT, by="Jo") == {0: NotSent("Jo says that it was not sent")}
