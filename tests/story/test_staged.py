"""Staged e-mail: replies are lost, the program is killed again and again, a step is cancelled; nobody gets it twice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.plans import EVERYBODY, SENDER, example, hello
from tests.story.conftest import Campaign

JOURNAL = Path(".campaign") / "rehearsal" / "sandbox.jsonl"
STEP = """\
  - {{id: {id}, channel: email, message: email/hello, segment: everybody, at: {at}, embargo: none,
     hand_off: {hand_off}}}
"""
KEY = "a-key-of-the-stand-in"
KILLS = 5


def written(campaign: Campaign, *, launch: datetime | str, hand_off: str, **at: str) -> None:
    """A plan of alerts to everybody, ``at`` their times, to be handed over as ``hand_off`` says."""
    steps = "".join(STEP.format(id=step, at=time, hand_off=hand_off) for step, time in at.items())
    campaign.write({"schedules.yaml": f"{example(launch)}{SENDER}{EVERYBODY}steps:\n{steps}", **hello()})


def records(journal: Path) -> list[dict[str, Any]]:
    lines = journal.read_bytes().splitlines() if journal.exists() else []
    return [json.loads(line) for line in lines if line.endswith(b"}")]


def lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def killed_again_and_again(campaign: Campaign, *asked: str) -> dict[str, Any]:
    """Kill it five times, each time after the stand-ins have noted some more, and let it come to its end."""
    journal = campaign.folder / JOURNAL
    for _ in range(KILLS):
        until = lines(journal) + 3
        assert campaign.kill_when(campaign.start(*asked), lambda until=until: lines(journal) >= until)  # type: ignore[misc]  # mypy does not take a default for a lambda's parameter
    told: dict[str, Any] = campaign.json(*asked)
    assert told["resumed"]
    return told


def in_doubt(campaign: Campaign) -> set[tuple[str, str]]:
    """Step and address of what is held for a person."""
    return {(row["step"], row["recipient"]) for row in campaign.rows("--world", "rehearsal", "--state", "in_doubt")}


def taken(campaign: Campaign) -> set[tuple[str, str]]:
    """Step and address of all in the requests that the stand-in took."""
    requests = [one["request"] for one in records(campaign.folder / JOURNAL) if one["kind"] == "sendgrid.request"]
    return {
        (step, part["to"][0]["email"])
        for request in requests
        for part in request["personalizations"]
        for step in request["categories"]
    }


@pytest.mark.parametrize(
    ("hand_off", "faults"), [("staged, ahead: 6h", "replies"), ("direct", "replies"), ("direct", "storm")]
)
def test_with_lost_replies_and_five_kills_nobody_gets_it_twice(campaign: Campaign, hand_off: str, faults: str) -> None:
    """Handed over ahead, everybody is reached exactly once. Directly, too, but for what was cut off before SendGrid
    had it, which nobody can know: that is held in doubt, and what SendGrid had is settled by its first event."""
    times = {f"day-{day}": f"T+{day}d 09:00 local" for day in (1, 2, 3)}
    written(campaign, launch="2018-05-22T09:00", hand_off=hand_off, **times)
    told = killed_again_and_again(campaign, "rehearse", "--sample", "300", "--faults", faults, "--json")
    assert told["proof"]["holds"], told["proof"]
    for step in told["steps"]:
        assert step["planned"] == sum(step[name] for name in ("accepted", "refused", "suppressed", "in_doubt"))
    noted = Counter(record["kind"] for record in records(campaign.folder / JOURNAL))
    if hand_off == "direct":
        assert not in_doubt(campaign) & taken(campaign)
        assert not noted["sendgrid.batch"]
    else:
        assert told["proof"]["in_doubt"] == 0
        assert {step["late_s"] for step in told["steps"]} == {0}
        assert noted["sendgrid.scheduled"], "something had to be cancelled"


@dataclass
class Provider:
    """SendGrid's stand-in in a process of its own, on the real clock until a test sets it."""

    url: str
    journal: Path
    _pool: urllib3.PoolManager = field(default_factory=urllib3.PoolManager)

    def taken(self, at: datetime) -> Counter[str]:
        """How often each address has got something by ``at``."""
        self._ask("clock", {"now": at.isoformat()})
        taken = self._pool.request("GET", f"{self.url}/_sandbox/taken").json()["taken"]
        return Counter(one["recipient"] for one in taken)

    def fail(self, **fault: Any) -> None:
        self._ask("faults", fault)

    def _ask(self, path: str, body: dict[str, Any]) -> None:
        assert self._pool.request("POST", f"{self.url}/_sandbox/{path}", json=body).status == 200

    def kinds(self) -> Counter[str]:
        return Counter(record["kind"] for record in records(self.journal))


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    accounts = tmp_path / "accounts.json"
    accounts.write_text(json.dumps({"sendgrid": {"campaign": KEY}}))
    journal = tmp_path / "provider.jsonl"
    command = [sys.executable, "-m", "campaign.sandbox", "--accounts", str(accounts), "--journal", str(journal)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Provider(json.loads(process.stdout.readline())["url"], journal)
        process.stdin.close()
        process.wait()


@pytest.fixture
def live(campaign: Campaign, provider: Provider) -> Campaign:
    """One staged alert to five people in three hours, approved, with the stand-in in SendGrid's place."""
    launch = datetime.now(UTC) + timedelta(hours=3)
    written(campaign, launch=launch, hand_off="staged, ahead: 6h", alert="T-0")
    campaign.add_people(*ONCE)
    campaign.live_at(f"{provider.url}/sendgrid", KEY)
    campaign("approve", "alert", "--yes", "--by", "Jo Example")
    return campaign


RUN = ("run", "--live", "--until-idle", "--yes-send-to", "5")
LATER = timedelta(hours=4)
ONCE = {f"person{n}@silent.example.org": 1 for n in range(5)}


def states(campaign: Campaign) -> set[str]:
    return {row["state"] for row in campaign.rows("--world", "live")}


def test_the_program_hands_over_ahead_and_the_provider_sends_at_the_instant(live: Campaign, provider: Provider) -> None:
    live(*RUN)
    assert states(live) == {"accepted"}
    assert provider.taken(datetime.now(UTC)) == {}
    assert provider.taken(datetime.now(UTC) + LATER) == ONCE


def test_a_lost_reply_is_put_right_before_the_program_is_idle(live: Campaign, provider: Provider) -> None:
    provider.fail(provider="sendgrid", fault="drop-reply", times=1)
    shown = live(*RUN)
    assert "taken back from the provider, because the reply to a request in it was lost" in " ".join(shown.split())
    assert states(live) == {"accepted"}
    assert provider.taken(datetime.now(UTC) + LATER) == ONCE


def test_a_cancelled_step_is_taken_back_from_the_provider(live: Campaign, provider: Provider) -> None:
    live(*RUN)
    (live.folder / "schedules.yaml").write_text("{{ not a plan")
    shown = live("cancel", "alert", "--yes", "--by", "Jo Example", "--why", "the letter was withdrawn")
    assert "5 of its messages will not go out" in shown
    assert "0 had been taken" in shown
    assert provider.taken(datetime.now(UTC) + LATER) == {}
    assert {row["why"] for row in live.rows("--world", "live")} == {"cancelled by Jo Example: the letter was withdrawn"}


def test_what_cannot_be_reached_any_more_is_said(live: Campaign, provider: Provider) -> None:
    live(*RUN)
    provider.fail(provider="sendgrid-scheduled", fault="unavailable")
    live.environment["CAMPAIGN_SENDGRID__BASE_URL"] = "http://127.0.0.1:9"
    live("cancel", "alert", "--yes", "--by", "Jo Example", expect=1)
    assert "Not confirmed" in live.said
    assert provider.taken(datetime.now(UTC) + LATER) == ONCE


def test_a_step_is_not_cancelled_by_mistake(live: Campaign) -> None:
    live("cancel", "alarm", "--yes", expect=1)
    assert "approved are: alert" in live.said
    live("cancel", "alert", stdin="n\n", expect=1)
    live(*RUN)
    assert states(live) == {"accepted"}


def test_a_step_that_was_cancelled_before_its_time_never_begins(live: Campaign, provider: Provider) -> None:
    shown = live("cancel", "alert", "--yes")
    assert "1 wave of alert cancelled" in shown
    live(*RUN)
    assert provider.kinds() == {}


def test_a_halt_takes_back_what_the_provider_holds_and_it_goes_out_once_all_goes_on(
    live: Campaign, provider: Provider
) -> None:
    live(*RUN)
    (live.folder / "messages" / "email" / "hello" / "en.html").rename(live.folder / "elsewhere.html")
    told = live.json("halt", "--by", "Jo Example", "--why", "wrong link", "--json")
    assert told["reached"]
    assert [(step["gone"], step["taken_back"], step["waits"]) for step in told["steps"]] == [(0, 5, 5)]
    assert states(live) == {"planned"}
    assert provider.kinds()["sendgrid.scheduled"]
    (live.folder / "elsewhere.html").rename(live.folder / "messages" / "email" / "hello" / "en.html")
    live("resume", "--yes")
    live(*RUN)
    assert states(live) == {"accepted"}
    assert provider.taken(datetime.now(UTC) + LATER) == ONCE


def test_where_a_halt_does_not_reach_the_provider_it_says_so_and_holds_all_the_same(
    live: Campaign, provider: Provider
) -> None:
    live(*RUN)
    key = live.environment.pop("CAMPAIGN_SENDGRID__API_KEY")
    live("halt", "--by", "Jo Example", expect=1)
    assert "Not taken back: " in live.said
    live.environment["CAMPAIGN_SENDGRID__API_KEY"] = key
    live("halt", "--by", "Jo Example")
    assert states(live) == {"planned"}
    assert provider.taken(datetime.now(UTC) + LATER) == {}
