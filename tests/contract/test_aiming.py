"""A call that is made ahead of its instant: nothing leaves before its gate opens, and then what would have left."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from campaign.model.batch import PostBatch
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome
from campaign.ports.channel import PostChannel
from campaign.sandbox.faults import Fault
from tests.networks import EXAMPLE, Network, RealNetwork, batch, deliver, refs, settle

PATIENCE_S = 60


class _SentHome(Exception):
    pass


class Aimed:
    """A call under way in a thread of its own, as far as its gate, or at its end where it came to none."""

    def __init__(self, channel: PostChannel, post: PostBatch) -> None:
        self._open = threading.Event()
        self._there = threading.Event()
        self._home = False
        self.has_left = threading.Event()
        self.all_have_left = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._told: Future[Sequence[Outcome]] = self._pool.submit(self._aim, channel, post)
        self._told.add_done_callback(lambda _: self._there.set())
        assert self._there.wait(PATIENCE_S)

    def _aim(self, channel: PostChannel, post: PostBatch) -> Sequence[Outcome]:
        return channel.aim(post, channel.compose(post), self)

    def __call__(self) -> None:
        self._there.set()
        self._open.wait()
        if self._home:
            raise _SentHome

    def left(self) -> None:
        assert not self.has_left.is_set()
        self.has_left.set()
        assert self.all_have_left.wait(PATIENCE_S)

    def go(self) -> Sequence[Outcome]:
        self.all_have_left.set()
        self.leave()
        with self._pool:
            return self._told.result(PATIENCE_S)

    @property
    def is_over(self) -> bool:
        return self._told.done()

    def leave(self) -> None:
        self._open.set()

    def send_home(self) -> None:
        self._home = True
        self._open.set()
        self._pool.shutdown()


def test_nothing_leaves_before_the_gate_opens_and_all_of_it_then(network: Network) -> None:
    thread = batch("One", "Two", "Three")
    network.channel.ready(thread, network.channel.compose(thread), upload=True)
    call = Aimed(network.channel, thread)
    assert network.taken() == []
    first, second, third = refs(call.go())
    assert [(row["text"], row["ref"], row["reply_to"]) for row in network.taken()] == [
        ("One", first, None),
        ("Two", second, first),
        ("Three", third, second),
    ]


def test_a_call_that_is_sent_home_leaves_nothing_and_stands_in_no_other_s_way(network: Network) -> None:
    given_up, another = batch("Stopped."), batch("Go.", wave=7)
    Aimed(network.channel, given_up).send_home()
    refs(deliver(network.channel, another))
    assert [row["text"] for row in network.taken()] == ["Go."]


def test_who_has_left_reads_no_answer_before_the_others_have_left(network: Network) -> None:
    post, another = batch("First."), batch("Second.", account="chapter-west")
    first = Aimed(network.channel, post)
    first.leave()
    if network.name != EXAMPLE:  # which another package may leave out
        assert first.has_left.wait(PATIENCE_S)
        assert not first.is_over
    refs(Aimed(network.channel, another).go())
    refs(first.go())
    assert {row["text"] for row in network.taken()} == {"First.", "Second."}


def test_each_account_posts_as_itself(network: Network) -> None:
    posts = [batch("From the west", account="chapter-west"), batch("From all", account="national")]
    calls = [Aimed(network.channel, post) for post in posts]
    for call in calls:
        refs(call.go())
    assert {(row["account"], row["text"]) for row in network.taken()} == {
        ("chapter-west", "From the west"),
        ("national", "From all"),
    }


def test_where_nobody_made_it_ready_the_call_does_all_there_is_to_do(network: Network) -> None:
    call = Aimed(network.another(), batch("Unprepared."))
    assert network.taken() == []
    refs(call.go())
    assert [row["text"] for row in network.taken()] == ["Unprepared."]


@pytest.mark.parametrize("fault", [*Fault])
def test_whatever_happens_every_part_has_one_outcome(network: Network, fault: Fault) -> None:
    thread = batch("One", "Two")
    call = Aimed(network.channel, thread)
    network.ask(fault)
    outcomes = call.go()
    assert len(outcomes) == 2
    accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    standing = [outcome for outcome in settle(network.channel, thread) if isinstance(outcome, Accepted)]
    assert len(network.taken()) == len(standing) >= len(accepted)


def test_an_account_without_credentials_is_told_by_the_call(network: Network) -> None:
    (outcome,) = Aimed(network.channel, batch("Who?", account="unknown")).go()
    assert isinstance(outcome, Deferred)


def test_a_server_that_is_gone_by_the_instant_takes_nothing(network: Network) -> None:
    post = batch("Gone.")
    call = Aimed(network.channel, post)
    network.stop()
    (outcome,) = call.go()
    # A real server goes on serving those who have a connection open.
    assert isinstance(outcome, Deferred | InDoubt) or isinstance(network, RealNetwork)
