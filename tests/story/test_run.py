"""Sending on the real clock, to the sandbox: approved, on time, once; never unapproved, changed or too late."""

from __future__ import annotations

import re
import signal
from datetime import UTC, datetime, timedelta

import pytest

from campaign.sandbox.server import Sandbox
from tests.plans import EVERYBODY, FRIEND, HELLO_MAIL, HELLO_POST, SENDER, example, hello
from tests.served import Site
from tests.story.conftest import Campaign


@pytest.fixture
def small(campaign: Campaign) -> Campaign:
    """A plan of one post and one e-mail, and three people."""
    campaign.write({"messages/post/hello.md": "We wrote to {{ letter.addressee.name }}: {{ links.letter }}\n"})
    campaign.write(hello(FRIEND))
    campaign.add_people(*(f"person{n}@deliver.example.org,Name{n}" for n in range(3)), columns="email,first_name")
    return campaign


def launch_at(campaign: Campaign, launch: datetime) -> None:
    campaign.write({"schedules.yaml": f"{example(launch)}{SENDER}{EVERYBODY}steps:\n{HELLO_POST}{HELLO_MAIL}"})


def a_minute_ago() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=1)


def states(campaign: Campaign) -> dict[str, str]:
    return {row["recipient"]: row["state"] for row in campaign.rows("--world", "sandbox")}


def test_what_is_approved_goes_out_once_however_often_it_is_run(small: Campaign) -> None:
    launch_at(small, a_minute_ago())
    small("approve", "--sandbox", "--yes", "--by", "Jo Example")
    for _ in range(2):
        small("run", "--until-idle")
    told = states(small)
    assert set(told) == {"national", *(f"person{n}@deliver.example.org" for n in range(3))}
    assert set(told.values()) <= {"accepted", "delivered"}
    journal = (small.folder / ".campaign" / "sandbox.jsonl").read_text()
    assert journal.count("person1@deliver.example.org") == 1


def test_nothing_goes_out_that_nobody_approved(small: Campaign) -> None:
    launch_at(small, a_minute_ago())
    small("run", "--until-idle", expect=5)
    assert "no step of the plan is approved" in small.said


def test_a_change_after_the_approval_stops_its_step_and_no_other(small: Campaign) -> None:
    launch_at(small, a_minute_ago())
    small("approve", "--sandbox", "--yes", "--by", "Jo Example")
    post = small.folder / "messages" / "post" / "hello.md"
    post.write_text(post.read_text() + "One word more.\n")
    small("run", "--until-idle")
    assert "launch" in small.said
    assert "national" not in states(small)
    assert len(states(small)) == 3


def test_what_comes_too_late_is_held_and_goes_when_a_person_says_so(small: Campaign) -> None:
    launch_at(small, datetime.now(UTC) - timedelta(hours=9))
    small("approve", "--sandbox", "--yes", "--by", "Jo Example")
    small("run", "--until-idle")
    assert "Held" in small.said
    assert states(small) == {}
    small("approve", "--sandbox", "--yes", "--by", "Jo Example", "--release", "alert")
    small("run", "--until-idle")
    assert len(states(small)) == 3


def test_it_waits_for_its_instant_and_ends_when_all_is_out(small: Campaign) -> None:
    launch = (datetime.now(UTC) + timedelta(minutes=1)).replace(second=0, microsecond=0)
    launch_at(small, launch)
    small("approve", "--sandbox", "--yes", "--by", "Jo Example")
    process = small.start("run")
    shown, _ = process.communicate()
    assert process.returncode == 0, shown
    told = small.rows("--world", "sandbox")
    assert len(told) == 4
    assert min(datetime.fromisoformat(line["changed_at"]) for line in told) >= launch


def test_sigterm_ends_it_cleanly(small: Campaign) -> None:
    launch_at(small, datetime.now(UTC) + timedelta(days=1))
    small("approve", "--sandbox", "--yes", "--by", "Jo Example")
    process = small.start("run")
    shown = small.end_when(process, "next is")
    assert process.returncode == 0, shown
    assert "Stopped" in shown


def test_live_says_every_setting_that_is_missing_and_sends_nothing(small: Campaign) -> None:
    launch_at(small, a_minute_ago())
    small("approve", "--yes", "--by", "Jo Example")
    small("run", "--live", "--until-idle", expect=4)
    assert "CAMPAIGN_SECRET_KEY" in small.said


