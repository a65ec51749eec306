"""prepare: a wave enters the ledger as planned, once; and who it goes to."""

from __future__ import annotations

from pathlib import Path

from campaign.flow import prepare
from campaign.model.batch import MailBatch, PostBatch
from campaign.model.delivery import State
from campaign.model.supporter import Reason
from campaign.model.wave import PlannedWave, WaveState
from campaign.ports.ledger import Filters
from tests.builders import T0, mail_message, post_message, step, wave
from tests.desks import Office, Told, office


def test_preparing_again_changes_nothing(at: Office) -> None:
    at.add(6)
    at.approve(step())
    due = at.waves()[0]
    assert [prepare.wave(at.desk, at.contents, due) for _ in range(2)] == [6, 6]
    assert at.states() == {State.PLANNED: 6}


def test_a_batch_is_as_large_as_its_provider_takes(tmp_path: Path) -> None:
    with office(tmp_path, mail=Told[MailBatch]("sendgrid", batch=3)) as at:
        at.add(7)
        at.approve(step())
        prepare.wave(at.desk, at.contents, at.waves()[0])
        claims = at.ledger.claim(owner="one", now=T0, lease=at.desk.lease, most=9)
        assert [len(claim.seqs) for claim in claims] == [3, 3, 1]


def test_a_thread_is_planned_part_by_part_for_each_account(tmp_path: Path) -> None:
    with office(tmp_path, posts=[Told[PostBatch]("mastodon")]) as at:
        at.approve(
            step("launch", "mastodon", accounts=("national", "local")), message=post_message("One.\n---\nTwo.\n")
        )
        assert prepare.wave(at.desk, at.contents, at.waves()[0]) == 4
        assert [(sent.recipient, sent.part) for sent in at.ledger.log(Filters())] == [
            ("national", 1),
            ("national", 2),
            ("local", 1),
            ("local", 2),
        ]


def test_a_wave_that_nobody_is_in_is_done_without_a_word_to_anybody(at: Office) -> None:
    at.approve(step())
    assert prepare.wave(at.desk, at.contents, at.waves()[0]) == 0
    assert at.waves()[0].state is WaveState.DONE


def test_the_suppressed_and_those_who_did_not_agree_are_planned_and_left_out(at: Office) -> None:
    at.add(3)
    at.add(1, email="silent@example.org", consent=None)
    at.supporters.suppress("person1@example.org", reason=Reason.BY_HAND, source="test", at=T0)
    at.approve(step())
    assert prepare.wave(at.desk, at.contents, at.waves()[0]) == 4
    assert at.states() == {State.PLANNED: 2, State.SUPPRESSED: 2}


def test_a_wave_by_local_time_takes_the_people_of_its_zones(at: Office) -> None:
    at.add(1, email="tokyo@example.org", zone="Asia/Tokyo")
    at.add(1, email="home@example.org")
    at.approve(step(), PlannedWave("alert", 1, T0, zones=("Asia/Tokyo",)))
    assert prepare.wave(at.desk, at.contents, at.waves()[0]) == 1
    assert [sent.recipient for sent in at.ledger.log(Filters())] == ["tokyo@example.org"]


def test_each_gets_the_language_they_speak_and_else_the_plans(at: Office) -> None:
    message = mail_message(languages=("es", "en"))
    at.add(1, email="ana@example.org", language="es")
    at.add(1, email="kim@example.org", language="ko")
    at.approve(step(), wave(), message=message)
    prepare.wave(at.desk, at.contents, at.waves()[0])
    claims = at.ledger.claim(owner="one", now=T0, lease=at.desk.lease, most=9)
    assert {person.email: claim.variant for claim in claims for person in claim.people} == {
        "ana@example.org": "es",
        "kim@example.org": "en",
    }
