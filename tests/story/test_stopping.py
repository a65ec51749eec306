"""The stop button through the command line: a real program is halted in the middle of a mailing, or beside another."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaign.sandbox.faults import Fault, Faults
from campaign.sandbox.server import Sandbox
from tests.plans import EVERYBODY, HELLO_MAIL, SENDER, example, hello
from tests.story.conftest import Campaign

KEY = "a-key-of-the-stand-in"
PEOPLE = 12_000
STEPS = f"""\
{EVERYBODY}  few: {{tags_all: [few]}}
steps:
{HELLO_MAIL}  - {{id: second, channel: email, message: email/hello, segment: few, at: T-0}}
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """SendGrid's stand-in."""
    with Sandbox(accounts={"sendgrid": {"campaign": KEY}}, faults=Faults()) as made:
        yield made


@pytest.fixture
def live(campaign: Campaign, sandbox: Sandbox) -> Campaign:
    """An alert to many and one to few, due a minute ago and approved, with the stand-in in SendGrid's place."""
    launch = datetime.now(UTC) - timedelta(minutes=1)
    campaign.write({"schedules.yaml": example(launch) + SENDER + STEPS, **hello()})
    people = (f"person{n}@silent.example.org,{'few' if n < 3 else ''}" for n in range(PEOPLE))
    campaign.add_people(*people, columns="email,tags")
    campaign.live_at(sandbox.urls["sendgrid"], KEY)
    campaign("approve", "--yes", "--by", "Jo Example")
    return campaign


RUN = ("run", "--live", "--yes-send-to", str(PEOPLE))


def states(campaign: Campaign, *asked: str) -> Counter[str]:
    return Counter(row["state"] for row in campaign.rows("--world", "live", *asked))


def taken(sandbox: Sandbox) -> Counter[str]:
    return Counter(f"{one['recipient']} {one['subject']}" for one in sandbox.taken("sendgrid"))


def wait_for_some(sandbox: Sandbox, number: int) -> None:
    while sum(1 for _ in sandbox.world.journal.records("sendgrid.request")) < number:
        pass


def test_a_running_mailing_is_halted_in_the_middle_and_goes_on_where_it_was(live: Campaign, sandbox: Sandbox) -> None:
    sandbox.world.faults.ask("sendgrid", Fault.SLOW, delay_s=5.0)
    program = live.start(*RUN)
    try:
        wait_for_some(sandbox, 1)
        told = json.loads(live("halt", "--by", "Jo Example", "--why", "the letter was withdrawn", "--json"))
        sandbox.world.faults.clear()
        gone = sum(taken(sandbox).values())
        assert told["reached"]
        (alert,) = [step for step in told["steps"] if step["step"] == "alert"]
        assert 0 < alert["gone"] < PEOPLE
        assert alert["gone"] + alert["waits"] == PEOPLE
        assert sum(step["gone"] for step in told["steps"]) == gone
        assert set(states(live)) == {"accepted", "planned"}
        # Somebody asks again: nothing more has left, and nothing is changed.
        again = live("halt", "--by", "Jo Example")
        assert "HALTED already" in again
        assert sum(taken(sandbox).values()) == gone
        assert "STOPPED: halted by Jo Example: the letter was withdrawn" in _said(live, "log", "--world", "live")
        assert "STOPPED: halted by Jo Example" in _said(live, "plan")
        live("send-test", "alert", "--to", "jo@example.org", "--live", expect=8)
        assert "the letter was withdrawn; nothing was sent" in " ".join(live.said.split())
        live("resume", stdin="y\n", expect=2)
        assert "nobody is there to confirm" in " ".join(live.said.replace("│", " ").split())
        shown = live("resume", "--yes", "--by", "Sam Example")
        assert "Goes out at once: alert#1" in shown
        shown, _ = program.communicate()
    finally:
        program.kill()
        program.wait()
    assert program.returncode == 0, shown
    assert "STOPPED: halted by Jo Example" in shown
    assert "everything goes on: Sam Example has ended the stop by Jo Example" in shown
    assert set(states(live)) == {"accepted"}
    assert set(taken(sandbox).values()) <= {1, 2}, "one of each step"
    assert sum(taken(sandbox).values()) == PEOPLE + 3


def test_one_step_is_paused_while_another_goes_out(live: Campaign, sandbox: Sandbox) -> None:
    shown = live("pause", "alert", "--by", "Jo Example")
    assert "alert IS PAUSED" in shown
    live("run", "--live", "--until-idle", "--yes-send-to", str(PEOPLE))
    assert states(live) == {"accepted": 3}
    assert sum(taken(sandbox).values()) == 3
    live("pause", "alarm", expect=2)
    assert "did you mean alert?" in " ".join(live.said.replace("│", " ").split())
    assert "second is not paused." in live("resume", "second", "--yes")
    live("resume", "alert", "--yes")
    live("run", "--live", "--until-idle", "--yes-send-to", str(PEOPLE))
    assert states(live) == {"accepted": PEOPLE + 3}


def test_a_program_that_waits_under_a_halt_ends_when_it_is_told_to(live: Campaign, sandbox: Sandbox) -> None:
    live("halt", "--by", "Jo Example")
    program = live.start(*RUN)
    shown = live.end_when(program, "STOPPED")
    assert program.returncode == 0, shown
    assert not taken(sandbox)


def test_without_a_confirmation_nothing_goes_out_and_with_one_it_does(live: Campaign, sandbox: Sandbox) -> None:
    live.environment["CAMPAIGN_CONFIRM_WITHIN"] = "6"
    run = ("run", "--live", "--until-idle", "--yes-send-to", str(PEOPLE))
    live(*run)
    assert "Not confirmed" in live.said
    assert not taken(sandbox)
    live("resume", "--yes", expect=1)
    assert "campaign confirm" in live.said
    shown = " ".join(live("confirm", "--by", "Jo Example", "--yes").split())
    assert "Confirmed by Jo Example: sending may go on until" in shown
    shown = live(*run)
    assert "Confirmed until" in shown
    assert states(live) == {"accepted": PEOPLE + 3}


def test_halt_needs_neither_plan_nor_messages(live: Campaign) -> None:
    (live.folder / "schedules.yaml").write_text("{{ not a plan")
    Path(live.folder / "messages" / "letter.md").unlink()
    assert "HALTED" in live("halt")
    assert "All goes on." in live("resume", "--yes")
    assert "Nothing is halted." in live("resume")


def test_a_halt_holds_even_where_this_program_cannot_read_the_ledger(live: Campaign, sandbox: Sandbox) -> None:
    """Say, the database is a newer version's, or a setting is wrong."""
    live.environment["CAMPAIGN_CONFIRM_WITHIN"] = "soon"
    shown = live("halt", "--by", "Jo Example", expect=3)
    assert "HALTED" in shown
    assert "It holds, but what had gone cannot be told here" in live.said
    del live.environment["CAMPAIGN_CONFIRM_WITHIN"]
    live("run", "--live", "--until-idle", "--yes-send-to", str(PEOPLE))
    assert not taken(sandbox)


def _said(campaign: Campaign, *asked: str) -> str:
    campaign(*asked)
    return campaign.said
