"""Rates by mailbox domain and frequencies as the plan writes them: what becomes of them, what is said of a bad one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from campaign.errors import BadInput
from campaign.files.plan import load
from campaign.flow import approve, schedule
from campaign.model.frequency import Frequency
from campaign.model.pace import DomainRate, Pace, Rate, kinds
from campaign.model.plan import Plan
from tests.builders import bundle
from tests.plans import ALERT, HEAD, LAUNCH, SEGMENTS

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
STEP = f"{SEGMENTS}steps:\n{ALERT}"


def read(folder: Path, keys: str = "", top: str = "", more: str = "") -> Plan:
    path = folder / "schedules.yaml"
    path.write_text(HEAD.replace("via: smtp", "via: sendgrid") + top + STEP + keys + more, encoding="utf-8")
    return load(path)


def said(folder: Path, keys: str = "", top: str = "", more: str = "") -> str:
    with pytest.raises(BadInput) as caught:
        read(folder, keys, top, more)
    return str(caught.value)


def test_several_domains_share_a_rate(folder: Path) -> None:
    top = "domain_rates:\n  gmail.com, googlemail.com: 20000/h\n  yahoo.com: 5/s\n"
    assert read(folder, top=top).domain_rates == (
        DomainRate(("gmail.com", "googlemail.com"), Rate(20_000, HOUR)),
        DomainRate(("yahoo.com",), Rate(5, SECOND)),
    )


def test_a_domain_is_matched_in_small_letters_and_unicode(folder: Path) -> None:
    top = "domain_rates: {XN--BCHER-KVA.example.org: 5/s, Example.ORG: 5/s}\n"
    assert [one.domains for one in read(folder, top=top).domain_rates] == [("bücher.example.org",), ("example.org",)]


def test_a_step_keeps_to_its_own_rates_and_to_the_plans(folder: Path) -> None:
    top = "domain_rates: {example.org: 20/s, example.net: 5/s}\n"
    plan = read(folder, "    domain_rates: {example.org: 10/s}\n    rate: 100/s\n", top, LAUNCH)
    paces = plan.paces(plan.step("alert"))
    assert paces == (
        Pace("step alert", Rate(100, SECOND)),
        Pace("step alert to example.org", Rate(10, SECOND), ("example.org",)),
        Pace("domain example.org", Rate(20, SECOND), ("example.org",)),
        Pace("domain example.net", Rate(5, SECOND), ("example.net",)),
    )
    assert not plan.paces(plan.step("launch-x")), "a post goes to no mailbox"


def test_domains_that_keep_to_the_same_rates_are_of_one_kind() -> None:
    rate = Rate(5, SECOND)
    both, one = Pace("a", rate, ("x.example", "y.example")), Pace("b", rate, ("y.example", "z.example"))
    assert kinds([Pace("all", rate), both, one]) == (("x.example",), ("y.example",), ("z.example",))
    assert kinds([both]) == (("x.example", "y.example"),)
    assert kinds([Pace("all", rate)]) == ()


def test_a_plan_says_how_often_anybody_hears_and_what_is_exempt(folder: Path) -> None:
    plan = read(folder, top="frequency: {most: 2, within: 7d}\n")
    assert plan.frequency_of(plan.step("alert")) == Frequency(2, 7 * DAY)
    plan = read(folder, "    frequency: exempt\n", "frequency: {most: 2, within: 36h}\n", LAUNCH)
    assert plan.frequency == Frequency(2, 36 * HOUR)
    assert plan.frequency_of(plan.step("alert")) is plan.frequency_of(plan.step("launch-x")) is None
    assert read(folder).frequency is None


def test_they_are_part_of_what_is_approved_and_nothing_is_where_they_are_not(folder: Path) -> None:
    def parts(plan: Plan) -> dict[str, str]:
        step = plan.step("alert")
        made = bundle(step)
        return dict(approve.manifest(type(made)(plan, made.letter, made.message), schedule.waves(plan, step)).parts)

    plain = parts(read(folder))
    assert not {"rate", "frequency"} & plain.keys()
    top = "frequency: {most: 2, within: 7d}\ndomain_rates: {'gmail.com, googlemail.com': 5/s}\n"
    found = parts(read(folder, top=top))
    assert found["rate"] == "domain gmail.com with googlemail.com: 5 a second"
    assert found["frequency"] == "at most 2 e-mails in 7 days"
    exempt = parts(read(folder, "    frequency: exempt\n", top))
    assert exempt["frequency"] == "at most 2 e-mails in 7 days, but not this step"


@pytest.mark.parametrize(
    ("keys", "top", "problem"),
    [
        ("", "domain_rates: {gmail: 5/s}\n", '"gmail" is no mailbox domain; write what stands behind the @'),
        ("", "domain_rates: {jo@example.org: 5/s}\n", '"jo@example.org" is no mailbox domain'),
        ("", "domain_rates: {',': 5/s}\n", "names no domain"),
        ("", "domain_rates: {example.org: fast}\n", "is no rate; write it as in 20/s"),
        ("", "domain_rates: {example.org: 5/s, 'EXAMPLE.org, example.net': 5/s}\n", "example.org has a rate already"),
        ("", "domain_rates: {'example.org example.org': 5/s}\n", "example.org stands there twice"),
        ("", "domain_rates: 5/s\n", "domain_rates"),
        ("    domain_rates: {gmail: 5/s}\n", "", '"gmail" is no mailbox domain'),
        ("    domain_rates: {example.org: 5/s}\n    hand_off: staged\n", "", "does not go with hand_off staged"),
        ("    hand_off: staged\n", "domain_rates: {example.org: 5/s}\n", "the plan's domain_rates do not go with"),
        ("", "frequency: {most: 0, within: 7d}\n", "most"),
        ("", "frequency: {most: 2}\n", "within"),
        ("", "frequency: {most: 2, within: 5m}\n", "within is less than an hour"),
        ("", "frequency: {most: 2, within: 60w}\n", "within is more than a year"),
        ("", "frequency: {most: 2, within: 7d, each: 1d}\n", "each"),
        ("    frequency: often\n", "frequency: {most: 2, within: 7d}\n", "frequency"),
        ("    frequency: exempt\n", "", "exempt from a frequency that the plan does not have"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(folder: Path, keys: str, top: str, problem: str) -> None:
    text = said(folder, keys, top)
    assert problem in text
    assert "schedules.yaml:" in text


@pytest.mark.parametrize("keys", ["    domain_rates: {example.org: 5/s}\n", "    frequency: exempt\n"])
def test_neither_is_for_posts(folder: Path, keys: str) -> None:
    assert "is for e-mail, and this step posts on x; remove" in said(folder, more=LAUNCH + keys)
