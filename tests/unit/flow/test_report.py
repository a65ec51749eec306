"""report: the figures of a rollout as plain values, which add up and name nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.flow import approve, happenings, report, rollout
from campaign.model.batch import MailBatch, PostBatch
from campaign.model.claim import Tally
from campaign.model.delivery import State
from campaign.model.media import Metrics, Reading
from campaign.model.outcome import Accepted, InDoubt, Outcome, Refused
from campaign.model.plan import Late
from campaign.model.report import PART_OF, Applause, Part, Report
from campaign.model.stop import EVERYTHING
from tests.builders import T0, bundle, step, wave
from tests.desks import HOUR, MINUTE, Office, Told, office


def gathered(at: Office) -> Report:
    return report.gather(at.ledger, now=T0 + HOUR, budgets={"x": 5_000_000})


def send(at: Office) -> None:
    rollout.turns(at.desk)()


@given(st.dictionaries(st.sampled_from(State), st.integers(0, 1_000_000)))
def test_every_delivery_is_in_exactly_one_part(counts: dict[State, int]) -> None:
    assert set(PART_OF) == set(State)
    parts = report.parts(Tally("alert", "email", planned=0, counts=counts))
    assert sum(parts.values()) == sum(counts.values())
    assert 0 not in parts.values()


def test_a_rollout_adds_up_and_says_why_what_did_not_go_out(tmp_path: Path) -> None:
    answers: list[Outcome] = [
        Accepted("m"),
        Refused("550 nobody@example.org is not here"),
        InDoubt("the answer was lost"),
        Accepted("m"),
    ]
    mail = Told[MailBatch]("sendgrid", delivers=lambda batch, _: answers[: len(batch)])
    with office(tmp_path, mail=mail) as at:
        at.add(4)
        at.approve(step())
        send(at)
        found = gathered(at)
    (alert,) = found.steps
    assert found.adds_up
    assert alert.planned == 4
    assert alert.parts == {Part.ACCEPTED: 2, Part.REFUSED: 1, Part.IN_DOUBT: 1}
    assert alert.approved_by == ("Jo Example",)
    assert {(one.part, one.why) for one in found.reasons} == {
        (Part.REFUSED, "550 (an address) is not here"),
        (Part.IN_DOUBT, "the answer was lost"),
    }
    assert [one.what for one in found.open] == ["1 e-mail in doubt: the answer was lost"]
    assert "example.org" not in repr(found)


def test_posts_are_told_with_their_figures_and_how_they_grew(tmp_path: Path) -> None:
    x = Told[PostBatch]("x", delivers=lambda batch, _: [Accepted("r", url="https://x.example.com/1")] * len(batch))
    with office(tmp_path, posts=[x]) as at:
        at.approve(step("launch", "x", accounts=("national", "seattle")))
        send(at)
        wave_id = at.waves()[0].id
        at.ledger.keep_readings(
            [
                Reading(wave_id, 0, T0 + MINUTE, Metrics(likes=2)),
                Reading(wave_id, 1, T0 + HOUR + MINUTE, Metrics(likes=3)),
                Reading(wave_id, 0, T0 + HOUR + 2 * MINUTE, Metrics(likes=5, replies=1)),
            ],
            costs={},
        )
        found = gathered(at)
    (launch,) = found.steps
    assert (launch.posts, launch.accounts, launch.figures.likes) == (2, ("national", "seattle"), 8)
    assert [post.url for post in found.posts] == ["https://x.example.com/1"] * 2
    assert found.applause == [Applause("x", T0 + HOUR, 2), Applause("x", T0 + 2 * HOUR, 9)]


def test_what_people_did_is_told_in_order_and_what_holds_is_open(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        at.add(2)
        at.approve(step())
        at.ledger.stop(EVERYTHING, by="Kim Example", why="ask kim@example.net", at=T0)
        at.ledger.resume(EVERYTHING, by="Jo Example", at=T0 + MINUTE)
        at.ledger.stop("alert", by="breaker", why="5 % bounced", at=T0 + HOUR)
        found = gathered(at)
    assert [(one.who, one.what) for one in found.happened] == [
        ("Jo Example", "approved alert"),
        ("Kim Example", "stopped everything: ask (an address)"),
        ("Jo Example", "let everything go on"),
        ("breaker", "stopped alert: 5 % bounced"),
    ]
    assert [one.step for one in found.open] == ["alert"]


def test_every_version_that_somebody_approved_is_told(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        at.approve(step())
        at.approve(step("thanks"))
        changed = step(late=Late(MINUTE, "skip"))
        made, planned = bundle(changed), [wave()]
        for by, after in (("Kim Example", MINUTE), ("Lee Example", 2 * MINUTE)):
            at.ledger.approve(made, approve.manifest(made, planned), planned, by=by, at=T0 - HOUR + after)
        found = gathered(at)
    assert [(one.who, one.what) for one in found.happened] == [
        ("Jo Example", "approved alert, thanks"),
        ("Kim Example", "approved alert, changed since the last time"),
        ("Lee Example", "approved alert, changed since the last time"),
    ]


@pytest.mark.parametrize(
    "said", ["550 <ann@example.org> unknown", "mailto:ann@example.org", 'to "ann"@example.org', "ann+tag@example.org,"]
)
def test_nothing_that_looks_like_an_address_is_left_of_what_a_provider_said(said: str) -> None:
    assert "@" not in happenings.without_addresses(said)


def test_what_a_provider_said_is_one_line_and_cut_where_it_is_long() -> None:
    assert happenings.without_addresses("one\n two") == "one two"
    assert len(happenings.without_addresses("x" * 5_000)) == happenings.MOST_WHY


def test_a_step_that_waits_says_so_and_has_begun_at_no_time(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        at.add(1)
        at.approve(step())
        (alert,) = gathered(at).steps
    assert (alert.stands, alert.began_at, alert.ended_at, alert.late_by) == ("waiting", None, None, None)
    assert alert.due_at == T0
    assert alert.planned == 0