def test_live_asks_for_the_number_of_people(small: Campaign) -> None:
    """Nobody is reached: the number is wrong, and the providers' addresses lead nowhere."""
    launch_at(small, a_minute_ago())
    small.live_at("http://127.0.0.1:9")
    small.environment |= {
        "CAMPAIGN_MASTODON__BASE_URL": "http://127.0.0.1:9",
        "CAMPAIGN_MASTODON__ACCOUNTS__NATIONAL__ACCESS_TOKEN": "none",
    }
    small("approve", "--yes", "--by", "Jo Example")
    small("run", "--live", "--until-idle", "--yes-send-to", "4", expect=2)
    assert "3 people" in small.said
    small("run", "--live", "--until-idle", expect=2)
    assert "--yes-send-to 3" in small.said
    assert small.rows("--world", "live") == []


def test_live_posts_by_no_account_but_the_one_that_the_plan_means(small: Campaign) -> None:
    """The networks are stand-ins. The other account of the same step posts."""
    launch_at(small, a_minute_ago())
    accounts = 'accounts: {mastodon: {national: "coalition@social.example.org", west: "west@social.example.org"}}\n'
    small.edit("account: national", "accounts: [national, west]")
    small.edit("segments:\n", f"{accounts}segments:\n")
    tokens = {"national": "tok", "west": "tok-west"}
    with Sandbox(accounts={"sendgrid": {"campaign": "key"}, "mastodon": tokens}) as sandbox:
        small.live_at(sandbox.urls["sendgrid"])
        small.environment |= {
            "CAMPAIGN_MASTODON__BASE_URL": sandbox.urls["mastodon"],
            **{f"CAMPAIGN_MASTODON__ACCOUNTS__{name.upper()}__ACCESS_TOKEN": word for name, word in tokens.items()},
        }
        small("approve", "--yes", "--by", "Jo Example")
        process = small.start("run", "--live", "--until-idle", "--yes-send-to", "3")
        said = small.end_when(process, "mastodon national waits until")
        assert "is @national@social.example.org, and the plan means @coalition@social.example.org" in said
        assert "Posts nothing" in said
        assert [post["account"] for post in sandbox.taken("mastodon")] == ["west"]


GARBAGE = (b"\x00\xff\xfe", b"{{ [ : - \n\t", b"a: b: c", b"\xef\xbb\xbf= =")


@pytest.mark.parametrize("name", ["schedules.yaml", "messages/letter.md", "messages/email/hello/en.html", ".env"])
def test_a_file_of_garbage_is_answered_in_words_and_sends_nothing(small: Campaign, name: str) -> None:
    launch_at(small, a_minute_ago())
    small("approve", "--sandbox", "--yes", "--by", "Jo Example")
    for content in GARBAGE:
        (small.folder / name).write_bytes(content)
        small("run", "--until-idle", expect=3)
        assert name.rpartition("/")[2] in small.said
        assert "nothing was sent" in small.said
    (small.folder / name).unlink()
    assert not (small.folder / ".campaign" / "sandbox.jsonl").exists()


def test_a_link_in_the_sandboxs_e_mail_shows_the_page_and_touches_nobody(small: Campaign) -> None:
    """The list is the real one, so what somebody tries out must not take real people off it."""
    small.environment["CAMPAIGN_SECRET_KEY"] = "a secret key that only this test has"
    launch_at(small, a_minute_ago())
    small("approve", "--sandbox", "--yes", "--by", "Jo Example")
    small("run", "--until-idle")
    journal = (small.folder / ".campaign" / "sandbox.jsonl").read_text()
    links = set(re.findall(r"<https://campaign\.example\.org(/u/[\w-]{22})>", journal))
    assert len(links) == 3
    served = small.start("web", "--port", "0")
    try:
        assert served.stdout is not None
        site = Site(re.findall(r"http://127\.0\.0\.1:\d+", served.stdout.readline())[0])
        for link in links:
            page = site.get(link)
            assert page.status == 200
            assert "This is a trial" in page.text
            assert "The Coalition" in page.text
            assert "You are unsubscribed" in site.post(link, choice="nothing").text
    finally:
        served.send_signal(signal.SIGINT)
        said, _ = served.communicate()
    assert "/u/" in said
    assert not any(link in said for link in links), "the log has no keys"
    for person in range(3):
        assert small.json("supporters", "show", f"person{person}@deliver.example.org", "--json")["suppression"] is None
