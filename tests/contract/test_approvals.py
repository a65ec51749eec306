"""Whose word is on what, and when it is enough: on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from campaign.errors import LedgerError
from campaign.model.bundle import Bundle
from campaign.ports.ledger import Ledger
from tests.builders import T0, bundle, manifest, step, wave
from tests.desks import MINUTE


def written(*, author: str = "", approvers: int = 1) -> Bundle:
    made = bundle(step(approvers=approvers))
    return replace(made, plan=replace(made.plan, author=author))


def word(
    ledger: Ledger, made: Bundle, by: str, *, digest: str = "d1", at: datetime = T0, release: bool = False
) -> tuple[str, ...]:
    return ledger.approve(made, manifest(made.step, digest), [wave()], by=by, at=at, release=release)


def test_where_two_are_asked_for_the_first_places_nothing_and_the_second_everything(ledger: Ledger) -> None:
    two = written(approvers=2)
    assert word(ledger, two, "Ann Example") == ()
    assert ledger.waves() == []
    assert ledger.approvals() == {}
    begun = ledger.latest_approvals()["alert"]
    assert (begun.is_enough, begun.lacks) == (False, "1 of 2, waits for another")
    assert word(ledger, two, "Bo Example", at=T0 + MINUTE) == ("alert#1",)
    assert ledger.approvals()["alert"].people == ("Ann Example", "Bo Example")


@pytest.mark.parametrize("again", ["Ann Example", "ann  example ", " ANN EXAMPLE"])
def test_one_person_is_one_however_they_write_their_name(ledger: Ledger, again: str) -> None:
    two = written(approvers=2)
    word(ledger, two, "Ann Example")
    assert word(ledger, two, again, at=T0 + MINUTE) == ()
    assert ledger.approvals() == {}


def test_two_words_on_different_versions_are_not_two_words(ledger: Ledger) -> None:
    two = written(approvers=2)
    word(ledger, two, "Ann Example", digest="d1")
    assert word(ledger, two, "Bo Example", digest="d2", at=T0 + MINUTE) == ()
    assert word(ledger, two, "Cy Example", digest="d1", at=T0 + 2 * MINUTE) == (), "d2 was approved in between"
    assert ledger.waves() == []


def test_the_author_alone_lets_nothing_go_and_anybody_else_alone_does(ledger: Ledger) -> None:
    anns = written(author="Ann Example")
    assert word(ledger, anns, "ann example") == ()
    assert ledger.latest_approvals()["alert"].lacks == "by its author alone, ann example: waits for another"
    assert word(ledger, anns, "Bo Example", at=T0 + MINUTE) == ("alert#1",)


def test_of_two_the_author_may_be_one(ledger: Ledger) -> None:
    both = written(author="Ann Example", approvers=2)
    assert word(ledger, both, "Ann Example") == ()
    assert word(ledger, both, "Bo Example", at=T0 + MINUTE) == ("alert#1",)


def test_who_was_the_author_when_they_approved_stays_so_whatever_the_plan_says_later(ledger: Ledger) -> None:
    word(ledger, written(author="Ann Example"), "Ann Example")
    assert not ledger.latest_approvals()["alert"].is_enough
    assert word(ledger, written(author="Ann Example"), "Ann Example", at=T0 + MINUTE) == ()


def test_an_approval_that_is_not_enough_leaves_what_was_approved_before_as_it_is(ledger: Ledger) -> None:
    two = written(approvers=2)
    word(ledger, two, "Ann Example")
    word(ledger, two, "Bo Example", at=T0 + MINUTE)
    later = wave(due_at=T0 + 30 * MINUTE)
    ledger.approve(two, manifest(step(), "d2"), [later], by="Ann Example", at=T0 + 2 * MINUTE)
    assert ledger.waves()[0].due_at == T0
    assert ledger.waves()[0].digest == "d1"
    assert ledger.approvals()["alert"].digest == "d1"
    assert ledger.latest_approvals()["alert"].digest == "d2"


def test_what_was_approved_under_a_digest_is_kept_in_its_parts(ledger: Ledger) -> None:
    made = written()
    word(ledger, made, "Ann Example")
    assert ledger.approved("alert", "d1") == manifest(made.step)
    with pytest.raises(LedgerError, match="never approved"):
        ledger.approved("alert", "d2")
