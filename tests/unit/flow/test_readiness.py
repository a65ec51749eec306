"""readiness: half a minute before a post its account is ready, and nothing of it has left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from campaign.engines.clock import VirtualClock
from campaign.flow import rollout
from campaign.model.batch import Payload, PostBatch
from campaign.model.delivery import State
from campaign.model.outcome import Outcome
from campaign.model.wave import LEAD
from tests.builders import T0, post_message, step, wave
from tests.desks import Office, Told, accept, office

THREAD = post_message("One of two.\n---\nTwo of two.\n")
SECOND = timedelta(seconds=1)


class Readied(Told[PostBatch]):
    """Notes when it was made ready and when it was handed a post."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__("x", delivers=self._deliver, in_flight=9)
        self._clock = clock
        self.when: list[tuple[str, datetime]] = []

    def ready(self, batch: PostBatch, payload: Payload, *, upload: bool) -> None:
        super().ready(batch, payload, upload=upload)
        self.when.append(("ready", self._clock.now()))

    def _deliver(self, batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        self.when.append(("posted", self._clock.now()))
        return accept(batch, payload)


def go(at: Office) -> None:
    turn = rollout.turns(at.desk)
    while (following := turn()) is not None:
        at.clock.sleep_until(following)


def test_each_account_is_made_ready_once_with_what_it_will_hand_over(tmp_path: Path) -> None:
    with office(tmp_path, posts=[Told[PostBatch]("x", in_flight=9)], clock=VirtualClock(T0 - 2 * LEAD)) as at:
        at.approve(step("launch", "x", accounts=("national", "local")), message=THREAD)
        go(at)
        x = at.posts["x"]
        assert sorted(batch.account for batch, _, _ in x.readied) == ["local", "national"]
        ready = {batch.account: ([part[:3] for part in batch.parts], payload.chunks) for batch, payload, _ in x.readied}
        posted = {batch.account: ([part[:3] for part in batch.parts], payload.chunks) for batch, payload in x.got}
        assert ready == posted


def test_it_is_done_before_the_instant_even_where_time_jumps(tmp_path: Path) -> None:
    clock = VirtualClock(T0 - 2 * LEAD)
    x = Readied(clock)
    with office(tmp_path, posts=[x], clock=clock) as at:
        at.approve(step("launch", "x", accounts=("national", "local")), message=THREAD)
        go(at)
    assert [what for what, _ in x.when] == ["ready", "ready", "posted", "posted"]
    assert all(when < T0 for what, when in x.when if what == "ready")
    assert [when for what, when in x.when if what == "posted"] == [T0, T0]


def test_media_is_handed_over_ahead_only_where_no_embargo_forbids_it(tmp_path: Path) -> None:
    with office(tmp_path, clock=VirtualClock(T0 - 2 * LEAD)) as at:
        at.approve(step("free", "x", accounts=("free",)), message=THREAD)
        at.approve(step("bound", "x", accounts=("bound",), embargo=T0), message=THREAD)
        at.approve(step("over", "x", accounts=("over",), embargo=T0 - LEAD - SECOND), message=THREAD)
        go(at)
        uploads = {batch.account: upload for batch, _, upload in at.posts["x"].readied}
        assert uploads == {"free": True, "bound": False, "over": True}


def test_what_fails_is_told_without_its_words_and_the_post_goes_out_all_the_same(tmp_path: Path) -> None:
    class Broken(Told[PostBatch]):
        def ready(self, batch: PostBatch, payload: Payload, *, upload: bool) -> None:
            super().ready(batch, payload, upload=upload)
            raise RuntimeError("the token is secret")

    with office(tmp_path, posts=[Broken("x")], clock=VirtualClock(T0 - 2 * LEAD)) as at:
        at.approve(step("launch", "x"), message=THREAD)
        go(at)
        assert at.states() == {State.ACCEPTED: 2}
        (said,) = [line for line in at.told if "made ready" in line]
        assert said.startswith("launch#1 on x as national could not be made ready (RuntimeError)")


def test_a_program_that_starts_in_the_last_seconds_makes_ready_what_another_has_prepared(tmp_path: Path) -> None:
    with office(tmp_path, clock=VirtualClock(T0 - LEAD)) as at:
        at.approve(step("launch", "x"), wave("launch"), message=THREAD)
        rollout.turns(at.desk)()
        at.wait(LEAD - 5 * SECOND)
        go(at)
        assert [batch.account for batch, _, _ in at.posts["x"].readied] == ["national", "national"]


def test_what_is_late_already_is_not_made_ready_first(tmp_path: Path) -> None:
    with office(tmp_path, clock=VirtualClock(T0 + SECOND)) as at:
        at.approve(step("launch", "x"), message=THREAD)
        go(at)
        assert at.posts["x"].readied == []
        assert at.states() == {State.ACCEPTED: 2}
