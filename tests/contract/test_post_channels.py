"""What every channel for posts does, held against the stand-in of its network; Bluesky's against a real server too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from campaign.channels.bluesky import BlueskyCredentials
from campaign.channels.mastodon import MastodonCredentials
from campaign.channels.x_login import XCredentials, XLogin
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Refused
from campaign.sandbox.faults import Fault
from tests.networks import ASKED, NOW, OURS, PDS, Network, StandIn, batch, deliver, refs, sandbox_of, settle, too_long


def test_a_post_is_accepted_with_its_id_and_where_it_can_be_seen(network: Network) -> None:
    (outcome,) = deliver(network.channel, batch("Stop selling face recognition to governments."))
    assert isinstance(outcome, Accepted)
    assert outcome.url is not None
    assert outcome.url.startswith("https://")
    (taken,) = network.taken()
    assert (taken["account"], taken["ref"]) == ("national", outcome.ref)
    assert taken["text"] == "Stop selling face recognition to governments."


def test_a_thread_is_posted_in_order_each_part_as_a_reply_to_the_one_before(network: Network) -> None:
    first, second, third = refs(deliver(network.channel, batch("One", "Two", "Three")))
    assert [(row["text"], row["ref"], row["reply_to"]) for row in network.taken()] == [
        ("One", first, None),
        ("Two", second, first),
        ("Three", third, second),
    ]


def test_each_account_posts_as_itself(network: Network) -> None:
    deliver(network.channel, batch("From the west", account="chapter-west"))
    assert [row["account"] for row in network.taken()] == ["chapter-west"]


@pytest.mark.parametrize("fault", [None, *Fault])
def test_every_part_has_exactly_one_outcome_whatever_happens(network: Network, fault: Fault | None) -> None:
    if fault is not None:
        network.ask(fault)
    assert len(deliver(network.channel, batch("One", "Two", "Three"))) == 3
    assert len(settle(network.channel, batch("One", "Two", "Three"))) == 3


def test_a_lost_reply_leaves_a_doubt_that_settles_to_the_post_that_was_taken(network: Network) -> None:
    network.ask(Fault.DROP_REPLY)
    (outcome,) = deliver(network.channel, batch("Stop."))
    assert isinstance(outcome, InDoubt)
    (taken,) = network.taken()
    (settled,) = settle(network.channel, batch("Stop."))
    assert isinstance(settled, Accepted)
    assert settled.ref == taken["ref"]
    assert settled.url is not None
    assert network.taken() == [taken]


def test_what_is_settled_is_what_would_have_been_answered(network: Network) -> None:
    outcomes = deliver(network.channel, batch("One", "Two", "Three"))
    assert settle(network.channel, batch("One", "Two", "Three")) == outcomes


def test_a_doubt_about_a_post_that_was_not_taken_settles_to_not_sent_and_it_can_go(network: Network) -> None:
    network.ask(Fault.ERROR)
    (outcome,) = deliver(network.channel, batch("Stop."))
    assert isinstance(outcome, InDoubt)
    (settled,) = settle(network.channel, batch("Stop."))
    assert isinstance(settled, NotSent)
    assert settled.evidence
    refs(deliver(network.channel, batch("Stop.")))
    assert len(network.taken()) == 1


def test_a_rate_limit_defers_the_account_until_the_reset_that_was_named(network: Network) -> None:
    network.ask(Fault.RATE_LIMIT)
    outcome, *others = deliver(network.channel, batch("One", "Two"))
    assert isinstance(outcome, Deferred)
    assert outcome.until is not None
    assert NOW < outcome.until <= NOW + timedelta(minutes=1)
    assert outcome.scope == "account"
    assert all(isinstance(other, Deferred) for other in others)
    assert network.taken() == []


def test_an_unavailable_server_defers_and_nothing_is_posted(network: Network) -> None:
    network.ask(Fault.UNAVAILABLE)
    assert all(isinstance(outcome, Deferred) for outcome in deliver(network.channel, batch("One", "Two")))
    assert network.taken() == []


def test_a_server_that_cannot_be_reached_defers_and_is_no_doubt(network: Network) -> None:
    network.stop()
    assert all(isinstance(outcome, Deferred) for outcome in deliver(network.channel, batch("One", "Two")))


def test_a_doubt_stays_where_nothing_can_be_read(network: Network) -> None:
    network.stop()
    assert all(isinstance(settled, InDoubt) for settled in settle(network.channel, batch("One", "Two")))


# How long another package's network waits cannot be set; its own tests see to it.
@pytest.mark.parametrize("network", [*(ASKED or OURS), *PDS], indirect=True)
def test_a_reply_that_takes_too_long_is_a_doubt_that_settles(network: Network) -> None:
    deliver(network.channel, batch("Before", wave=6))  # signed in, so that only the post is slow
    impatient = network.another(timeout_s=0.5)
    impatient.check()
    network.ask(Fault.SLOW, delay_s=1.5)
    (outcome,) = deliver(impatient, batch("Stop."))
    assert isinstance(outcome, InDoubt)
    refs(settle(network.channel, batch("Stop.")))


def test_a_text_that_is_too_long_is_refused_for_good(network: Network) -> None:
    (outcome,) = deliver(network.channel, batch(too_long(network.name)))
    assert isinstance(outcome, Refused)
    assert outcome.reason
    assert network.taken() == []


def test_a_refused_post_is_refused_again(network: Network) -> None:
    network.ask(Fault.REFUSE)
    for _ in range(2):
        (outcome,) = deliver(network.channel, batch("Stop."))
        assert isinstance(outcome, Refused)


def test_a_half_sent_thread_resumes_at_the_part_that_is_missing(network: Network) -> None:
    sent = refs(deliver(network.channel, batch("One")))
    rest = batch("Two", "Three", first=1, sent=sent)
    network.ask(Fault.UNAVAILABLE)
    assert not any(isinstance(outcome, Accepted) for outcome in deliver(network.channel, rest))
    second, third = refs(deliver(network.channel, rest))
    assert [(row["text"], row["reply_to"]) for row in network.taken()] == [
        ("One", None),
        ("Two", sent[0]),
        ("Three", second),
    ]
    assert refs(settle(network.channel, rest)) == [second, third]


def test_of_a_thread_that_broke_off_the_parts_that_stand_are_told_from_those_that_do_not(network: Network) -> None:
    sent = refs(deliver(network.channel, batch("One")))
    first, second, third = settle(network.channel, batch("One", "Two", "Three"))
    assert isinstance(first, Accepted)
    assert [first.ref] == sent
    assert isinstance(second, NotSent)
    assert isinstance(third, NotSent)


def test_settling_finds_nothing_where_nothing_was_taken(network: Network) -> None:
    deliver(network.channel, batch("Something else", wave=6))
    assert all(isinstance(settled, NotSent) for settled in settle(network.channel, batch("One", "Two")))


def test_settling_posts_nothing(network: Network) -> None:
    settle(network.channel, batch("One", "Two"))
    assert network.taken() == []


@pytest.mark.parametrize(
    "text",
    [
        "Sign: https://example.org/act?utm_source=x&utm_campaign=a&copy=1 and tell others: example.org/letter",
        "R&D <b>bold</b> &amp; 5 > 3 < 7",
        "Two\nlines\n\nand a paragraph, with  two blanks",
        "Café at nine, café at ten: e\u0301 and é",
        "Families 👨‍👩‍👧‍👦 and flags 🏳️‍🌈 say #NoFaceRecognition, #StopIt!",
        "¿Quién vigila? «Nadie», 監視をやめろ",
        "(see https://example.org/a_(b)), https://example.net/.",
        "Ask @minister@social.example.org and @someone why https://example.org/" + "long/" * 20,
    ],
)
def test_whatever_a_text_holds_its_doubt_is_settled(network: Network, text: str) -> None:
    network.ask(Fault.DROP_REPLY)
    posts = batch(text, "and more") if network.name != "bluesky" else batch(text[:300])
    deliver(network.channel, posts)
    settled = settle(network.channel, posts)
    assert isinstance(settled[0], Accepted), settled
    assert settled[0].ref == network.taken()[0]["ref"]


def test_the_same_batch_again_makes_no_second_post(network: Network) -> None:
    first = refs(deliver(network.channel, batch("One", "Two", "Three")))
    assert refs(deliver(network.channel, batch("One", "Two", "Three"))) == first
    assert refs(deliver(network.another(), batch("One", "Two", "Three"))) == first
    assert len(network.taken()) == 3


def test_a_single_post_again_makes_no_second_post(network: Network) -> None:
    first = refs(deliver(network.channel, batch("Stop.")))
    assert refs(deliver(network.another(), batch("Stop."))) == first
    assert len(network.taken()) == 1


def test_a_network_that_was_killed_and_is_back_knows_what_it_took(stand_in: StandIn, tmp_path: Path) -> None:
    with sandbox_of(stand_in.name, tmp_path / "journal") as before:
        first = refs(deliver(stand_in.another(url=before.urls[stand_in.name]), batch("One", "Two")))
    with sandbox_of(stand_in.name, tmp_path / "journal") as after:
        channel = stand_in.another(url=after.urls[stand_in.name])
        assert refs(settle(channel, batch("One", "Two"))) == first
        assert refs(deliver(channel, batch("One", "Two"))) == first
        refs(deliver(channel, batch("Three", wave=8)))
        assert len(list(after.taken(stand_in.name))) == 3


def test_many_threads_can_post_at_once(network: Network) -> None:
    posts = [batch(f"Post {wave}", wave=wave) for wave in range(12)]
    with ThreadPoolExecutor(max_workers=6) as pool:
        outcomes = list(pool.map(lambda one: deliver(network.channel, one), posts))
    assert len({refs(outcome)[0] for outcome in outcomes}) == 12
    assert sorted(row["text"] for row in network.taken()) == sorted(one.parts[0].text for one in posts)


def test_the_payload_is_the_same_every_time_and_shows_each_text(network: Network) -> None:
    posts = batch("One & <two>", "Twö 👨‍👩‍👧‍👦")
    payload = network.channel.compose(posts)
    assert network.channel.compose(replace(posts, id=99)) == payload
    assert [network.channel.shows(payload, index).text for index in range(2)] == ["One & <two>", "Twö 👨‍👩‍👧‍👦"]
    assert network.channel.shows(replace(payload, chunks=[b"", b""]), 0).text == ""


def test_what_is_handed_over_is_the_payload_and_not_the_batch_of_the_day(network: Network) -> None:
    payload = network.channel.compose(batch("As it was approved"))
    network.channel.deliver(batch("As it reads now"), payload)
    assert [row["text"] for row in network.taken()] == ["As it was approved"]


def test_check_says_who_each_account_is(network: Network) -> None:
    standings = {standing.account: standing for standing in network.channel.check()}
    assert set(standings) == {"national", "chapter-west"}
    assert all(standing.who.startswith("@") for standing in standings.values())


def test_check_names_the_account_whose_credentials_are_refused_and_what_to_set(network: Network) -> None:
    wrong, other = network.another(secret="s3cret-but-wrong").check()
    said = wrong.wrong
    assert (wrong.account, other.account, other.wrong) == ("national", "chapter-west", "")
    assert other.who
    assert '"national"' in said
    assert f"CAMPAIGN_{network.name.upper()}__ACCOUNTS__NATIONAL__" in said
    assert '"chapter-west"' not in said
    assert "s3cret" not in said


def test_check_says_that_a_server_cannot_be_reached(network: Network) -> None:
    network.stop()
    standings = network.another().check()
    assert [standing.account in standing.wrong for standing in standings] == [True, True]


def test_refused_credentials_defer_the_account(network: Network) -> None:
    for outcome in deliver(network.another(secret="s3cret-but-wrong"), batch("One", "Two")):
        assert isinstance(outcome, Deferred)
        assert "s3cret" not in outcome.reason


def test_an_account_that_is_not_known_defers(network: Network) -> None:
    (outcome,) = deliver(network.channel, batch("One", account="chapter-east"))
    assert isinstance(outcome, Deferred)
    assert "chapter-east" in outcome.reason
    (settled,) = settle(network.channel, batch("One", account="chapter-east"))
    assert isinstance(settled, InDoubt)


def test_no_secret_is_in_a_repr(network: Network) -> None:
    assert "s3cret" not in repr(network.channel)
    credentials = (
        XCredentials("s3cret1", "s3cret2", "s3cret3", "s3cret4"),
        XLogin("s3cret5", "s3cret6", "s3cret7", "s3cret8"),
        BlueskyCredentials("coalition.example.org", "s3cret"),
        MastodonCredentials("s3cret"),
    )
    assert "s3cret" not in repr(credentials)


def test_a_closed_channel_can_be_used_again(network: Network) -> None:
    deliver(network.channel, batch("One"))
    network.channel.close()
    refs(deliver(network.channel, batch("Two", wave=8)))
