"""Faults strike as they were asked, and the same way again for the same seed."""

from __future__ import annotations

import pytest

from campaign.sandbox.faults import MOST_PER_MESSAGE, PROVIDERS, SCENARIOS, Fault, Faults


def test_nothing_strikes_unasked() -> None:
    assert Faults().draw("x", "m") is None
    assert Faults().draw_batch("sendgrid", ["a", "b"]) == (None, ())


def test_a_fault_asked_a_number_of_times_strikes_that_often() -> None:
    faults = Faults()
    faults.ask("x", Fault.DROP_REPLY, times=2)
    assert [faults.draw("x", f"m{n}") for n in range(4)] == [Fault.DROP_REPLY, Fault.DROP_REPLY, None, None]
    assert faults.draw("mastodon", "m") is None


def test_faults_asked_one_after_the_other_strike_in_that_order() -> None:
    faults = Faults()
    faults.ask("x", Fault.RATE_LIMIT, times=1)
    faults.ask("x", Fault.ERROR, times=1)
    assert [faults.draw("x", "m") for _ in range(3)] == [Fault.RATE_LIMIT, Fault.ERROR, None]


def test_a_share_strikes_about_that_many_and_the_same_ones_again() -> None:
    messages = [f"m{n}" for n in range(1000)]

    def struck(seed: int, order: list[str]) -> set[str]:
        faults = Faults()
        faults.ask("x", Fault.DROP_REPLY, share=0.2, seed=seed)
        return {message for message in order if faults.draw("x", message)}

    first = struck(1, messages)
    assert 150 < len(first) < 250
    assert first == struck(1, messages[::-1])
    assert first != struck(2, messages)


def test_messages_without_a_name_are_struck_by_their_number() -> None:
    faults = Faults()
    faults.ask("x", Fault.DROP_REPLY, share=0.5)
    drawn = [faults.draw("x") for _ in range(200)]
    assert 60 < drawn.count(Fault.DROP_REPLY) < 140


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_lets_every_message_through_in_the_end_or_refuses_it_for_good(name: str) -> None:
    faults = Faults.named(name, seed=3)
    for provider in PROVIDERS:
        for message in (f"m{n}" for n in range(300)):
            drawn = [faults.draw(provider, message) for _ in range(MOST_PER_MESSAGE + 1)]
            assert drawn[-1] is None or set(drawn) == {Fault.REFUSE}


def test_a_scenario_with_another_name_is_unknown() -> None:
    with pytest.raises(KeyError):
        Faults.named("typhoon")


def test_storm_holds_every_fault() -> None:
    assert set(SCENARIOS["storm"]) == set(Fault)


def test_what_is_refused_stays_refused_whatever_request_it_comes_in() -> None:
    faults = Faults()
    faults.ask("sendgrid", Fault.REFUSE, share=0.1, seed=5)
    messages = [f"m{n}" for n in range(100)]
    _, places = faults.draw_batch("sendgrid", messages)
    refused = {messages[place] for place in places}
    assert refused
    assert {m for m in messages if faults.draw("sendgrid", m) is Fault.REFUSE} == refused
    _, places = faults.draw_batch("sendgrid", messages[50:])
    assert {messages[50 + place] for place in places} == refused & set(messages[50:])


def test_one_refusal_asked_refuses_one_message_for_good() -> None:
    faults = Faults()
    faults.ask("sendgrid", Fault.REFUSE, times=1)
    assert faults.draw_batch("sendgrid", ["a", "b"]) == (None, [0])
    assert faults.draw_batch("sendgrid", ["b"]) == (None, [])
    faults.clear()
    assert faults.draw("sendgrid", "a") is Fault.REFUSE


def test_playing_another_scenario_ends_the_one_before() -> None:
    faults = Faults.named("replies")
    faults.play("none")
    assert not any(faults.draw("x", f"m{n}") for n in range(100))


def test_the_delay_of_a_slow_provider_is_known() -> None:
    faults = Faults()
    faults.ask("x", Fault.SLOW, times=1, delay_s=0.25)
    assert faults.delay_s("x") == 0.25
    assert faults.delay_s("mastodon") == 0


def test_a_share_outside_0_to_1_is_an_error() -> None:
    with pytest.raises(ValueError, match="share"):
        Faults().ask("x", Fault.SLOW, share=1.5)
