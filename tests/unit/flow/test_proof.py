"""proof: twice, lost and unknown are found when they are so, and only then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from campaign.flow import proof
from campaign.flow.proof import Received
from campaign.model.delivery import TAKEN, DeliveryId, Keys, Sent, State
from tests.builders import T0

KEYS = Keys(b"a secret of 16 bytes and more")


def mail(seq: int, state: State = State.ACCEPTED) -> Sent:
    return Sent(
        delivery=DeliveryId(7, seq), step="alert", wave=1, channel="email", recipient=f"person{seq}@example.org",
        part=1, state=state, why="", due_at=T0, changed_at=T0, attempts=1, batch_id=1,
    )  # fmt: skip


def post(ref: str, state: State = State.ACCEPTED, account: str = "national") -> Sent:
    return replace(mail(0, state), channel="x", recipient=account, ref=ref, step="launch")


def mailed(seq: int, keys: Keys = KEYS) -> Received:
    return Received(channel="email", account="", key=keys.key(7, seq), ref="", text="Subject")


def posted(ref: str, text: str = "", account: str = "national") -> Received:
    return Received(channel="x", account=account, key="", ref=ref, text=text or f"text of {ref}")


def test_it_holds_where_each_delivery_is_there_once_and_no_other() -> None:
    told = proof.of([mail(0), mail(1), post("a"), mail(2, State.REFUSED)], [mailed(0), mailed(1), posted("a")], KEYS)
    assert told.holds
    assert (told.mails, told.posts, told.in_doubt) == (2, 1, 0)


def test_it_holds_for_nothing() -> None:
    assert proof.of([], [], KEYS).holds


def test_a_mail_that_is_there_twice_is_found() -> None:
    told = proof.of([mail(0)], [mailed(0), mailed(0)], KEYS)
    assert (told.twice, told.lost, told.unknown, told.holds) == (("wave 7 0",), (), (), False)


def test_a_text_that_is_there_twice_is_found_though_its_ids_differ() -> None:
    told = proof.of([post("a")], [posted("a", "We ask."), posted("b", "We ask.")], KEYS)
    assert told.twice == ("x national: We ask.",)
    assert not told.holds


def test_a_text_that_was_to_be_posted_twice_is_not_twice() -> None:
    told = proof.of([post("a"), post("b")], [posted("a", "Daily."), posted("b", "Daily.")], KEYS)
    assert told.holds


def test_the_same_text_from_two_accounts_is_not_twice() -> None:
    told = proof.of([post("a"), post("b", account="local")], [posted("a", "We."), posted("b", "We.", "local")], KEYS)
    assert told.holds


@pytest.mark.parametrize("state", sorted(TAKEN))
def test_what_was_taken_by_the_ledger_and_is_nowhere_is_lost(state: State) -> None:
    told = proof.of([mail(0, state), mail(1), post("a", state)], [mailed(1)], KEYS)
    assert told.lost == ("alert#1 0", "launch#1 0")
    assert not told.holds


@pytest.mark.parametrize("state", sorted(set(State) - TAKEN - {State.IN_DOUBT}))
def test_what_is_there_though_the_ledger_says_it_was_not_sent_is_unknown(state: State) -> None:
    told = proof.of([mail(0, state)], [mailed(0)], KEYS)
    assert told.unknown == ("alert#1 0",)
    assert not told.holds


def test_what_is_there_and_in_no_ledger_is_unknown() -> None:
    foreign = mailed(3, Keys(b"the secret of somebody else"))
    told = proof.of([mail(0)], [mailed(0), mailed(5), foreign, posted("stray")], KEYS)
    assert set(told.unknown) == {"wave 7 5", f"a message with a foreign key {foreign.key!r}", "x national stray"}
    assert not told.holds


@pytest.mark.parametrize("there", [True, False])
def test_what_is_in_doubt_may_be_either(there: bool) -> None:  # noqa: FBT001 - a parameter of the test
    received = [mailed(0), posted("made")] if there else []
    told = proof.of([mail(0, State.IN_DOUBT), post("", State.IN_DOUBT)], received, KEYS)
    assert told.holds
    assert told.in_doubt == 2


def test_a_post_that_was_retracted_must_have_been_there_and_be_gone() -> None:
    gone = replace(posted("a"), deleted=True)
    told = proof.of([post("a", State.RETRACTED)], [gone], KEYS)
    assert (told.holds, told.posts, told.deleted) == (True, 0, 1)
    stands = proof.of([post("a", State.RETRACTED)], [posted("a")], KEYS)
    assert (stands.lost, stands.unknown) == ((), ("launch#1 0",))
    never = proof.of([post("a", State.RETRACTED)], [], KEYS)
    assert (never.lost, never.unknown) == (("launch#1 0",), ())


def test_a_post_that_is_gone_though_nobody_retracted_it_is_lost() -> None:
    told = proof.of([post("a")], [replace(posted("a"), deleted=True)], KEYS)
    assert (told.lost, told.unknown) == (("launch#1 0",), ())
