"""Afterwards, by the real commands: a word on what is in doubt, and a step topped up, with nobody getting it twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.plans import EVERYBODY, HELLO_MAIL, HELLO_POST, SENDER, example, hello
from tests.story.conftest import Campaign


@pytest.fixture
def small(campaign: Campaign) -> Campaign:
    """A plan of one post and one e-mail, due a minute ago, and three people."""
    launch = datetime.now(UTC) - timedelta(minutes=1)
    campaign.write(
        {
            "schedules.yaml": f"{example(launch)}{SENDER}{EVERYBODY}steps:\n{HELLO_POST}{HELLO_MAIL}",
            "messages/post/hello.md": "We wrote to {{ letter.addressee.name }}.\n",
            **hello(),
        }
    )
    add(campaign, 3)
    return campaign


def add(campaign: Campaign, number: int) -> None:
    campaign.add_people(*(f"person{n}@deliver.example.org,Name{n}" for n in range(number)), columns="email,first_name")


def approve_and_run(campaign: Campaign) -> None:
    campaign("approve", "--sandbox", "--yes", "--by", "Jo Example")
    campaign("run", "--until-idle")


class TestTopUp:
    def test_a_late_import_is_topped_up_and_nobody_gets_it_twice(self, small: Campaign) -> None:
        approve_and_run(small)
        assert "Nobody is to be topped up." in small("top-up", "alert")
        add(small, 5)
        shown = small("top-up", "alert", "--by", "Jo Example", "--why", "Saturday's list")
        assert "3 have it. None of these is touched." in shown
        assert (
            "2  imported, or come into the audience, after their wave had gone out (such as supporters 4, 5)" in shown
        )
        assert "Placed for 2 people: alert#top-up-1." in shown
        assert "@" not in shown
        small("run", "--until-idle")
        journal = (small.folder / ".campaign" / "sandbox.jsonl").read_text()
        assert [journal.count(f"person{n}@deliver.example.org") for n in range(5)] == [1] * 5
        assert "Nobody is to be topped up." in small("top-up", "alert")

    def test_real_people_are_topped_up_only_once_their_number_is_said(self, small: Campaign) -> None:
        small("approve", "--yes", "--by", "Jo Example")
        small("cancel", "alert", "--yes", "--by", "Jo Example")
        assert "--including-cancelled" in small("top-up", "alert", "--live")
        small("top-up", "alert", "--live", "--including-cancelled", expect=2)
        assert "--yes-send-to 3" in " ".join(small.said.split())
        small("top-up", "alert", "--live", "--including-cancelled", "--yes-send-to", "4", expect=2)
        assert "nothing was placed" in " ".join(small.said.split())
        found = small.json("top-up", "alert", "--live", "--including-cancelled", "--json")
        assert (found["number"], found["placed"]) == (3, [])
        placed = small.json("top-up", "alert", "--live", "--including-cancelled", "--json", "--yes-send-to", "3")
        assert placed["placed"] == ["alert#top-up-1"]

    def test_what_has_changed_since_it_was_approved_is_not_topped_up(self, small: Campaign) -> None:
        approve_and_run(small)
        add(small, 5)
        small.edit("Hello,", "Good morning,", "messages/email/hello/en.html")
        small("top-up", "alert", expect=5)
        assert "not approved as it is now" in small.said
        assert "campaign approve alert --sandbox" in small.said

    def test_a_step_that_is_not_there_is_told_with_what_may_be_meant(self, small: Campaign) -> None:
        small("top-up", "alart", expect=2)
        assert "did you mean alert" in " ".join(small.said.split())


class TestResolve:
    @pytest.fixture
    def doubtful(self, small: Campaign) -> Campaign:
        """A rehearsal that left something in doubt: by local time, so that there are many requests."""
        small.edit(HELLO_MAIL, HELLO_MAIL.replace("T-0", "T+1d 09:00 local"))
        for seed in range(20):
            small("rehearse", "--sample", "400", "--faults", "doubt", "--seed", str(seed), "--fresh")
            if small.json("resolve", "--json")["in_doubt"]:
                return small
        raise AssertionError("of twenty rehearsals with lost answers none left anything in doubt")

    def test_what_is_in_doubt_is_shown_and_a_word_on_it_is_taken(self, doubtful: Campaign) -> None:
        shown = doubtful("resolve")
        (first, *others) = doubtful.json("resolve", "--json")["in_doubt"]
        batch = str(first["batch"])
        assert f"batch {batch}  alert#{first['wave']}: e-mail by SendGrid" in shown
        assert "this goes out AGAIN, also to whoever has it already" in shown
        assert "@" not in shown
        doubtful("log")
        assert "In doubt: " in doubtful.said
        assert "See: campaign resolve" in doubtful.said
        doubtful("resolve", batch, "--not-sent", "--yes", expect=2)
        assert "--why" in doubtful.said
        doubtful("resolve", batch, "--not-sent", "--why", "asked", expect=2)
        assert "--yes" in doubtful.said
        told = doubtful("resolve", batch, "--accepted", "--yes", "--by", "Jo Example", "--why", "I asked two of them")
        assert f"batch {batch} of alert: {first['messages']:,} accepted; said by Jo Example: I asked two" in told
        left = doubtful.json("resolve", "--json")["in_doubt"]
        assert [one["batch"] for one in left] == [one["batch"] for one in others]
        doubtful("resolve", batch, expect=2)
        assert "not in doubt" in doubtful.said

    def test_a_whole_step_is_said_for_at_once_and_programs_are_told(self, doubtful: Campaign) -> None:
        asked = doubtful.json("resolve", "--json")["in_doubt"]
        said = doubtful.json(
            "resolve", "alert", "--not-sent", "--yes", "--by", "Jo Example", "--why", "the log has none", "--json"
        )["resolved"]
        assert [(one["batch"], one["word"], one["taken"]) for one in said] == [
            (one["batch"], "not_sent", True) for one in asked
        ]
        states = {row["state"] for row in doubtful.rows("--step", "alert")}
        assert "in_doubt" not in states
        assert "planned" in states
        assert doubtful("resolve").strip() == "Nothing is in doubt."

    def test_a_word_is_of_something(self, small: Campaign) -> None:
        small("rehearse")
        assert "Nothing is in doubt." in small("resolve")
        small("resolve", "--accepted", "--why", "so", "--yes", expect=2)
        assert "say of which step or batch" in " ".join(small.said.split())
