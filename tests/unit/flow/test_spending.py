"""spending: what posts cost by the prices, and that a budget holds what it does not bear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from campaign.flow import rollout, spending
from campaign.flow.posting import Posting
from campaign.flow.spending import Cost
from campaign.model.batch import Payload, PostBatch
from campaign.model.bundle import Sources
from campaign.model.delivery import State
from campaign.model.message import MediaSource, PostSource, Source
from campaign.model.outcome import Accepted, Deferred, Outcome
from campaign.model.price import Prices, in_usd
from campaign.model.wave import WaveState
from tests.builders import T0, letter, mail_message, manifest, plan, post_message, step, wave
from tests.desks import HOUR, MINUTE, Office

PRICES = Prices(post=15_000, post_with_url=200_000, media=5_000, own_read=1_000)


def posting(*parts: str, media: Sequence[int] = ()) -> Posting:
    """A post of these parts, with a picture beside each of the parts named in ``media``, from 1."""
    shown = tuple(MediaSource(line=1, part=part, file="crowd.jpg") for part in media)
    return Posting(parts, PostSource("x", Source("launch.md", ""), media=shown), "en", unnumbered=parts)


class TestCost:
    def test_each_part_costs_and_one_with_a_link_costs_more(self) -> None:
        made = spending.of(posting("One.", "Two: https://example.org/", "Three."), accounts=2, prices=PRICES)
        assert made == Cost(posts=6, with_url=2, micro_usd=2 * (15_000 + 200_000 + 15_000))

    def test_pictures_cost_where_their_part_is_posted(self) -> None:
        made = spending.of(posting("One.", media=(1, 1, 2)), accounts=1, prices=PRICES)
        assert made == Cost(posts=1, media=2, micro_usd=15_000 + 2 * 5_000)

    def test_what_reading_figures_back_will_cost_is_told_apart(self) -> None:
        made = spending.of(posting("One.", "Two."), accounts=2, prices=PRICES, readings=8)
        assert (made.micro_usd, made.readings) == (60_000, 32_000)

    @pytest.mark.parametrize(
        ("text", "is_link"),
        [
            ("Read https://example.org/letter", True),
            ("Read example.org/letter today", True),
            ("Read (http://example.com).", True),
            ("Ask @amazon about it, 5.22 of May", False),
            ("No full stop.Then a word", False),
            ("", False),
            ("a." * 4_000, False),
        ],
    )
    def test_a_link_is_what_x_makes_one_of(self, text: str, is_link: object) -> None:
        assert spending.holds_url(text) is is_link


@pytest.mark.parametrize(
    ("micro_usd", "said"),
    [(0, "$0.00"), (15_000, "$0.015"), (200_000, "$0.20"), (1_204_600_000, "$1,204.60"), (1, "$0.000001")],
)
def test_amounts_are_said_in_dollars_with_all_their_decimals(micro_usd: int, said: str) -> None:
    assert in_usd(micro_usd) == said


def sources() -> Sources:
    """An e-mail, a post of two waves with a link in it, and one on a network that charges nothing."""
    steps = (step(), step("launch", "x", accounts=("national", "ohio")), step("toot", "mastodon"))
    waves = {
        "alert": (wave(),),
        "launch": (wave("launch"), wave("launch", 2, T0 + HOUR)),
        "toot": (wave("toot"),),
    }
    messages = {"email/alert": mail_message(), "post/launch": post_message("Read https://example.org/")}
    return Sources(plan=plan(*steps), letter=letter(), messages=messages, waves=waves)


class TestForecast:
    def test_the_steps_that_cost_are_forecast_wave_by_wave(self) -> None:
        (found,) = spending.forecast(sources(), {"x": PRICES}, readings=8)
        each = Cost(posts=2, with_url=2, micro_usd=400_000, readings=16_000)
        assert (found.step, found.channel, found.waves) == ("launch", "x", {"launch#1": each, "launch#2": each})
        assert found.total() == each + each
        assert found.total(without={"launch#1"}) == each

    def test_a_message_that_cannot_be_rendered_costs_nobody_knows_what(self) -> None:
        broken = replace(sources(), messages={**sources().messages, "post/launch": post_message("{{ nothing }}")})
        (found,) = spending.forecast(broken, {"x": PRICES}, readings=8)
        assert found.waves == {}
        assert "nothing" in found.why_not

    def test_a_plan_that_costs_more_than_its_budget_is_warned_of(self) -> None:
        found = spending.forecast(sources(), {"x": PRICES}, readings=8)
        assert spending.over_budget(sources(), found, {"x": 832_000}) == []
        assert spending.over_budget(sources(), found, {}) == []
        (problem,) = spending.over_budget(sources(), found, {"x": 831_999})
        assert str(problem) == (
            'schedules.yaml channel "x": its posts cost $0.80 and $0.032 for reading their figures, and the budget is '
            "$0.831999; raise CAMPAIGN_X__BUDGET_USD, or post fewer links; what comes once it is spent is held for a "
            "person"
        )
        assert problem.severity == "warning"

    def test_what_is_spent_counts_and_what_has_gone_out_is_not_counted_again(self) -> None:
        found = spending.forecast(sources(), {"x": PRICES}, readings=0)
        left = {"spent": {"x": 400_000}, "without": {"launch#1"}}
        assert spending.over_budget(sources(), found, {"x": 800_000}, spent={"x": 400_000}, without={"launch#1"}) == []
        (problem,) = spending.over_budget(sources(), found, {"x": 799_999}, **left)  # type: ignore[arg-type]  # both are its own
        assert "after $0.40 until now" in problem.what


def approve(at: Office, name: str, *, due_at: timedelta = timedelta(0), text: str = "Read it.") -> None:
    at.approve(step(name, "x"), wave(name, due_at=T0 + due_at), message=post_message(text))


def turns(at: Office) -> None:
    turn = rollout.turns(at.desk)
    while (following := turn()) is not None:
        at.clock.sleep_until(following)


def release(at: Office, name: str, text: str = "Read it.") -> None:
    """A person's word that what is held of the step may go."""
    made = at.approve(step(name, "x"), wave(name), message=post_message(text))
    said = replace(manifest(made.step), digest=at.digests[name])
    at.ledger.approve(made, said, [wave(name)], by="Jo Example", at=at.clock.now(), release=True)


