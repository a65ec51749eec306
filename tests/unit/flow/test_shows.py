"""From an approval to what a channel is handed: the pictures that were approved, the same in every attempt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from campaign.errors import LedgerError
from campaign.flow import dispatch, prepare, rollout, settle
from campaign.flow.shows import Shows
from campaign.model.batch import Payload, PostBatch
from campaign.model.delivery import State
from campaign.model.media import PartMedia
from campaign.model.message import CardSource, MediaSource, Message, Source
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome
from campaign.model.wave import WaveState
from tests import pictures as made
from tests.builders import T0, illustrated, of_digest, pictured, post_message, step, wave
from tests.desks import Office, Told, office

PICTURE, OTHER = made.jpeg(), made.png()
THREAD = illustrated(pictured(PICTURE), pictured(OTHER, "A sign", part=2), body="One.\n---\nTwo.\n---\nThree.")
ACCOUNTS = ("national", "local")


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path, posts=[Told[PostBatch]("mastodon")]) as opened:
        yield opened


def approve(at: Office, message: Message = THREAD) -> None:
    at.approve(
        step("launch", "mastodon", accounts=ACCOUNTS),
        wave("launch"),
        message=message,
        files=of_digest(PICTURE, OTHER),
    )


def handed(at: Office) -> list[PostBatch]:
    return [batch for batch, _ in at.posts["mastodon"].got]


def shown(batch: PostBatch) -> list[list[str]]:
    return [[one.alt for one in part.shows.media] for part in batch.parts]


def test_each_part_is_handed_over_with_what_it_shows(at: Office) -> None:
    approve(at)
    prepare.wave(at.desk, at.contents, at.waves()[0])
    dispatch.everything(at.desk, at.contents)
    assert [shown(batch) for batch in handed(at)] == [[["A crowd"], ["A sign"], []]] * 2
    for batch in handed(at):
        digests = [one.digest for part in batch.parts for one in part.shows.media]
        assert list(batch.files) == digests
        assert [sha256(batch.files[digest]).hexdigest() for digest in digests] == digests
        assert len(batch.files) == 2
        with pytest.raises(KeyError):
            batch.files["another"]


def test_what_was_approved_is_shown_whatever_has_become_of_the_file(at: Office) -> None:
    approve(at)
    prepare.wave(at.desk, at.contents, at.waves()[0])
    (first, *_) = at.ledger.shown(at.waves()[0].id)
    assert made.opened(at.ledger.file(first.media[0].digest)).size == (64, 48)
    assert at.ledger.file(sha256(PICTURE).hexdigest()) == PICTURE


def test_a_later_attempt_hands_over_the_same_and_what_is_left(at: Office) -> None:
    def one_by_one(batch: PostBatch, payload: Payload) -> list[Outcome]:
        return [Accepted("1"), *[Deferred("later")] * (len(batch) - 1)]

    channel = at.posts["mastodon"]
    channel.delivers = one_by_one
    approve(at)
    turn = rollout.turns(at.desk)
    turn()
    before = {digest: bytes(batch.files[digest]) for batch in handed(at) for digest in batch.files}
    channel.got.clear()
    at.wait(timedelta(minutes=10))
    turn()
    assert [shown(batch) for batch in handed(at)][:2] == [[["A sign"], []]] * 2
    assert {digest: batch.files[digest] for batch in handed(at) for digest in batch.files} == before


def test_a_doubt_is_settled_with_what_the_part_shows(at: Office) -> None:
    channel = at.posts["mastodon"]
    channel.delivers = lambda batch, _: [InDoubt("no answer")] * len(batch)
    approve(at)
    prepare.wave(at.desk, at.contents, at.waves()[0])
    dispatch.everything(at.desk, at.contents)
    settle.doubts(at.desk, at.contents)
    assert [shown(batch) for batch, _ in channel.asked] == [[["A crowd"], ["A sign"], []]] * 2


def test_a_wave_whose_picture_cannot_be_made_is_held_and_says_why(at: Office) -> None:
    message = illustrated(pictured(PICTURE, "A crowd of {{ letter.signatries }}"))
    at.approve(step("launch", "mastodon"), wave("launch"), message=message, files=of_digest(PICTURE))
    assert prepare.wave(at.desk, at.contents, at.waves()[0]) == 0
    (held,) = at.waves()
    assert held.state is WaveState.HELD
    assert "signatries" in held.why
    assert any("launch#1 is held" in told for told in at.told)
    dispatch.everything(at.desk, at.contents)
    assert handed(at) == []


def test_a_wave_whose_card_cannot_be_drawn_is_held(at: Office) -> None:
    card = MediaSource(3, card=CardSource("quotation", Source("launch.md", "We ask. " * 200)))
    at.approve(step("launch", "mastodon"), wave("launch"), message=illustrated(card))
    rollout.turns(at.desk)()
    assert at.waves()[0].state is WaveState.HELD
    assert handed(at) == []


def test_a_post_whose_text_cannot_be_filled_is_held_too(at: Office) -> None:
    at.approve(step("launch", "mastodon"), wave("launch"), message=post_message("{{ lettr }}"))
    rollout.turns(at.desk)()
    assert at.waves()[0].state is WaveState.HELD
    assert "lettr" in at.waves()[0].why


def test_a_picture_that_is_not_in_the_ledger_cannot_be_approved(at: Office) -> None:
    with pytest.raises(LedgerError, match="nobody has given its bytes"):
        at.approve(step("launch", "mastodon"), wave("launch"), message=THREAD, files=of_digest(PICTURE))
    assert at.waves() == []
    assert at.ledger.approvals() == {}


def test_posts_without_pictures_go_out_as_ever(at: Office) -> None:
    at.approve(step("launch", "mastodon"), wave("launch"), message=post_message("Read it."))
    rollout.turns(at.desk)()
    (batch,) = handed(at)
    assert (batch.parts[0].shows, dict(batch.files)) == (PartMedia(), {})
    assert at.states() == {State.ACCEPTED: 1}


def test_pictures_are_read_once_for_all_accounts_and_given_up_where_there_are_too_many(at: Office) -> None:
    approve(at)
    prepare.wave(at.desk, at.contents, at.waves()[0])
    (prepared,) = at.waves()
    shows = Shows(at.ledger)
    first, second = shows.files(prepared)
    assert shows.files(prepared)[first] is shows.files(prepared)[first]
    narrow = Shows(at.ledger, most_bytes=1)
    files = narrow.files(prepared)
    kept = files[first]
    assert files[first] is kept
    assert files[second]
    assert files[first] is not kept
    assert files[first] == kept


def test_a_wave_that_was_withdrawn_shows_what_it_was_prepared_with_last(at: Office) -> None:
    approve(at)
    shows = at.contents.shows
    assert shows.parts(at.waves()[0]) == ()
    prepare.wave(at.desk, at.contents, at.waves()[0])
    assert len(shows.parts(at.waves()[0])) == 2
    at.ledger.end_wave(at.waves()[0].id, WaveState.HELD, why="changed", at=T0)
    assert at.ledger.withdraw(at.waves()[0].id)
    approve(at, illustrated(pictured(OTHER, "Another")))
    at.wait(timedelta(seconds=1))
    prepare.wave(at.desk, at.contents, at.waves()[0])
    assert [[one.alt for one in part.media] for part in shows.parts(at.waves()[0])] == [["Another"]]
