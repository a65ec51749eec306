"""After posting: what stands and how it fares, deleting it again, and what it costs, through the command line."""

from __future__ import annotations

import os
import pty
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from campaign import bootstrap, settings
from campaign.engines.clock import VirtualClock
from campaign.engines.inline import Inline
from campaign.files import campaign as campaign_files
from campaign.flow import approve
from campaign.model.delivery import State
from campaign.model.wave import WaveState
from campaign.sandbox.faults import Fault, Faults
from tests.story.conftest import Campaign

PLAN = """\
campaign: example
title: An example
organisation: The Coalition
letter: messages/letter.md
launch: {launch}
zone: America/New_York
target: {{email: office@example.com}}
links: {{action: https://act.example.org/, letter: https://example.org/letter}}
steps:
  - {{id: on-x, channel: x, accounts: [national, ohio], message: post/hello, at: T-0}}
  - {{id: on-bluesky, channel: bluesky, account: national, message: post/hello, at: T-0}}
  - {{id: on-mastodon, channel: mastodon, account: national, message: post/hello, at: T-0}}
  - id: daily
    channel: mastodon
    account: national
    message: post/daily
    at: T-0
    repeat: {{every: 1d, count: 3}}
    repeat_text: true
"""
THREAD = "We wrote to {{ letter.addressee.name }}.\n---\nThis is why.\n---\nRead it: {{ links.letter }}\n"


def write(folder: Path, launch: datetime) -> None:
    (folder / "schedules.yaml").write_text(PLAN.format(launch=f"{launch:%Y-%m-%dT%H:%M}Z"))
    (folder / "messages" / "post" / "hello.md").write_text(THREAD)
    (folder / "messages" / "post" / "daily.md").write_text("Once a day, every day.\n")


def approved(campaign: Campaign) -> Campaign:
    write(campaign.folder, datetime.now(UTC) - timedelta(minutes=1))
    campaign("approve", "--sandbox", "--yes", "--by", "Jo Example")
    return campaign


@pytest.fixture
def posted(campaign: Campaign) -> Campaign:
    """A thread of three from four accounts on three networks, and the first of three daily posts, in the sandbox."""
    approved(campaign)("run", "--until-idle")
    return campaign


