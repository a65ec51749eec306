"""A call that is prepared before its instant: nothing leaves by that, and what leaves then is what would have left."""

from __future__ import annotations

import pytest

from campaign.model.outcome import Accepted, Deferred
from campaign.sandbox.faults import Fault
from tests.networks import Network, batch, deliver, refs, settle


def test_nothing_leaves_before_the_call_and_all_of_it_with_the_call(network: Network) -> None:
    thread = batch("One", "Two", "Three")
    payload = network.channel.compose(thread)
    network.channel.ready(thread, payload, upload=True)
    call = network.channel.aim(thread, payload)
    assert network.taken() == []
    first, second, third = refs(call())
    assert [(row["text"], row["ref"], row["reply_to"]) for row in network.taken()] == [
        ("One", first, None),
        ("Two", second, first),
        ("Three", third, second),
    ]


def test_a_call_that_is_not_made_leaves_nothing_and_stands_in_no_other_s_way(network: Network) -> None:
    given_up, another = batch("Stopped."), batch("Go.", wave=7)
    network.channel.aim(given_up, network.channel.compose(given_up))
    refs(deliver(network.channel, another))
    assert [row["text"] for row in network.taken()] == ["Go."]


def test_each_account_posts_as_itself(network: Network) -> None:
    posts = [batch("From the west", account="chapter-west"), batch("From all", account="national")]
    calls = [network.channel.aim(post, network.channel.compose(post)) for post in posts]
    for call in calls:
        refs(call())
    assert {(row["account"], row["text"]) for row in network.taken()} == {
        ("chapter-west", "From the west"),
        ("national", "From all"),
    }


def test_where_nobody_made_it_ready_the_call_does_all_there_is_to_do(network: Network) -> None:
    post = batch("Unprepared.")
    refs(network.another().aim(post, network.channel.compose(post))())
    assert [row["text"] for row in network.taken()] == ["Unprepared."]


@pytest.mark.parametrize("fault", [*Fault])
def test_whatever_happens_every_part_has_one_outcome(network: Network, fault: Fault) -> None:
    thread = batch("One", "Two")
    payload = network.channel.compose(thread)
    call = network.channel.aim(thread, payload)
    network.ask(fault)
    outcomes = call()
    assert len(outcomes) == 2
    accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    standing = [outcome for outcome in settle(network.channel, thread) if isinstance(outcome, Accepted)]
    assert len(network.taken()) == len(standing) >= len(accepted)


def test_an_account_without_credentials_is_told_by_the_call(network: Network) -> None:
    post = batch("Who?", account="unknown")
    (outcome,) = network.channel.aim(post, network.channel.compose(post))()
    assert isinstance(outcome, Deferred)


def test_a_server_that_is_gone_by_the_instant_defers(network: Network) -> None:
    post = batch("Gone.")
    call = network.channel.aim(post, network.channel.compose(post))
    network.stop()
    (outcome,) = call()
    assert isinstance(outcome, Deferred)
