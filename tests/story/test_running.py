"""The running program as a process: how it ends, what it shows to other programs, and that nobody is in that."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from prometheus_client.parser import text_string_to_metric_families

from campaign.sandbox.server import Sandbox
from tests.plans import EVERYBODY, FRIEND, HELLO_MAIL, HELLO_POST, SENDER, example, hello
from tests.story.conftest import Campaign

LATER = "  - {id: later, channel: mastodon, account: national, message: post/later, at: T+1d}\n"
TOKEN = "tok-of-national"
NAMES = ("Ottoline", "Perpetua", "Quintus")


def plan(launch: datetime) -> str:
    return f"{example(launch)}{SENDER}{EVERYBODY}steps:\n{HELLO_POST}{HELLO_MAIL}{LATER}"


@pytest.fixture
def small(campaign: Campaign) -> Campaign:
    """A plan of a post and an e-mail that are due since a minute, one that is not, and three people."""
    campaign.write(
        {
            "schedules.yaml": plan(datetime.now(UTC) - timedelta(minutes=1)),
            "messages/post/hello.md": "We wrote to {{ letter.addressee.name }}.\n",
            "messages/post/later.md": "And again to {{ letter.addressee.name }}.\n",
            **hello(FRIEND),
        }
    )
    campaign.add_people(*(f"{name.lower()}@deliver.example.org,{name}" for name in NAMES), columns="email,first_name")
    return campaign


def live(campaign: Campaign, *, sendgrid: str, mastodon: str) -> None:
    campaign.live_at(sendgrid)
    campaign.environment |= {
        "CAMPAIGN_MASTODON__BASE_URL": mastodon,
        "CAMPAIGN_MASTODON__ACCOUNTS__NATIONAL__ACCESS_TOKEN": TOKEN,
    }


RUN = ("run", "--live", "--yes-send-to", "3")


@contextmanager
def stalling() -> Iterator[tuple[str, Event]]:
    """A provider that takes a request and never answers; its address, and when it has got one."""
    asked, over = Event(), Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with ExitStack() as kept:
                while not over.is_set():
                    try:
                        connection, _ = listening.accept()
                    except OSError:
                        return
                    kept.enter_context(connection)
                    if connection.recv(1):
                        asked.set()

        server = Thread(target=serve, daemon=True)
        server.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
            server.join()


def states(campaign: Campaign, step: str) -> Counter[str]:
    return Counter(row["state"] for row in campaign.rows("--world", "live", "--step", step))


class TestEnding:
    def test_sigterm_leaves_a_call_that_takes_too_long_and_it_is_in_doubt(self, small: Campaign) -> None:
        """The e-mail's provider stalls, the post's does not. Nobody waits for twenty seconds of timeout."""
        with Sandbox(accounts={"mastodon": {"national": TOKEN}}) as sandbox, stalling() as (url, asked):
            live(small, sendgrid=url, mastodon=sandbox.urls["mastodon"])
            small("approve", "--yes", "--by", "Jo Example")
            process = small.start(*RUN)
            assert asked.wait(60), process.communicate()
            process.send_signal(signal.SIGTERM)
            shown, _ = process.communicate(timeout=60)
        assert process.returncode == 0, shown
        assert "3 deliveries are in doubt once their claims have run out" in shown
        assert "Stopped" in shown
        assert states(small, "launch") == {"accepted": 1}
        assert states(small, "alert") == {"claimed": 3}, "it is not said to be unsent, nor sent"

    def test_a_second_signal_ends_it_at_once(self, small: Campaign) -> None:
        with Sandbox(accounts={"mastodon": {"national": TOKEN}}) as sandbox, stalling() as (url, asked):
            live(small, sendgrid=url, mastodon=sandbox.urls["mastodon"])
            small("approve", "--yes", "--by", "Jo Example")
            process = small.start(*RUN, "--log-format", "json")
            assert asked.wait(60), process.communicate()
            process.send_signal(signal.SIGTERM)
            # A signal that is pending already would be the same one: wait until the first was heard.
            heard = Path(f"/proc/{process.pid}/status")
            while heard.exists() and int(re.findall(r"SigPnd:\s+(\w+)|ShdPnd:\s+(\w+)", heard.read_text())[-1][1], 16):
                pass
            process.send_signal(signal.SIGINT)
            shown, _ = process.communicate(timeout=60)
        assert process.returncode == 130, shown
        assert "Stopped at once" in shown
        assert states(small, "alert") == {"claimed": 3}

    def test_what_was_left_is_told_at_the_next_start_and_not_sent_again_by_itself(self, small: Campaign) -> None:
        with Sandbox(accounts={"sendgrid": {"campaign": "key"}, "mastodon": {"national": TOKEN}}) as sandbox:
            with stalling() as (url, asked):
                live(small, sendgrid=url, mastodon=sandbox.urls["mastodon"])
                small("approve", "--yes", "--by", "Jo Example")
                process = small.start(*RUN)
                assert asked.wait(60), process.communicate()
                process.kill()
                process.communicate()
            live(small, sendgrid=sandbox.urls["sendgrid"], mastodon=sandbox.urls["mastodon"])
            shown = small.end_when(small.start(*RUN), "next is later#1")
            assert list(sandbox.taken("sendgrid")) == []
        assert "alert#1 the rest of it" in shown


def test_two_programs_on_one_database_send_everything_once(small: Campaign) -> None:
    with Sandbox(accounts={"sendgrid": {"campaign": "key"}, "mastodon": {"national": TOKEN}}) as sandbox:
        live(small, sendgrid=sandbox.urls["sendgrid"], mastodon=sandbox.urls["mastodon"])
        small("approve", "--yes", "--by", "Jo Example")
        programs = [small.start(*RUN, "--until-idle") for _ in range(2)]
        shown = [process.communicate(timeout=120)[0] for process in programs]
        assert [process.returncode for process in programs] == [0, 0], shown
        mails = Counter(mail["recipient"] for mail in sandbox.taken("sendgrid"))
        assert mails == {f"{name.lower()}@deliver.example.org": 1 for name in NAMES}
        assert len(list(sandbox.taken("mastodon"))) == 1


def test_metrics_are_served_while_it_runs_and_tell_the_truth(small: Campaign) -> None:
    small("approve", "--sandbox", "--yes", "--by", "Jo Example")
    process = small.start("run", "--metrics", "0")
    (url,) = re.findall(r"http://127\.0\.0\.1:\d+/metrics", small.read_until(process, "next is later#1"))
    text = urllib.request.urlopen(url).read().decode()  # noqa: S310 - our own
    process.send_signal(signal.SIGTERM)
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 0, shown
    values = {
        (sample.name, sample.labels.get("step")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "campaign_deliveries" and sample.labels["state"] in ("accepted", "delivered") and sample.value
    }
    assert values == {("campaign_deliveries", "alert"): 3, ("campaign_deliveries", "launch"): 1}


@pytest.mark.parametrize("key", ["key", "another"], ids=["accepted", "refused"])
def test_the_log_has_keys_and_nobody_in_it_whether_or_not_the_provider_takes_it(small: Campaign, key: str) -> None:
    """All that the program says is searched, on both streams and in the file."""
    with Sandbox(accounts={"sendgrid": {"campaign": key}, "mastodon": {"national": TOKEN}}) as sandbox:
        live(small, sendgrid=sandbox.urls["sendgrid"], mastodon=sandbox.urls["mastodon"])
        small("approve", "--yes", "--by", "Ottoline Approver")
        shown = small.end_when(
            small.start(*RUN, "--log-file", "run.jsonl"), "next is later#1", "waits until", "is held"
        )
        shown += small.end_when(small.start(*RUN, "--log-format", "json"), "next is later#1", "waits until", "is held")
    log = (small.folder / "run.jsonl").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"run.started", "wave.prepared", "attempt", "run.ended"} <= {line["event"] for line in lines}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)
    assert '"event":"run.started"' in shown, "where no file is named it goes to stderr"
    everything = (log + shown).lower()
    for name in NAMES:
        assert name.lower() not in everything
    assert "deliver.example.org" not in everything
    assert TOKEN not in everything
    assert "0123456789abcdefghijklmnop" not in everything


def test_an_attempt_is_logged_with_its_wave_account_batch_and_time(small: Campaign) -> None:
    small("approve", "--sandbox", "--yes", "--by", "Jo Example")
    small.end_when(small.start("run", "--log-file", "run.jsonl"), "next is later#1")
    lines = [json.loads(line) for line in (small.folder / "run.jsonl").read_text().splitlines()]
    attempts = {line["channel"]: line for line in lines if line["event"] == "attempt"}
    assert attempts["email"]["accepted"] == 3
    assert (attempts["mastodon"]["account"], attempts["mastodon"]["wave"]) == ("national", "launch#1")
    assert all(line["batch"] and line["took_s"] >= 0 for line in attempts.values())


def test_after_an_outage_it_says_what_was_missed_and_what_becomes_of_it(small: Campaign) -> None:
    small.write({"schedules.yaml": plan(datetime.now(UTC) - timedelta(hours=9))})
    small("approve", "--sandbox", "--yes", "--by", "Jo Example")
    shown = small("run", "--until-idle")
    assert "While nothing was running 2 waves came due:" in shown
    assert re.search(r"launch#1 is (held|missed), 9:0\d:\d\d late", shown)
    assert "alert#1 is held, 9:0" in shown


def test_a_metrics_address_that_is_none_is_a_mistake_in_words(small: Campaign) -> None:
    small("run", "--metrics", "everywhere", expect=2)
    assert "--metrics" in small.said
    assert "Traceback" not in small.said
    small.environment["CAMPAIGN_RUN__METRICS"] = "70000"
    small("run", expect=3)
    assert "CAMPAIGN_RUN__METRICS" in small.said


def test_on_a_terminal_a_status_line_shows_the_next_wave_and_the_report_stays_whole(small: Campaign) -> None:
    small("approve", "--sandbox", "--yes", "--by", "Jo Example")
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        small.command("run"),
        cwd=small.folder,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while b"next later#1 in 23h" not in shown or b"alert#1: 3 " not in shown:
        shown += os.read(ours, 4_096)
    process.send_signal(signal.SIGTERM)
    while True:
        try:
            more = os.read(ours, 4_096)
        except OSError:  # the other end is closed
            break
        if not more:
            break
        shown += more
    assert process.wait(60) == 0
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert re.search(r"alert#1: 3 (accepted|delivered)", text)
    assert "Stopped. The same command again carries on from here." in text
