"""What steps wait for, as the plan writes it: what becomes of it, and what is said of bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.errors import BadInput
from campaign.files.plan import load
from campaign.model.condition import After, NumberCondition, PageCondition
from campaign.model.plan import Step
from tests.plans import ALERT, HEAD, LAUNCH, SEGMENTS

STEPS = f"{SEGMENTS}steps:\n{LAUNCH}{ALERT}"
PAGE = "https://act.example.org/"


def read(folder: Path, more: str, *, steps: str = STEPS) -> Step:
    path = folder / "schedules.yaml"
    path.write_text(f"{HEAD}{steps}    {more}\n", encoding="utf-8")
    return load(path).steps[-1]


def said(folder: Path, more: str, *, steps: str = STEPS) -> str:
    with pytest.raises(BadInput) as caught:
        read(folder, more, steps=steps)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "after"),
    [
        ("launch-x", After("launch-x")),
        ("launch-x accepted", After("launch-x")),
        ("launch-x done", After("launch-x", "done")),
        ("{step: launch-x}", After("launch-x")),
        ("{step: launch-x, is: done}", After("launch-x", "done")),
    ],
)
def test_a_step_can_come_after_another(folder: Path, written: str, after: After) -> None:
    step = read(folder, f"after: {written}")
    assert step.after == after
    assert step.conditions == (after,)


def test_a_step_can_wait_for_pages_and_numbers_beside_another_step(folder: Path) -> None:
    step = read(
        folder,
        f"after: launch-x\n    when:\n      - {{url: {PAGE}, answers: 201, contains: Add your name}}\n"
        f"      - {{url: {PAGE}api, number: /signatures, at_least: 10000}}\n"
        "      - {url: http://127.0.0.1:8000/}",
    )
    assert step.conditions == (
        After("launch-x"),
        PageCondition(PAGE, 201, "Add your name"),
        NumberCondition(f"{PAGE}api", "/signatures", 10_000),
        PageCondition("http://127.0.0.1:8000/"),
    )


def test_a_step_that_waits_for_nothing_has_no_conditions(folder: Path) -> None:
    assert read(folder, "repeat_text: true", steps=STEPS[: STEPS.index("  - id: alert")]).conditions == ()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("after: lanch-x", 'after names "lanch-x", and the plan has no such step; did you mean "launch-x"?'),
        ("after: alert", "waits for itself: alert waits for alert; take `after` out of one of them"),
        ("after: launch-x accpted", 'waits until a step is "accpted"; did you mean "accepted"?'),
        ("after: {step: launch-x, is: sent}", 'waits until a step is "sent"; a step can be accepted or done'),
        ("after: {stp: launch-x}", 'has the key "stp", which is not known here; did you mean "step"?'),
        ("after: {is: done}", "names no step; write it as in `after: launch-x`"),
        ("after: [launch-x]", "after"),
        ("after: Launch X", "names no step"),
        ("when: [{url: http://act.example.org/}]", "is not https; anybody on the way could answer"),
        ("when: [{url: 'https://jo:pass@act.example.org/'}]", "url holds a name or a password"),
        (f"when: [{{url: {PAGE}, at_least: 3}}]", "at_least is for a number; add `number:`"),
        (f"when: [{{url: {PAGE}, number: /n}}]", "number lacks how much it must be; add `at_least:`"),
        (f"when: [{{url: {PAGE}, number: n, at_least: 3}}]", 'number "n" is no JSON pointer'),
        (f"when: [{{url: {PAGE}, number: /~2, at_least: 3}}]", 'number "/~2" is no JSON pointer'),
        (f"when: [{{url: {PAGE}, number: /n, at_least: 3, contains: x}}]", "contains is for a page"),
        (f"when: [{{url: {PAGE}, contain: x}}]", 'the key "contain" is not known here; did you mean "contains"?'),
        (f"when: [{{url: {PAGE}, answers: 20}}]", "answers"),
        ("when: [{contains: x}]", "url is missing"),
        ("when: []", "when"),
        (f"when: [{', '.join([f'{{url: {PAGE}}}'] * 6)}]", "when"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_a_remedy(folder: Path, more: str, says: str) -> None:
    problem = said(folder, more)
    assert says in problem
    assert "schedules.yaml:22 " in problem
    assert 'step "alert"' in problem


def test_a_circle_is_told_once_with_the_way_round_it(folder: Path) -> None:
    steps = STEPS.replace("    at: T-0\n  - id: alert", "    at: T-0\n    after: alert\n  - id: alert")
    problem = said(folder, "after: launch-x", steps=steps)
    assert problem.count("waits for itself") == 1
    assert "waits for itself: launch-x waits for alert waits for launch-x" in problem
