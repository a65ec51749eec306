"""A step's A/B test and hand-off as the plan writes them: what becomes of them, and what is said of a bad one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from campaign.errors import BadInput
from campaign.files.plan import load
from campaign.files.plan_ab_test import MAX_SEED, default_seed
from campaign.files.plan_schema import StepDocument
from campaign.model.plan import AHEAD, AbTest, Plan, Step
from tests.plans import ALERT, HEAD, SEGMENTS

TOP = f"{HEAD}{SEGMENTS}  acted: {{acted: true}}\nsteps:\n{ALERT}"
TEST = """\
    ab_test:
      arms:
        a: {}
        b: {subject: "Act before {{ campaign.title }}"}
        c: {message: email/alert-short}
      share: 20%
      decide: {by: clicks, after: 4h}
"""


@pytest.fixture
def folder(folder: Path) -> Path:
    """With one more e-mail."""
    (folder / "messages" / "email" / "alert-short").mkdir()
    return folder


def read(folder: Path, step: str, *, via: str = "sendgrid") -> Plan:
    path = folder / "schedules.yaml"
    path.write_text(TOP.replace("via: smtp", f"via: {via}") + step, encoding="utf-8")
    return load(path)


def the_test(folder: Path, step: str = TEST) -> AbTest:
    found = read(folder, step).step("alert").ab_test
    assert found is not None
    return found


def said(folder: Path, step: str, *, via: str = "sendgrid") -> list[str]:
    with pytest.raises(BadInput) as caught:
        read(folder, step, via=via)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_a_test_is_read_with_its_arms_in_order(folder: Path) -> None:
    test = the_test(folder)
    assert [(arm.name, arm.message) for arm in test.arms] == [
        ("a", "email/alert"),
        ("b", "email/alert"),
        ("c", "email/alert-short"),
    ]
    assert test.arms[1].subject[""].text == "Act before {{ campaign.title }}"
    assert (test.share, test.decide_by, test.after) == (2000, "clicks", timedelta(hours=4))


def test_a_subject_knows_its_file_and_line(folder: Path) -> None:
    several = TEST.replace(
        'b: {subject: "Act before {{ campaign.title }}"}',
        "b:\n          subject:\n            en: Now\n            es: Ya",
    )
    arm = the_test(folder, several).arms[1]
    lines = (folder / "schedules.yaml").read_text().splitlines()
    assert {language: source.text for language, source in arm.subject.items()} == {"en": "Now", "es": "Ya"}
    assert all(source.text in lines[source.line - 1] for source in arm.subject.values())
    assert {source.file for source in arm.subject.values()} == {str(folder / "schedules.yaml")}


def test_all_arms_are_of_one_size_and_do_not_overlap(folder: Path) -> None:
    shares = list(the_test(folder).shares().values())
    assert [(share.start, share.end) for share in shares] == [(0, 666), (666, 1332), (1332, 1998)]


def test_the_seed_is_made_from_the_names_unless_written(folder: Path) -> None:
    assert the_test(folder).seed == default_seed("a-letter", "alert")
    assert default_seed("a-letter", "alert") != default_seed("a-letter", "follow-up")
    assert 0 <= default_seed("a-letter", "alert") <= MAX_SEED
    assert the_test(folder, TEST + "      seed: 2018\n").seed == 2018


def test_hand_off_is_direct_unless_written(folder: Path) -> None:
    assert (read(folder, "").steps[0].hand_off, read(folder, "").steps[0].ahead) == ("direct", AHEAD)
    staged: Step = read(folder, "    hand_off: staged\n    ahead: 3h30m\n").steps[0]
    assert (staged.hand_off, staged.ahead) == ("staged", timedelta(hours=3, minutes=30))
    assert read(folder, "    hand_off: staged\n").steps[0].ahead == AHEAD


@pytest.mark.parametrize(
    ("was", "becomes", "what"),
    [
        ("c: {message: email/alert-short}", "c: {}", 'the arm "c" is the same as the arm "a"; give it another subject'),
        ("c: {message: email/alert-short}", "winner: {message: email/alert-short}", 'an arm cannot be called "winner"'),
        ("email/alert-short", "email/alert-shrot", 'is not there; did you mean "email/alert-short"?'),
        ("email/alert-short", "post/launch", 'message "post/launch" of the arm "c" is no e-mail'),
        ("{{ campaign.title }}", "{{ campaign.title", 'arm "b"'),
        ("a: {}", "a:", "a is empty; write `a: {}` if it is the step's own message"),
        ("20%", "0.2", 'share "0.2" is no percentage; write it as in `share: 20%`'),
        ("20%", "60%", 'share "60%" is not between 1% and 50%; the test is there for the rest'),
        ("20%", "0.5%", "is not between 1% and 50%"),
        ("after: 4h", "after: 0h", 'after "0h" is no time at all'),
        ("after: 4h", "after: 4m", "after is less than 5 minutes; most clicks come within the first hours"),
        ("after: 4h", "after: 5w", "after is more than 30 days"),
        ("by: clicks", "by: opens", 'by "opens" is not known; write clicks, actions or hand'),
        ("share: 20%\n", "share: 20%\n      seed: -1\n", 'seed "-1" must be at least 0'),
        ("      share: 20%\n", "", "share is missing; write it as in `share: "),
        ("arms:", "variants:", 'the key "variants" is not known here; did you mean "arms"?'),
        ('{subject: "Act before {{ campaign.title }}"}', "{subject: [1]}", "subject must be text"),
        ('"Act before {{ campaign.title }}"', '{english: "Act"}', 'has the key "english", which is no language'),
        ('"Act before {{ campaign.title }}"', '{en: ""}', "subject in en is empty"),
        ('"Act before {{ campaign.title }}"', '""', 'subject "" is empty'),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_test_is_said_at_its_line(folder: Path, was: str, becomes: str, what: str) -> None:
    assert was in TEST
    step = TEST.replace(was, becomes)
    problems = said(folder, step)
    assert len(problems) <= 2
    found = next((problem for problem in problems if what in problem), None)
    assert found is not None, problems
    assert 'step "alert"' in found
    line = int(found.split(":")[1].split()[0])
    assert 18 <= line <= 26


def test_there_are_two_to_five_arms(folder: Path) -> None:
    one = TEST.replace('b: {subject: "Act before {{ campaign.title }}"}', "").replace(
        "c: {message: email/alert-short}", ""
    )
    assert "arms holds fewer than 2" in said(folder, one)[0]
    many = TEST.replace(
        "c: {message: email/alert-short}", "".join(f"c{n}: {{subject: s{n}}}\n        " for n in range(4))
    )
    assert "arms holds more than 5" in said(folder, many)[0]


def test_one_arm_is_the_steps_own_message(folder: Path) -> None:
    step = TEST.replace("a: {}", "a: {message: email/alert-short, subject: x}").replace(
        'b: {subject: "Act before {{ campaign.title }}"}', "b: {message: email/alert-short, subject: y}"
    )
    assert 'no arm is the step\'s own message "email/alert"' in said(folder, step)[0]


def test_a_test_of_a_step_that_comes_again_is_refused(folder: Path) -> None:
    problems = said(folder, TEST + "    repeat: {every: 1d, count: 3}\n")
    assert "ab_test does not go with repeat" in problems[0]


def test_those_who_have_acted_cannot_decide_by_acting(folder: Path) -> None:
    path = folder / "schedules.yaml"
    text = TOP.replace("segment: supporters", "segment: acted") + TEST
    path.write_text(text.replace("by: clicks", "by: actions"), encoding="utf-8")
    with pytest.raises(BadInput, match='the segment "acted" holds those who have acted'):
        load(path)


@pytest.mark.parametrize(
    ("step", "via", "what"),
    [
        ("    hand_off: staged\n", "smtp", "hand_off staged is for mail by SendGrid, and the plan's sender goes"),
        ("    hand_off: late\n", "sendgrid", 'hand_off "late" is not known; write direct or staged'),
        ("    ahead: 2h\n", "sendgrid", "handed over ahead of its time; add `hand_off: staged`"),
        ("    hand_off: direct\n    ahead: 2h\n", "sendgrid", "ahead is for mail that is handed over ahead"),
        ("    hand_off: staged\n    ahead: 20m\n", "sendgrid", "ahead is less than 30 minutes, and SendGrid"),
        ("    hand_off: staged\n    ahead: 72h\n", "sendgrid", "ahead is more than 71 hours, and SendGrid takes"),
        (TEST + "    hand_off: staged\n    ahead: 4h\n", "sendgrid", "the rest is handed over before the test is out"),
    ],
)  # fmt: skip
def test_what_cannot_be_staged_is_said(folder: Path, step: str, via: str, what: str) -> None:
    problems = said(folder, step, via=via)
    assert len(problems) == 1
    assert what in problems[0]


def test_posts_have_none_of_it(folder: Path) -> None:
    post = "  - {id: p, channel: x, account: national, message: post/launch, at: T-0, hand_off: staged, ahead: 2h}\n"
    problems = [problem for problem in said(folder, post) if "posts on x" in problem]
    assert len(problems) == 2
    assert any("hand_off is for e-mail" in problem for problem in problems)
    assert any("ahead is for e-mail" in problem for problem in problems)


def test_the_keys_are_those_that_the_issue_of_a_plan_promises() -> None:
    assert {"hand_off", "ahead", "ab_test"} <= set(StepDocument.model_fields)
