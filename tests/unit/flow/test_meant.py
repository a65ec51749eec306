"""meant: an account that is not the one that the plan means posts nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from campaign.channels.mastodon import Mastodon, MastodonCredentials
from campaign.engines.clock import VirtualClock
from campaign.flow.meant import AGAIN, Meant, is_meant, why_not
from campaign.model.batch import PostBatch, PostPart
from campaign.model.outcome import Accepted, Deferred, InDoubt
from campaign.ports.channel import Standing
from campaign.sandbox.server import Sandbox

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
RIGHT = {"national": "National@social.example.org", "west": "west@social.example.org"}


class Network:
    """Mastodon's stand-in, and channels to it that post by those who are meant."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.clock = VirtualClock(NOW)
        self._opened: list[Meant] = []

    def channel(self, handles: Mapping[str, str], *, url: str = "") -> Meant:
        credentials = {name: MastodonCredentials(f"tok-{name}") for name in ("national", "west", "free")}
        mastodon = Mastodon(credentials, base_url=url or self.sandbox.urls["mastodon"], timeout_s=10)
        self._opened.append(Meant(mastodon, handles, self.clock))
        return self._opened[-1]

    def taken(self) -> list[str]:
        return [post["account"] for post in self.sandbox.taken("mastodon")]

    def close(self) -> None:
        for channel in self._opened:
            channel.close()


@pytest.fixture
def network() -> Iterator[Network]:
    accounts = {"mastodon": {name: f"tok-{name}" for name in ("national", "west", "free")}}
    with Sandbox(accounts=accounts, now=NOW) as sandbox:
        network = Network(sandbox)
        yield network
        network.close()


def batch(account: str, *texts: str) -> PostBatch:
    parts = [PostPart(seq, f"{account}{seq}{text}", text) for seq, text in enumerate(texts or ("Stop.",))]
    return PostBatch(id=1, account=account, parts=parts, made_at=NOW, attempted_at=NOW)


def deliver(channel: Meant, posts: PostBatch) -> list[object]:
    return list(channel.deliver(posts, channel.compose(posts)))


@pytest.mark.parametrize(
    ("meant", "handle", "same"),
    [
        ("freetowalk", "FreeToWalk", "same"),
        ("a@example.org", "@A@Example.org", "same"),
        ("freetowalk", "freetowalk_wa", "another"),
        ("a@example.org", "a@other.example.org", "another"),
        ("a", "", "another"),
    ],
)
def test_names_are_the_same_whatever_their_capitals(meant: str, handle: str, same: str) -> None:
    assert is_meant(meant, handle) is (same == "same")


def test_what_is_said_of_another_names_both_and_what_to_do() -> None:
    assert why_not("x", Standing("national", "@someone"), "freetowalk") == (
        'the x account "national" is @someone, and the plan means @freetowalk: '
        "set the credentials of @freetowalk, or mend `accounts:` in the plan"
    )
    assert why_not("x", Standing("national", "", wrong="it is refused; do this"), "a") == "it is refused; do this"
    assert why_not("x", Standing("national", "@a"), "a") == ""


def test_the_accounts_that_are_meant_post_and_are_asked_for_once(network: Network) -> None:
    channel = network.channel(RIGHT)
    assert channel.strangers() == {}
    network.sandbox.world.accounts = {"mastodon": {"national": "tok-national"}}  # nobody may be asked again
    assert [type(one) for one in deliver(channel, batch("national", "One", "Two"))] == [Accepted, Accepted]
    assert network.taken() == ["national", "national"]


def test_another_account_posts_nothing_waits_and_holds_up_no_other(network: Network) -> None:
    channel = network.channel({**RIGHT, "national": "coalition@social.example.org"})
    assert list(channel.strangers()) == ["national"]
    outcomes = deliver(channel, batch("national", "One", "Two"))
    assert len(outcomes) == 2
    for outcome in outcomes:
        assert isinstance(outcome, Deferred)
        assert "is @national@social.example.org, and the plan means @coalition@social.example.org" in outcome.reason
        assert (outcome.until, outcome.scope) == (NOW + AGAIN, "account")
    assert isinstance(deliver(channel, batch("west"))[0], Accepted)
    assert network.taken() == ["west"]


def test_an_account_that_the_plan_says_nothing_of_posts(network: Network) -> None:
    assert isinstance(deliver(network.channel(RIGHT), batch("free"))[0], Accepted)


def test_who_it_is_is_found_out_even_where_nobody_has_asked_before(network: Network) -> None:
    assert isinstance(
        deliver(network.channel({"national": "other@social.example.org"}), batch("national"))[0], Deferred
    )
    assert isinstance(deliver(network.channel(RIGHT), batch("national"))[0], Accepted)


def test_where_it_cannot_be_found_out_posts_wait_until_it_can(network: Network) -> None:
    accounts = network.sandbox.world.accounts
    network.sandbox.world.accounts = {"mastodon": {}}
    channel = network.channel(RIGHT)
    assert set(channel.strangers()) == {"national", "west"}
    network.sandbox.world.accounts = accounts
    (outcome,) = deliver(channel, batch("national"))
    assert isinstance(outcome, Deferred)
    assert outcome.until is not None
    network.clock.sleep_until(outcome.until)
    assert isinstance(deliver(channel, batch("national"))[0], Accepted)


def test_nothing_is_handed_over_ahead_for_another(network: Network) -> None:
    channel = network.channel({"national": "other@social.example.org"})
    posts = batch("national")
    channel.ready(posts, channel.compose(posts), upload=True)
    assert network.taken() == []


def test_a_doubt_is_not_looked_for_among_anothers_posts(network: Network) -> None:
    posts = batch("national")
    deliver(network.channel(RIGHT), posts)
    channel = network.channel({"national": "other@social.example.org"})
    (settled,) = channel.settle(posts, channel.compose(posts))
    assert isinstance(settled, InDoubt)
    assert "the plan means @other@social.example.org" in settled.reason
    (settled,) = network.channel(RIGHT).settle(posts, channel.compose(posts))
    assert isinstance(settled, Accepted)


def test_nothing_is_deleted_by_another(network: Network) -> None:
    (posted,) = deliver(network.channel(RIGHT), batch("national"))
    assert isinstance(posted, Accepted)
    assert posted.ref is not None
    wrong = network.channel({"national": "other@social.example.org"})
    assert isinstance(wrong.retract("national", posted.ref), Deferred)
    assert wrong.metrics("national", [posted.ref])
    assert isinstance(network.channel(RIGHT).retract("national", posted.ref), Accepted)


def test_many_posts_at_once_ask_who_they_are_once(network: Network) -> None:
    channel = network.channel(RIGHT)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda number: deliver(channel, batch("national", f"Post {number}")), range(8)))
    assert all(isinstance(outcome[0], Accepted) for outcome in outcomes)
    assert network.taken() == ["national"] * 8


def test_otherwise_it_is_the_channel_itself(network: Network) -> None:
    channel = network.channel(RIGHT)
    inner = channel.channel
    assert (channel.name, channel.limits, channel.settles) == (inner.name, inner.limits, inner.settles)
    posts = batch("national", "As it reads")
    assert channel.compose(posts) == inner.compose(posts)
    assert channel.shows(channel.compose(posts), 0).text == "As it reads"
    assert [standing.account for standing in channel.check()] == ["national", "west", "free"]