class TestBudget:
    def test_what_it_does_not_bear_is_held_with_the_reason_and_the_rest_goes_out(self, at: Office) -> None:
        at.desk.prices, at.desk.budgets = {"x": PRICES}, {"x": 220_000}
        approve(at, "linked", text="Read https://example.org/")
        approve(at, "dear", due_at=HOUR, text="Read https://example.com/")
        approve(at, "cheap", due_at=2 * HOUR)
        turns(at)
        assert {one.step: one.state for one in at.waves()} == {
            "linked": WaveState.DONE,
            "dear": WaveState.HELD,
            "cheap": WaveState.DONE,
        }
        (dear,) = at.waves("dear")
        assert dear.why == (
            "it costs $0.20 on x, and of the budget of $0.22 there are $0.02 left; raise CAMPAIGN_X__BUDGET_USD first"
        )
        assert f"dear#1 is held: {dear.why}" in at.told
        assert at.ledger.spent() == {"x": 215_000}

    def test_it_goes_out_once_the_budget_is_raised_and_a_person_lets_it_go(self, at: Office) -> None:
        at.desk.prices, at.desk.budgets = {"x": PRICES}, {"x": 1}
        approve(at, "launch")
        turns(at)
        release(at, "launch")
        turns(at)
        assert at.waves()[0].state is WaveState.HELD
        at.desk.budgets = {"x": 15_000}
        release(at, "launch")
        turns(at)
        assert at.states() == {State.ACCEPTED: 1}

    def test_without_a_budget_nothing_is_held_and_what_it_costs_is_known(self, at: Office) -> None:
        at.desk.prices = {"x": PRICES}
        approve(at, "launch")
        turns(at)
        assert at.states() == {State.ACCEPTED: 1}
        assert at.ledger.spent() == {"x": 15_000}


class TestSpentCredit:
    def spend_after(self, at: Office, accepted: int) -> None:
        """X takes so many parts, and then says that the credit is spent."""

        def deliver(batch: PostBatch, _payload: Payload) -> Sequence[Outcome]:
            spent = Deferred("the credit with X is spent", scope="channel", hold=True)
            return [Accepted(f"{batch.id}.{n}") if n < accepted else spent for n in range(len(batch))]

        at.posts["x"].delivers = deliver

    def test_the_wave_is_held_with_the_provider_s_words_and_nothing_of_it_is_lost(self, at: Office) -> None:
        self.spend_after(at, 0)
        approve(at, "launch")
        turns(at)
        (held,) = at.waves()
        assert (held.state, held.why) == (WaveState.HELD, "the credit with X is spent")
        assert at.states() == {State.DEFERRED: 1}
        assert "launch#1 is held: the credit with X is spent" in at.told
        at.wait(3 * HOUR)
        turns(at)
        assert len(at.posts["x"].got) == 1

    def test_a_thread_goes_on_at_the_part_that_is_missing_once_a_person_lets_it_go(self, at: Office) -> None:
        self.spend_after(at, 2)
        text = "One.\n---\nTwo.\n---\nThree.\n---\nFour."
        approve(at, "launch", text=text)
        turns(at)
        assert at.states() == {State.ACCEPTED: 2, State.DEFERRED: 2}
        at.wait(5 * MINUTE)
        release(at, "launch", text)
        self.spend_after(at, 9)
        turns(at)
        assert at.states() == {State.ACCEPTED: 4}
        first, second = at.posts["x"].got
        assert [part.text for part in second[0].parts] == ["Three.", "Four."]
        assert len(second[0].sent) == 2
        assert first[0].account == second[0].account

    def test_every_account_that_is_turned_away_waits_and_the_wave_is_held_once(self, at: Office) -> None:
        self.spend_after(at, 0)
        chosen = step("launch", "x", accounts=("national", "ohio", "maine"))
        at.approve(chosen, wave("launch"), message=post_message("Read it."))
        turns(at)
        assert at.states() == {State.DEFERRED: 3}
        assert [line for line in at.told if "is held" in line] == ["launch#1 is held: the credit with X is spent"]

    def test_what_was_cancelled_meanwhile_stays_cancelled(self, at: Office) -> None:
        def deliver(batch: PostBatch, _payload: Payload) -> Sequence[Outcome]:
            at.ledger.end_wave(at.waves()[0].id, WaveState.CANCELLED, why="no", at=at.clock.now())
            return [Deferred("the credit with X is spent", scope="channel", hold=True)] * len(batch)

        at.posts["x"].delivers = deliver
        approve(at, "launch")
        turns(at)
        assert at.waves()[0].state is WaveState.CANCELLED
        assert at.states() == {State.CANCELLED: 1}