def posts(campaign: Campaign, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = campaign.json("posts", "--json", *arguments)["posts"]
    return found


def deletions(campaign: Campaign) -> int:
    """How many posts the stand-ins were made to delete."""
    journal = (campaign.folder / ".campaign" / "sandbox.jsonl").read_bytes().splitlines()
    records = [orjson.loads(line) for line in journal]
    alone = sum(record["kind"] in ("x.deleted", "mastodon.deleted") for record in records)
    writes = [write for record in records if record["kind"] == "bluesky.commit" for write in record["writes"]]
    return alone + sum(write["record"] is None for write in writes)


class TestPosts:
    def test_every_post_is_listed_with_its_address_and_then_its_figures(self, posted: Campaign) -> None:
        found = posts(posted)
        assert [(one["step"], one["account"], one["part"]) for one in found] == [
            *(("on-x", account, part) for account in ("national", "ohio") for part in (1, 2, 3)),
            *(("on-bluesky", "national", part) for part in (1, 2, 3)),
            *(("on-mastodon", "national", part) for part in (1, 2, 3)),
            ("daily", "national", 1),
        ]
        assert all(one["url"].startswith("https://") for one in found)
        assert {(one["state"], one["likes"], one["read_at"]) for one in found} == {("accepted", None, None)}

        told = posted.json("posts", "--json", "--refresh")
        assert all(one["likes"] is not None and one["age_s"] >= 0 for one in told["posts"])
        step = next(one for one in told["steps"] if one["step"] == "on-x")
        theirs = [one for one in told["posts"] if one["step"] == "on-x"]
        assert step["views"] == sum(one["views"] for one in theirs)
        assert {one["views"] for one in told["posts"] if one["channel"] != "x"} == {None}

        shown = posted("posts", "on-mastodon")
        assert theirs[0]["url"] not in shown
        assert all(one["url"] in shown for one in found if one["step"] == "on-mastodon")
        assert "3 posts stand; " in shown

    def test_a_step_that_there_is_not_and_one_that_is_not_out_are_said(self, campaign: Campaign) -> None:
        campaign("posts", expect=1)
        assert "nothing has been sent or rehearsed yet" in campaign.said
        approved(campaign)
        assert campaign("posts", "on-x", "--world", "sandbox") == "Nothing of on-x was posted.\n"
        campaign("posts", "on-y", "--world", "sandbox", expect=2)
        assert "did you mean on-x?" in campaign.said

    def test_a_rehearsal_reads_figures_by_its_own_clock_and_cannot_be_asked_again(self, campaign: Campaign) -> None:
        write(campaign.folder, datetime(2027, 5, 18, 13, 0, tzinfo=UTC))
        campaign("rehearse", "--sample", "2")
        found = posts(campaign)
        assert len(found) == 15
        assert all(one["read_at"] is not None and one["age_s"] < 3 * 86_400 for one in found)
        assert found[0]["read_at"].startswith("2027-05-")
        campaign("posts", "--refresh", expect=1)
        assert "a rehearsal's posts went with its stand-ins" in campaign.said


class TestRetract:
    def test_what_a_step_posted_is_deleted_and_nothing_else(self, posted: Campaign) -> None:
        assert "on-bluesky: 3 posts deleted." in posted("retract", "on-bluesky", "--sandbox", "--yes", "--by", "Jo")
        states = {(one["step"], one["state"]) for one in posts(posted)}
        assert states == {
            ("on-x", "accepted"),
            ("on-bluesky", "retracted"),
            ("on-mastodon", "accepted"),
            ("daily", "accepted"),
        }
        assert deletions(posted) == 3
        assert posted("posts", "on-bluesky").count("retracted by Jo") == 3
        log = posted.json("log", "--step", "on-bluesky", "--format", "json")
        assert {(line["state"], line["why"]) for line in log} == {("retracted", "retracted by Jo")}
        assert "Nothing of on-bluesky stands" in posted("retract", "on-bluesky", "--sandbox", "--yes")
        assert deletions(posted) == 3

    def test_one_account_s_posts_are_deleted_and_the_others_stand(self, posted: Campaign) -> None:
        posted("retract", "on-x", "--account", "ohio", "--sandbox", "--yes")
        states = {(one["account"], one["state"]) for one in posts(posted, "on-x")}
        assert states == {("national", "accepted"), ("ohio", "retracted")}
        posted("retract", "on-x", "--account", "oho", "--sandbox", "--yes", expect=1)
        assert "did you mean ohio?" in posted.said

    def test_what_is_still_to_come_is_cancelled_and_does_not_go_out(self, posted: Campaign) -> None:
        told = posted("retract", "daily", "--sandbox", "--yes")
        assert "Still to come, and cancelled first: 2 waves" in told
        assert "daily: 2 waves still to come cancelled." in told
        assert "daily: 1 post deleted." in told
        posted("run", "--until-idle")
        assert [one["state"] for one in posts(posted, "daily")] == ["retracted"]

    def test_what_was_never_out_does_not_go_out(self, campaign: Campaign) -> None:
        approved(campaign)("retract", "on-x", "--sandbox", "--yes")
        campaign("run", "--until-idle")
        assert {one["step"] for one in posts(campaign)} == {"on-bluesky", "on-mastodon", "daily"}

    def test_nothing_is_deleted_until_somebody_says_how_many(self, posted: Campaign) -> None:
        posted("retract", "on-x", "--sandbox", expect=2)
        assert "nobody is there to confirm" in posted.said
        for number, expect in (("5", 2), ("6", 0)):
            ours, theirs = pty.openpty()
            process = subprocess.Popen(
                posted.command("retract", "on-x", "--sandbox"), cwd=posted.folder, stdin=theirs,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            os.write(ours, f"{number}\n".encode())
            shown, _ = process.communicate()
            os.close(ours)
            os.close(theirs)
            assert process.returncode == expect, shown
            assert deletions(posted) == (0 if expect else 6)

    def test_it_says_what_cannot_be_retracted(self, campaign: Campaign) -> None:
        campaign("retract", "on-x", "--sandbox", "--yes", expect=1)
        assert 'no step "on-x" was ever approved here' in campaign.said
        campaign("approve", "thank-you", "--sandbox", "--yes")
        campaign("retract", "thank-you", "--sandbox", "--yes", expect=1)
        assert "campaign cancel thank-you" in campaign.said

    def test_a_kill_in_the_middle_loses_nothing_and_a_run_goes_on_with_it(self, posted: Campaign) -> None:
        process = posted.start("retract", "on-x", "--sandbox", "--yes")
        posted.kill_when(process, lambda: deletions(posted) > 0)
        posted("run", "--until-idle")
        posted("retract", "on-x", "--sandbox", "--yes")
        assert {one["state"] for one in posts(posted, "on-x")} == {"retracted"}
        assert posted.json("log", "--state", "accepted", "--step", "on-x", "--format", "json") == []


@pytest.mark.parametrize("fault", [Fault.DROP_REPLY, Fault.RATE_LIMIT, Fault.UNAVAILABLE, Fault.ERROR])
def test_whatever_goes_wrong_with_deleting_it_is_gone_in_the_end(
    campaign: Campaign, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each deletion is struck once, on all networks; the ledger and the stand-ins agree afterwards."""
    monkeypatch.chdir(campaign.folder)
    launch = datetime(2027, 5, 18, 13, 0, tzinfo=UTC)
    write(campaign.folder, launch)
    sources = campaign_files.load(Path("schedules.yaml"))
    clock = VirtualClock(launch - timedelta(minutes=1))
    faults = Faults()
    with bootstrap.sandboxed(
        settings.load(), sources, clock=clock, report=lambda _at, _what: None, faults=faults
    ) as program:
        approve.approve(sources, program.ledger, steps=sources.plan.steps, by="Jo Example", at=clock.now())
        Inline(clock).run(program.turns())
        for provider in ("x-deletions", "mastodon-deletions", "bluesky"):
            faults.ask(provider, fault, times=2)
        for step in sources.plan.steps:
            program.ledger.retract(step.id, account=None, by="Jo Example", at=clock.now())
        Inline(clock).run(program.turns())
        assert {post.state for post in program.ledger.posts()} == {State.RETRACTED}
        proof = program.prove()
    assert (proof.lost, proof.unknown, proof.posts, proof.deleted) == ((), (), 0, 15)


class TestMoney:
    def test_the_plan_says_what_posts_on_x_cost_and_the_check_what_the_budget_does_not_bear(
        self, campaign: Campaign
    ) -> None:
        write(campaign.folder, datetime(2027, 5, 18, 13, 0, tzinfo=UTC))
        # From two accounts: two parts without a link, and one with.
        assert "x: $0.46 for posts, $0.048 for reading their figures back, no budget is set." in campaign("plan")
        (cost,) = campaign.json("plan", "--json")["costs"]
        assert (cost["channel"], cost["posts"], cost["with_url"], cost["micro_usd"]) == ("x", 6, 2, 460_000)
        campaign("check")
        assert "budget" not in campaign.said
        campaign.environment["CAMPAIGN_X__BUDGET_USD"] = "0.40"
        campaign("check")
        assert "the budget is $0.40; raise CAMPAIGN_X__BUDGET_USD" in campaign.said
        campaign("approve", "--yes", "--sandbox")
        assert "the budget is $0.40" in campaign.said

    def test_prices_are_settings(self, campaign: Campaign) -> None:
        write(campaign.folder, datetime(2027, 5, 18, 13, 0, tzinfo=UTC))
        campaign.environment |= {
            "CAMPAIGN_X__PRICES__POST_USD": "1",
            "CAMPAIGN_X__PRICES__POST_WITH_URL_USD": "2.50",
            "CAMPAIGN_READ_METRICS_AFTER": "off",
        }
        assert "x: $9.00 for posts, no budget is set." in campaign("plan")

    def test_a_spent_budget_holds_the_step_until_it_is_raised_and_somebody_lets_it_go(self, campaign: Campaign) -> None:
        campaign.environment["CAMPAIGN_X__BUDGET_USD"] = "0.40"
        approved(campaign)("run", "--until-idle")
        assert "on-x#1, it costs $0.46 on x, and of the budget of $0.40 there are $0.40 left" in " ".join(
            campaign.said.split()
        )
        assert {one["channel"] for one in posts(campaign)} == {"bluesky", "mastodon"}
        campaign.environment["CAMPAIGN_X__BUDGET_USD"] = "0.46"
        campaign("approve", "on-x", "--release", "--sandbox", "--yes")
        campaign("run", "--until-idle")
        assert len([one for one in posts(campaign) if one["channel"] == "x"]) == 6


def test_spent_credit_holds_a_thread_and_it_goes_on_at_the_part_that_is_missing(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(campaign.folder)
    launch = datetime(2027, 5, 18, 13, 0, tzinfo=UTC)
    write(campaign.folder, launch)
    sources = campaign_files.load(Path("schedules.yaml"))
    clock = VirtualClock(launch - timedelta(minutes=1))
    with bootstrap.sandboxed(settings.load(), sources, clock=clock, report=lambda _at, _what: None) as program:
        assert program.sandbox is not None
        approve.approve(sources, program.ledger, steps=sources.plan.steps, by="Jo Example", at=clock.now())
        program.sandbox.world.barred.add("x credit")
        Inline(clock).run(program.turns())
        (held,) = program.ledger.waves(states=(WaveState.HELD,))
        assert (held.step, "credit" in held.why, held.counts.get(State.DEFERRED)) == ("on-x", True, 6)
        program.sandbox.world.barred.clear()
        Inline(clock).run(program.turns())
        assert program.ledger.waves(step="on-x")[0].state is WaveState.HELD
        steps = [sources.plan.step("on-x")]
        approve.approve(sources, program.ledger, steps=steps, by="Jo Example", at=clock.now(), release=True)
        Inline(clock).run(program.turns())
        assert {post.state for post in program.ledger.posts(step="on-x")} == {State.ACCEPTED}
        proof = program.prove()
    assert (proof.holds, proof.posts) == (True, 15)
