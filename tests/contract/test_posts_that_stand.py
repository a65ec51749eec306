"""What every channel for posts does before the instant and after it: made ready, with pictures, read and deleted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from campaign.model.media import Metrics
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Refused
from campaign.sandbox.faults import Fault
from tests.networks import NOW, Network, StandIn, batch, deliver, refs, settle, showing
from tests.pictures import jpeg, png

CROWD = png()


def alts(network: Network, place: int = 0) -> list[str]:
    """The descriptions of what a post shows that the network took."""
    return [one["alt"] for one in network.taken()[place]["media"]]


# --- pictures ---


def test_a_post_shows_its_pictures_in_order_each_with_its_description(network: Network) -> None:
    refs(deliver(network.channel, showing(batch("Look."), CROWD, png(32, 32), jpeg())))
    assert alts(network) == ["A crowd 1", "A crowd 2", "A crowd 3"]


def test_each_part_of_a_thread_shows_its_own(network: Network) -> None:
    refs(deliver(network.channel, showing(batch("One", "Two", "Three"), CROWD, part=1)))
    assert [alts(network, place) for place in range(3)] == [[], ["A crowd 1"], []]


def test_a_doubt_about_a_post_with_pictures_settles(network: Network) -> None:
    posts = showing(batch("Look: https://example.org/a", "and more"), CROWD, jpeg())
    network.ask(Fault.DROP_REPLY)
    deliver(network.channel, posts)
    settled = settle(network.channel, posts)
    assert isinstance(settled[0], Accepted), settled
    assert settled[0].ref == network.taken()[0]["ref"]


def test_what_is_settled_of_a_post_with_pictures_is_what_was_answered(network: Network) -> None:
    posts = showing(batch("Look.", "More."), CROWD)
    answered = refs(deliver(network.channel, posts))
    assert refs(settle(network.channel, posts)) == answered


def test_a_picture_that_cannot_be_handed_over_leaves_nothing_posted_and_no_doubt(network: Network) -> None:
    posts = showing(batch("One", "Two"), CROWD, part=1)
    network.stop()
    outcomes = deliver(network.channel, posts)
    assert all(isinstance(outcome, Deferred) for outcome in outcomes)


def test_a_post_whose_picture_is_not_there_is_not_posted_without_it(network: Network) -> None:
    posts = showing(batch("Look."), CROWD)
    bare = batch("Look.")
    payload = network.channel.compose(posts)
    (outcome,) = network.channel.deliver(bare, payload)
    assert isinstance(outcome, Deferred | Refused)
    assert network.taken() == []


# --- made ready ---


@pytest.mark.parametrize("upload", [True, False])
def test_to_be_made_ready_posts_nothing_and_may_be_done_again(network: Network, *, upload: bool) -> None:
    posts = showing(batch("Look."), CROWD)
    payload = network.channel.compose(posts)
    for _ in range(2):
        network.channel.ready(posts, payload, upload=upload)
    assert network.taken() == []
    refs(network.channel.deliver(posts, payload))
    assert alts(network) == ["A crowd 1"]


def test_to_be_made_ready_raises_nothing_where_the_network_is_away_or_refuses(network: Network) -> None:
    posts = showing(batch("Look."), CROWD)
    refused = network.another(secret="s3cret-but-wrong")
    refused.ready(posts, refused.compose(posts), upload=True)
    network.stop()
    network.channel.ready(posts, network.channel.compose(posts), upload=True)
    assert all(isinstance(outcome, Deferred) for outcome in deliver(network.channel, posts))


def test_many_can_be_made_ready_and_posted_at_once(network: Network) -> None:
    posts = [showing(batch(f"Post {wave}", wave=wave), CROWD) for wave in range(6)]
    with ThreadPoolExecutor(max_workers=6) as pool:
        list(pool.map(lambda one: network.channel.ready(one, network.channel.compose(one), upload=True), posts))
        outcomes = list(pool.map(lambda one: deliver(network.channel, one), posts))
    assert len({refs(outcome)[0] for outcome in outcomes}) == 6


# --- figures ---


def test_the_figures_of_what_stands_are_read_and_what_is_gone_is_left_out(stand_in: StandIn) -> None:
    standing, gone = refs(deliver(stand_in.channel, batch("One", "Two")))
    assert isinstance(stand_in.channel.retract("national", gone), Accepted)
    stand_in.sandbox.world.set_now(NOW + timedelta(hours=3))
    figures = stand_in.channel.metrics("national", [standing, gone])
    assert not isinstance(figures, Deferred)
    assert set(figures) == {standing}
    assert isinstance(figures[standing], Metrics)
    assert figures[standing].likes


def test_figures_that_cannot_be_read_now_are_deferred(stand_in: StandIn) -> None:
    (ref,) = refs(deliver(stand_in.channel, batch("One")))
    stand_in.stop()
    assert isinstance(stand_in.channel.metrics("national", [ref]), Deferred)


def test_the_figures_of_nothing_are_none(network: Network) -> None:
    assert network.channel.metrics("national", []) == {}


# --- deleted ---


def test_a_post_is_deleted_and_to_ask_again_is_harmless(network: Network) -> None:
    (ref,) = refs(deliver(network.channel, batch("One")))
    for _ in range(2):
        outcome = network.channel.retract("national", ref)
        assert isinstance(outcome, Accepted)
        assert outcome.ref == ref
    (settled,) = settle(network.channel, batch("One"))
    assert isinstance(settled, NotSent)


def test_what_is_not_deleted_is_not_said_to_be(network: Network) -> None:
    (ref,) = refs(deliver(network.channel, batch("One")))
    unconnected = network.another()
    network.stop()
    assert isinstance(unconnected.retract("national", ref), Deferred | InDoubt)


def test_nobody_deletes_the_posts_of_another_account(network: Network) -> None:
    (ref,) = refs(deliver(network.channel, batch("One")))
    network.channel.retract("chapter-west", ref)
    (settled,) = settle(network.channel, batch("One"))
    assert isinstance(settled, Accepted)
