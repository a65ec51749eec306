"""Posts that leave together, on SQLite and on PostgreSQL: claimed ahead, begun at their instant or given back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaign.errors import ClaimLost
from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.outcome import Accepted, InDoubt
from campaign.model.plan import Step
from campaign.model.supporter import Reason
from campaign.model.wave import WaveState
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, T0, bundle, manifest, payload, people, step, wave

LEASE = timedelta(minutes=5)
SHORT = timedelta(seconds=20)
SECOND = timedelta(seconds=1)
AHEAD = timedelta(seconds=2)


def threads(ledger: SqlLedger, *accounts: str, name: str = "launch") -> None:
    chosen = step(name, "x", accounts=accounts)
    ledger.approve(bundle(chosen), manifest(chosen, name), [wave(name)], by="Jo Example", at=T0 - LEASE)
    (placed,) = ledger.waves(step=name)
    ledger.prepare_posts(placed, accounts, parts=3, at=T0 - LEASE)


def ahead(ledger: SqlLedger, owner: str = "one", before: timedelta = AHEAD) -> list[Claim]:
    now = T0 - before
    return list(ledger.claim(owner=owner, now=now, lease=LEASE, post_lease=SHORT, most=9, ahead=AHEAD))


def packed(ledger: SqlLedger, claims: list[Claim]) -> list[tuple[Claim, bytes]]:
    return [(claim, ledger.pack(claim, payload(len(claim.seqs)))) for claim in claims]


def test_posts_are_claimed_so_long_ahead_and_no_longer(ledger: SqlLedger) -> None:
    threads(ledger, "national", "local")
    assert ahead(ledger, before=AHEAD + SECOND) == []
    claims = ahead(ledger)
    assert [(claim.account, claim.due_at) for claim in claims] == [("national", T0), ("local", T0)]
    assert ahead(ledger, "another") == []


def test_what_is_tried_again_is_not_claimed_ahead(ledger: SqlLedger) -> None:
    threads(ledger, "national")
    (claim,) = ahead(ledger)
    assert ledger.begin_all(packed(ledger, [claim]), now=T0) == {}
    ledger.record(claim, {seq: InDoubt("lost") for seq in claim.seqs}, now=T0, retry_at=T0)
    assert ahead(ledger, before=-SECOND) == []


def mailing(ledger: SqlLedger, supporters: SqlSupporters, chosen: Step | None = None) -> None:
    chosen = chosen or step()
    supporters.add(people(3), at=T0)
    ledger.approve(bundle(chosen), manifest(chosen), [wave()], by="Jo Example", at=T0 - 2 * LEASE)
    ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0 - 2 * LEASE)


def test_e_mail_is_claimed_ahead_and_begins_at_its_instant_and_no_sooner(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    mailing(ledger, supporters)
    assert ahead(ledger, before=AHEAD + SECOND) == []
    (claim,) = ahead(ledger)
    with pytest.raises(ClaimLost, match="has not come"):
        ledger.begin(claim, payload(3), now=T0 - timedelta(milliseconds=1))
    assert ledger.begin(claim, payload(3), now=T0) == ()


def test_who_is_suppressed_after_the_claim_ahead_does_not_begin(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    mailing(ledger, supporters)
    (claim,) = ahead(ledger)
    supporters.suppress(claim.people[1].email, reason=Reason.UNSUBSCRIBED, source="test", at=T0 - SECOND)
    assert ledger.begin(claim, payload(3), now=T0) == (claim.seqs[1],)


def test_e_mail_that_is_due_is_claimed_so_while_its_wave_has_not_begun_and_the_rest_of_it_is_not(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    supporters.add(people(8), at=T0)
    ledger.approve(bundle(), manifest(step()), [wave()], by="Jo Example", at=T0 - 2 * LEASE)
    ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=2, at=T0 - 2 * LEASE)
    (first,) = ledger.claim(owner="one", now=T0, lease=LEASE, post_lease=SHORT, most=1, ahead=AHEAD)
    assert ledger.begin(first, payload(2), now=T0) == ()
    assert ahead(ledger, before=timedelta(0)) == []
    assert len(ledger.claim(owner="one", now=T0, lease=LEASE, most=9)) == 3


def test_what_its_provider_holds_is_not_claimed_ahead(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    mailing(ledger, supporters, step(hand_off="staged", ahead=LEASE))
    assert ahead(ledger, before=LEASE + SECOND) == []
    assert len(ledger.claim(owner="one", now=T0 - LEASE, lease=LEASE, most=9)) == 1


def test_all_begin_in_one_go_with_what_they_hand_over(ledger: SqlLedger) -> None:
    threads(ledger, "national", "local")
    threads(ledger, "other", name="second")
    claims = ahead(ledger)
    assert ledger.begin_all(packed(ledger, claims), now=T0) == {}
    assert {one.first_sent_at for one in ledger.waves()} == {T0}
    ledger.lapse(now=T0 + LEASE)
    doubts = ledger.doubts()
    assert {doubt.account for doubt in doubts} == {"national", "local", "other"}
    assert {tuple(doubt.kept.payload.chunks) for doubt in doubts} == {tuple(payload(3).chunks)}
    assert {doubt.kept.began_at for doubt in doubts} == {T0}


def test_nothing_begins_before_its_instant(ledger: SqlLedger) -> None:
    threads(ledger, "national")
    (claim,) = ahead(ledger)
    (why,) = ledger.begin_all(packed(ledger, [claim]), now=T0 - timedelta(milliseconds=1)).values()
    assert "has not come" in why
    with pytest.raises(ClaimLost, match="has not come"):
        ledger.begin(claim, payload(3), now=T0 - timedelta(milliseconds=1))
    assert ledger.waves()[0].first_sent_at is None


@pytest.mark.parametrize("became", [WaveState.HELD, WaveState.CANCELLED, WaveState.MISSED])
def test_what_was_stopped_since_the_claim_does_not_begin_and_the_others_do(
    ledger: SqlLedger, became: WaveState
) -> None:
    threads(ledger, "national")
    threads(ledger, "other", name="second")
    claims = ahead(ledger)
    ledger.end_wave(ledger.waves(step="second")[0].id, became, why="halt", at=T0 - SECOND)
    why = ledger.begin_all(packed(ledger, claims), now=T0)
    assert list(why) == [claims[1].batch_id]
    assert "was stopped" in why[claims[1].batch_id]
    ledger.release(claims[1], now=T0, due_at=T0, why="stopped")
    left = ledger.waves(step="second")[0].counts
    assert {state for state, n in left.items() if n} == {
        WaveState.HELD: {State.DEFERRED},
        WaveState.CANCELLED: {State.CANCELLED},
        WaveState.MISSED: {State.MISSED},
    }[became]


def test_a_claim_that_somebody_else_has_by_now_does_not_begin(ledger: SqlLedger) -> None:
    threads(ledger, "national")
    late = ahead(ledger)
    ledger.lapse(now=T0 + SHORT)
    (theirs,) = ledger.claim(owner="another", now=T0 + SHORT, lease=LEASE, most=1)
    assert "not ours any more" in ledger.begin_all(packed(ledger, late), now=T0 + SHORT)[theirs.batch_id]
    assert ledger.begin_all(packed(ledger, [theirs]), now=T0 + SHORT) == {}


def test_a_claim_that_has_run_out_does_not_begin_even_if_nobody_has_looked_yet(ledger: SqlLedger) -> None:
    threads(ledger, "national")
    late = ahead(ledger)
    assert "has run out" in ledger.begin_all(packed(ledger, late), now=T0 + SHORT)[late[0].batch_id]


def test_who_renews_is_told_which_claims_are_lost(ledger: SqlLedger) -> None:
    threads(ledger, "national", "local")
    mine, lost = ahead(ledger)
    ledger.release(lost, now=T0, due_at=T0, why="")
    (theirs,) = ledger.claim(owner="another", now=T0, lease=LEASE, most=1)
    assert theirs.batch_id == lost.batch_id
    assert ledger.renew([mine, lost], now=T0, lease=SHORT) == {mine.batch_id}


def test_a_post_lapses_after_its_own_lease_and_e_mail_after_the_longer_one(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    supporters.add(people(3), at=T0)
    ledger.approve(bundle(), manifest(step()), [wave()], by="Jo Example", at=T0 - LEASE)
    ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0 - LEASE)
    threads(ledger, "national")
    assert len(ledger.claim(owner="one", now=T0, lease=LEASE, post_lease=SHORT, most=9)) == 2
    assert ledger.lapse(now=T0 + SHORT - SECOND) == 0
    assert ledger.lapse(now=T0 + SHORT) == 1
    assert ledger.lapse(now=T0 + LEASE) == 1


def test_a_doubt_is_counted_from_the_end_of_its_attempt(ledger: SqlLedger) -> None:
    """After a long thread, or a reply that was waited for, the network needs its time from then on."""
    threads(ledger, "national", "local")
    told, gone = ahead(ledger)
    ledger.begin_all(packed(ledger, [told, gone]), now=T0)
    ledger.record(told, {seq: InDoubt("lost") for seq in told.seqs}, now=T0 + 9 * SECOND, retry_at=T0)
    ledger.lapse(now=T0 + LEASE)
    assert {doubt.account: doubt.since for doubt in ledger.doubts()} == {
        "national": T0 + 9 * SECOND,
        "local": T0 - AHEAD + SHORT,
    }, "nothing of the other has left after its lease, however late somebody looked"


def test_what_is_in_doubt_is_settled_as_before(ledger: SqlLedger) -> None:
    threads(ledger, "national")
    (claim,) = ahead(ledger)
    ledger.begin_all(packed(ledger, [claim]), now=T0)
    ledger.lapse(now=T0 + LEASE)
    (doubt,) = ledger.doubts()
    ledger.settle(doubt, dict.fromkeys(doubt.seqs, Accepted("1")), now=T0 + LEASE)
    assert ledger.waves()[0].state is WaveState.DONE
