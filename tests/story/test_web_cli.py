"""`campaign web` as a process of its own: what it has answered survives whatever becomes of it."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from campaign.model.delivery import Keys, State
from campaign.sandbox.webhook import Signer
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from tests.feedback import event, sent
from tests.served import Site
from tests.story.conftest import Campaign

SECRET = "an example secret of the tests"
SIGNER = Signer()
EVERYBODY = 20


@pytest.fixture
def wave_id(campaign: Campaign) -> int:
    """A wave of this campaign's own database that was sent to twenty people."""
    database = Database(f"sqlite:///{campaign.folder / 'campaign.db'}")
    wave_id = sent(database, EVERYBODY)
    database.close()
    campaign.environment |= {
        "CAMPAIGN_SECRET_KEY": SECRET,
        "CAMPAIGN_SENDGRID__WEBHOOK_PUBLIC_KEY": SIGNER.public_key,
    }
    return wave_id


@contextmanager
def serving(campaign: Campaign, *arguments: str) -> Iterator[tuple[Site, subprocess.Popen[str]]]:
    process = campaign.start("web", "--port", "0", *arguments)
    assert process.stdout is not None
    try:
        listening = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert listening is not None
        yield Site(listening[0]), process
    finally:
        process.kill()
        process.communicate()


def post(site: Site, wave_id: int, seqs: range) -> int:
    keys = Keys(SECRET.encode())
    told = [event(wave_id, seq, "delivered") | {"key": keys.key(wave_id, seq)} for seq in seqs]
    body = orjson.dumps(told)
    return site.ask("POST", "/webhooks/sendgrid", body, SIGNER.headers(body, datetime.now(UTC))).status


def delivered(folder: Path) -> int:
    database = Database(f"sqlite:///{folder / 'campaign.db'}")
    (wave,) = SqlLedger(database, world="live").waves()
    database.close()
    return wave.counts.get(State.DELIVERED, 0)


def test_what_was_answered_is_applied_although_the_server_was_killed_before_it_could(
    campaign: Campaign, wave_id: int
) -> None:
    with serving(campaign, "--no-apply") as (site, process):
        assert post(site, wave_id, range(EVERYBODY)) == 200
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert delivered(campaign.folder) == 0
    assert "1 request to be applied" in campaign("feedback", "show")
    assert campaign("feedback", "apply") == f"Applied: {EVERYBODY} delivered.\n"
    assert campaign("feedback", "apply") == "Applied: nothing new.\n"
    assert delivered(campaign.folder) == EVERYBODY
    assert "0 openings and clicks judged otherwise now" in campaign("feedback", "again", "--since", "2018-05-22")


def test_events_are_applied_as_they_come_and_the_log_has_neither_key_nor_address(
    campaign: Campaign, wave_id: int
) -> None:
    with serving(campaign) as (site, process):
        assert post(site, wave_id, range(EVERYBODY)) == 200
        key = Keys(SECRET.encode()).key(wave_id, 0)
        assert site.get(f"/u/{key}?lang=es").status == 200
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or "applied: " not in "".join(lines) or "GET /u/" not in "".join(lines):
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        log = "".join(lines) + process.stdout.read()
    assert delivered(campaign.folder) == EVERYBODY
    assert f"applied: {EVERYBODY} delivered" in log
    assert "GET /u/{key} 200" in log
    assert key not in log
    assert "@" not in log


def test_without_a_verification_key_it_says_so_and_serves_the_pages_all_the_same(
    campaign: Campaign, wave_id: int
) -> None:
    del campaign.environment["CAMPAIGN_SENDGRID__WEBHOOK_PUBLIC_KEY"]
    with serving(campaign) as (site, process):
        assert process.stdout is not None
        assert "CAMPAIGN_SENDGRID__WEBHOOK_PUBLIC_KEY is not set" in process.stdout.readline()
        assert post(site, wave_id, range(1)) == 503
        assert site.get("/healthz").status == 200


def test_what_is_missing_or_taken_is_said_in_words(campaign: Campaign, wave_id: int) -> None:
    with serving(campaign) as (site, _):
        campaign("web", "--port", site.url.rpartition(":")[2], expect=1)
        assert "--port" in campaign.said
    campaign("web", "--host", "example.org", expect=2)
    campaign.environment["CAMPAIGN_SENDGRID__WEBHOOK_PUBLIC_KEY"] = "MAo="
    campaign("web", expect=4)
    assert "CAMPAIGN_SENDGRID__WEBHOOK_PUBLIC_KEY" in campaign.said
    del campaign.environment["CAMPAIGN_SECRET_KEY"]
    campaign("web", expect=4)
    campaign("feedback", "apply", expect=4)
    assert "CAMPAIGN_SECRET_KEY" in campaign.said
