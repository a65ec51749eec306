"""Metrics: scraped over HTTP, read by Prometheus's own parser, right by the ledger, and without a person in them."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from campaign import __version__
from campaign.errors import NotConfigured
from campaign.flow import rollout
from campaign.model.outcome import Accepted, InDoubt, Refused
from campaign.web.prometheus import Figures, serving
from tests.builders import T0, step, wave
from tests.desks import HOUR, MINUTE, Office, office


@contextmanager
def scraped(at: Office) -> Iterator[Figures]:
    figures = Figures(at.ledger, at.clock)
    at.desk.happened = figures.happened
    yield figures


def scrape(figures: Figures) -> tuple[str, dict[str, Metric]]:
    with serving(figures, "127.0.0.1:0") as url, urllib.request.urlopen(url) as answer:  # noqa: S310 - our own
        text = answer.read().decode()
    return text, {family.name: family for family in text_string_to_metric_families(text)}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    found = [
        sample.value
        for family in families.values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) == 1, (name, labels, found)
    return found[0]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as made:
        yield made


def test_a_scrape_tells_how_it_stands_by_the_ledger(at: Office) -> None:
    at.add(6)
    at.approve(step(), wave(), wave(number=2, due_at=T0 + HOUR))
    at.approve(step("launch", "x"))
    at.mail.delivers = lambda batch, _: [Accepted("a"), Refused("no"), *[Accepted("a")] * (len(batch) - 2)]
    at.posts["x"].delivers = lambda batch, _: [InDoubt("lost")] * len(batch)
    at.posts["x"].settled = lambda batch, _: [InDoubt("cannot be read")] * len(batch)
    with scraped(at) as figures:
        rollout.turns(at.desk)()
        at.wait(MINUTE)
        at.ledger.stop("", by="Jo Example", why="", at=T0)
        _, found = scrape(figures)
    states = at.states("alert")
    assert states
    for state, n in states.items():
        assert value(found, "campaign_deliveries", step="alert", channel="email", state=state.value) == n
    assert value(found, "campaign_in_doubt") == 1
    assert value(found, "campaign_oldest_doubt_seconds") == 60
    assert value(found, "campaign_next_wave_seconds") == HOUR.total_seconds() - 60
    assert value(found, "campaign_waves", state="waiting") == 1
    assert (value(found, "campaign_halted"), value(found, "campaign_paused_steps")) == (1, 0)
    assert value(found, "campaign_ledger_up") == 1
    assert value(found, "campaign_build_info", version=__version__, world="live") == 1
    assert value(found, "campaign_attempt_seconds_count", channel="email", outcome="mixed") == 2
    assert value(found, "campaign_attempt_seconds_count", channel="x", outcome="in_doubt") == 1
    assert value(found, "campaign_wave_lateness_seconds_count", channel="email") == 1
    assert value(found, "campaign_happenings_total", event="delivery.refused", level="warning") == 2


def test_no_label_holds_a_person_an_account_or_a_key_and_their_number_does_not_grow_with_people(at: Office) -> None:
    at.approve(step(), wave(), wave(number=2, due_at=T0 + MINUTE))
    at.approve(step("launch", "x"))
    at.mail.delivers = lambda batch, _: [Refused("no such mailbox person1@example.org")] * len(batch)
    with scraped(at) as figures:
        at.add(3)
        turn = rollout.turns(at.desk)
        turn()
        text, found = scrape(figures)
        before = sum(len(family.samples) for family in found.values())
        at.add(60)
        at.wait(MINUTE)
        turn()
        text, found = scrape(figures)
    names = {name for family in found.values() for sample in family.samples for name in sample.labels}
    assert names <= {"step", "channel", "state", "outcome", "event", "level", "le", "version", "python", "world"}
    assert "@" not in text
    assert "national" not in text
    assert sum(len(family.samples) for family in found.values()) <= before + 10


def test_where_the_database_cannot_be_read_the_rest_is_still_told(at: Office) -> None:
    with scraped(at) as figures:
        with at.database.write() as connection:
            connection.exec_driver_sql("DROP TABLE notices")
        _, found = scrape(figures)
    assert value(found, "campaign_ledger_up") == 0
    assert value(found, "campaign_build_info", version=__version__) == 1


def test_a_clock_that_was_set_is_in_the_metrics(at: Office) -> None:
    figures = Figures(at.ledger, at.clock, clock_ahead_s=lambda: timedelta(hours=3).total_seconds())
    assert value(scrape(figures)[1], "campaign_clock_ahead_seconds") == 3 * 60 * 60


def test_an_address_that_cannot_be_had_is_said(at: Office) -> None:
    figures = Figures(at.ledger, at.clock)
    with serving(figures, "127.0.0.1:0") as url:
        taken = url.removeprefix("http://").removesuffix("/metrics")
        with pytest.raises(NotConfigured, match="choose another with --metrics"), serving(figures, taken):
            pass
