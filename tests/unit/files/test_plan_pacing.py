"""Waves, ramps and rates as the plan writes them: what becomes of them, and what is said of a bad one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from campaign.errors import BadInput
from campaign.files.plan import load
from campaign.model.draw import DRAWS
from campaign.model.pace import Portion, Rate, by_channel, by_step
from campaign.model.plan import EMAIL, Plan, Step
from tests.plans import ALERT, HEAD, SEGMENTS

HOUR = timedelta(hours=1)
STEP = f"{SEGMENTS}steps:\n{ALERT}"


def read(folder: Path, keys: str, top: str = "") -> Plan:
    path = folder / "schedules.yaml"
    path.write_text(HEAD.replace("via: smtp", "via: sendgrid") + top + STEP + keys, encoding="utf-8")
    return load(path)


def alert(folder: Path, keys: str) -> Step:
    return read(folder, keys).step("alert")


def said(folder: Path, keys: str, top: str = "") -> str:
    with pytest.raises(BadInput) as caught:
        read(folder, keys, top)
    return str(caught.value)


def test_waves_have_shares_and_times_and_the_last_takes_the_rest(folder: Path) -> None:
    keys = "    waves: [{share: 10%}, {share: 32.5%, after: 1h}, {share: rest, after: 3h}]\n"
    found = alert(folder, keys).portions
    assert found is not None
    assert found.parts == (Portion(1_000, 0 * HOUR), Portion(3_250, HOUR), Portion(5_750, 3 * HOUR))
    assert [(share.start, share.end) for _, share in found.shares()] == [(0, 1_000), (1_000, 4_250), (4_250, DRAWS)]
    assert found == alert(folder, keys).portions, "the same people are drawn each time the plan is read"


def test_a_ramp_grows_until_ten_million(folder: Path) -> None:
    found = alert(folder, "    ramp: {first: 500, grow: 2, every: 1d}\n").ramp
    assert found is not None
    assert found.sizes()[:4] == (500, 1_000, 2_000, 4_000)
    assert sum(found.sizes()) >= 10_000_000
    assert (found.waves_for(500), found.waves_for(501), found.waves_for(3_500)) == (1, 2, 3)


def test_a_ramp_that_does_not_grow_reaches_only_so_many(folder: Path) -> None:
    found = alert(folder, "    ramp: {first: 500, grow: 1, every: 1d}\n").ramp
    assert found is not None
    assert len(found.sizes()) == 100
    assert found.waves_for(50_001) is None


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("20/s", Rate(20, timedelta(seconds=1))),
        ("5000/h", Rate(5_000, HOUR)),
        ('"5,000/h"', Rate(5_000, HOUR)),
        ("100000/d", Rate(100_000, 24 * HOUR)),
    ],
)
def test_a_rate_is_a_number_in_a_unit_of_time(folder: Path, written: str, rate: Rate) -> None:
    assert alert(folder, f"    rate: {written}\n").rate == rate


def test_a_step_keeps_to_its_own_rate_and_that_of_its_channel(folder: Path) -> None:
    plan = read(folder, "    rate: 20/s\n", "rates: {email: 20000/h}\n")
    assert plan.rates == {EMAIL: Rate(20_000, HOUR)}
    assert [pace.bucket for pace in plan.paces(plan.step("alert"))] == [by_step("alert"), by_channel("email")]


def test_a_batch_is_what_a_tenth_of_the_unit_gives_up_to_a_minute() -> None:
    units = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
    rates = [(20, "s"), (600, "m"), (6_000, "h"), (144_000, "d"), (1, "d")]
    batches = [Rate(number, timedelta(seconds=units[unit])).batch for number, unit in rates]
    assert batches == [20, 60, 100, 100, 1]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("    waves: [{share: 10%}, {share: 30%, after: 1h}]\n", "40% of the audience together, not 100%"),
        ("    waves: [{share: rest}, {share: 30%, after: 1h}]\n", "rest is not the last wave"),
        ("    waves: [{share: 60%}, {share: 50%, after: 1h}, {share: rest, after: 2h}]\n", "are 110% already"),
        ("    waves: [{share: 50%, after: 1h}, {share: rest, after: 1h}]\n", "wave 2 does not come after wave 1"),
        ("    waves: [{share: half}, {share: rest, after: 1h}]\n", "is no share of an audience"),
        ("    ramp: {first: 0}\n", "first"),
        ("    ramp: {first: 5, grow: 0.5}\n", "is not from 1 to 10"),
        ("    ramp: {first: 5, every: 1m}\n", "less than 5 minutes"),
        ("    ramp: {first: 5}\n    repeat: {every: 1d, count: 3}\n", "does not go with repeat"),
        ("    ramp: {first: 5}\n    waves: [{share: 50%}, {share: 50%, after: 1h}]\n", "both waves and ramp"),
        ("    rate: 5000\n", "is no rate; write it as in 20/s"),
        ("    rate: 0/h\n", "lets nothing go"),
        ("    rate: 20/s\n    hand_off: staged\n", "does not go with hand_off staged"),
    ],
)
def test_what_is_wrong_is_said_with_the_step(folder: Path, keys: str, problem: str) -> None:
    text = said(folder, keys)
    assert problem in text
    assert "alert" in text


def test_a_ramp_counts_people_of_all_zones(folder: Path) -> None:
    quiet = 'quiet: {from: "21:00", to: "08:00"}\n'
    assert "does not go with quiet hours" in said(folder, "    ramp: {first: 5}\n", quiet)
    assert read(folder, "    ramp: {first: 5}\n    quiet: none\n", quiet).step("alert").ramp


def test_a_channels_rate_does_not_go_with_staged_mail(folder: Path) -> None:
    assert "the plan's rate for email" in said(folder, "    hand_off: staged\n", "rates: {email: 20/s}\n")
