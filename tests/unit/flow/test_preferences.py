"""preferences: whose link it is, and what a trial's comes to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from campaign.flow import prepare
from campaign.flow.preferences import Door, masked, visit
from campaign.model.delivery import DeliveryId, Keys
from campaign.model.preference import UNDO_WITHIN, Preference, Recipient, Wish, preference
from campaign.model.supporter import Reason, Suppression
from campaign.storage.preferences import SqlPreferences
from tests.builders import T0, step
from tests.desks import Office, office

LINK = "unsubscribe link of alert#1"
OTHERS = Keys(b"another secret of 16 bytes and more")


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as made:
        yield made


def recipient(reason: Reason = Reason.UNSUBSCRIBED, source: str = LINK) -> Recipient:
    made = Suppression(reason, source, T0)
    return Recipient(LINK, "example", "Example", "The Coalition", "", ("en",), "a@example.org", made)


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("mara.okafor@example.org", "m•••@e•••.org"),
        ("m@x.example.org", "•••@x•••.org"),
        ("m@x.org", "•••@•••.org"),
        ("", ""),
    ],
)
def test_of_an_address_only_the_first_letters_are_shown(email: str, shown: str) -> None:
    assert masked(email) == shown


def test_two_addresses_of_other_lengths_look_the_same() -> None:
    assert masked("mara@example.org") == masked("margarethe.longer@elsewhere.org")


def test_a_link_takes_back_what_it_did_within_the_hour_and_no_later() -> None:
    assert recipient().can_undo(T0)
    assert recipient().can_undo(T0 + UNDO_WITHIN - timedelta(seconds=1))
    assert not recipient().can_undo(T0 + UNDO_WITHIN)
    assert not recipient().can_undo(T0 - timedelta(seconds=1))


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.UNSUBSCRIBED])
def test_a_link_takes_back_nothing_but_an_unsubscribing(reason: Reason) -> None:
    assert not recipient(reason).can_undo(T0)


def test_a_link_takes_back_nothing_that_another_did() -> None:
    assert not recipient(source="unsubscribe link of alert#2").can_undo(T0)
    assert not recipient(source="sendgrid event").can_undo(T0)


@pytest.mark.parametrize(
    "wanted",
    [Preference(), Preference(Wish.LESS_OFTEN), Preference(Wish.ONLY_THIS, "lenses"), Preference(Wish.ONLY_THIS, "")],
)
def test_a_preference_is_read_as_it_was_stored(wanted: Preference) -> None:
    assert preference(wanted.stored()) == wanted


def test_a_preference_that_is_not_understood_is_taken_for_less_often() -> None:
    assert preference("on-sundays").wish is Wish.LESS_OFTEN


def test_a_recipients_address_is_in_no_repr() -> None:
    assert "a@example.org" not in repr(recipient())


def test_a_link_is_of_the_world_whose_secret_made_it(at: Office) -> None:
    live, trial = SqlPreferences(at.database, world="live"), SqlPreferences(at.database, world="sandbox")
    doors = [Door(at.desk.keys, live), Door(OTHERS, trial, trial=True)]
    at.add(1)
    at.approve(step())
    (wave,) = at.waves()
    prepare.wave(at.desk, at.contents, wave)
    came = visit(doors, at.desk.keys.key(wave.id, 0))
    assert came is not None
    assert came.door is doors[0]
    assert visit(doors, OTHERS.key(wave.id, 0)) is None, "the sandbox has no such wave"
    assert visit(doors, at.desk.keys.key(wave.id, 1)) is None, "nobody is in that place"
    assert visit(doors, Keys(b"a third secret, which nobody has").key(wave.id, 0)) is None


@pytest.mark.parametrize("wish", list(Wish))
def test_behind_a_trials_door_it_looks_as_if_and_nothing_is_changed(at: Office, wish: Wish) -> None:
    at.add(1)
    at.approve(step())
    (wave,) = at.waves()
    prepare.wave(at.desk, at.contents, wave)
    there = SqlPreferences(at.database, world="live")
    came = visit([Door(at.desk.keys, there, trial=True)], at.desk.keys.key(wave.id, 0))
    assert came is not None
    after = came.choose(wish, at=T0)
    assert after is not None
    assert (after.suppression is not None) == (wish is Wish.NOTHING)
    assert after.preference.wish is (wish if wish in (Wish.LESS_OFTEN, Wish.ONLY_THIS) else Wish.EVERYTHING)
    assert there.recipient(came.delivery) == came.recipient


def test_nobodys_wishes_are_changed_from_the_sandboxs_world(at: Office) -> None:
    with pytest.raises(ValueError, match="nothing may be changed from here"):
        SqlPreferences(at.database, world="sandbox").choose(DeliveryId(1, 0), Wish.NOTHING, at=T0)
