"""check: every mistake of a campaign at once, each with its file and line, before anything is sent."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from campaign.errors import Problem
from campaign.files import campaign as campaign_files
from campaign.flow import check


@pytest.fixture
def folder(tmp_path: Path, root: Path) -> Path:
    """This repository's own campaign."""
    shutil.copy(root / "schedules.yaml", tmp_path)
    shutil.copytree(root / "messages", tmp_path / "messages")
    return tmp_path


def found(folder: Path) -> list[Problem]:
    return check.campaign(campaign_files.load(folder / "schedules.yaml"))


def of(problems: list[Problem], name: str) -> list[Problem]:
    return [problem for problem in problems if problem.file.endswith(name)]


def test_this_repositorys_own_campaign_is_clean(folder: Path) -> None:
    assert found(folder) == []


def test_every_mistake_is_found_at_once_with_file_line_step_and_remedy(folder: Path) -> None:
    posts, mails = folder / "messages" / "post", folder / "messages" / "email"
    (posts / "demand.md").write_text("We ask.\n\n" + "Please stop this now. " * 20 + "\n")
    (posts / "signatories.md").write_text("A letter.\n\nAll 57 groups have signed it.\n")
    (posts / "reminder.md").write_text("Read it.\n")
    (posts / "launch-thread.md").write_text("One.\n---\nThe letter to {{ lettr.addressee.name }}.\n")
    partners = mails / "partners-heads-up" / "en.txt"
    lines = partners.read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if "{% endblock" in line)
    lines.insert(place, 'The letter says: "people should be free to walk without being watched".')
    partners.write_text("\n".join(lines) + "\n")

    problems = found(folder)

    (long,) = of(problems, "post/demand.md")
    assert (long.line, long.where) == (1, 'step "demand-x"')
    assert "X counts" in long.what
    assert "too many" in long.what
    assert "write a variant for x" in long.remedy
    (figure,) = of(problems, "post/signatories.md")
    assert (figure.line, figure.where) == (3, 'step "signatories-x"')
    assert "57" in figure.what
    repeated = of(problems, "post/reminder.md")
    assert {(one.line, one.where) for one in repeated} == {(1, 'step "reminder-x"')}
    assert "national would post the same text on x twice" in repeated[0].what
    assert "repeat_text: true" in repeated[0].remedy
    (unknown,) = of(problems, "post/launch-thread.md")
    assert unknown.line == 3
    assert "lettr" in unknown.what
    assert 'did you mean "letter"?' in unknown.remedy
    (quoted,) = of(problems, "partners-heads-up/en.txt")
    assert quoted.line == place + 1
    assert "restates the letter" in quoted.what
    others = ("demand.md", "signatories.md", "reminder.md", "launch-thread.md", "partners-heads-up/en.txt")
    assert [problem for problem in problems if not problem.file.endswith(others)] == []


def test_a_text_that_may_repeat_is_no_mistake(folder: Path) -> None:
    (folder / "messages" / "post" / "reminder.md").write_text("Read it.\n")
    plan = folder / "schedules.yaml"
    plan.write_text(
        plan.read_text().replace("message: post/reminder\n", "message: post/reminder\n    repeat_text: true\n")
    )
    assert found(folder) == []


def test_the_same_text_in_two_steps_of_one_account_is_found(folder: Path) -> None:
    for name in ("demand", "signatories"):
        (folder / "messages" / "post" / f"{name}.md").write_text("We have written to them.\n")
    (problem,) = found(folder)
    assert problem.where == 'step "signatories-x"'
    assert "here and in demand-x#1" in problem.what


def test_a_step_that_reaches_nobody_is_a_warning_at_its_line(folder: Path) -> None:
    sources = campaign_files.load(folder / "schedules.yaml")
    heads = {"partners-heads-up": 3, "action-alert": 400, "follow-up": 300}
    (warning,) = check.audiences(sources, heads)
    assert (warning.severity, warning.where, warning.line) == (
        "warning",
        'step "thank-you"',
        sources.plan.step("thank-you").line,
    )
    assert '"acted" reaches nobody' in warning.what


def test_a_text_that_is_made_from_the_html_is_held_to_the_letter_once(folder: Path) -> None:
    mail = folder / "messages" / "email" / "action-alert"
    (mail / "en.txt").unlink()
    assert found(folder) == []
    html = mail / "en.mjml"
    html.write_text(html.read_text().replace("They are ", "All 57 groups say so. They are ", 1))
    (figure,) = found(folder)
    assert (Path(figure.file).name, "57" in figure.what) == ("en.mjml", True)


def test_a_picture_without_alternative_text_is_a_mistake_and_its_text_is_held_to_the_letter(folder: Path) -> None:
    html = folder / "messages" / "email" / "action-alert" / "en.mjml"
    before = html.read_text()
    picture = '<mj-image src="https://example.org/a.png?b=1&amp;c=2" />\n<mj-button'
    html.write_text(before.replace("<mj-button", picture, 1))
    (missing,) = of(found(folder), "action-alert/en.mjml")
    assert "https://example.org/a.png?b=1&c=2 has no alternative text" in missing.what
    html.write_text(before.replace("<mj-button", picture.replace(" />", ' alt="57 groups" />'), 1))
    (figure,) = of(found(folder), "action-alert/en.mjml")
    assert "57" in figure.what
    html.write_text(before.replace("<mj-button", picture.replace(" />", ' alt="" />'), 1))
    assert found(folder) == []


# ── A/B tests ──

AT = "    segment: supporters\n    at: T+0d 09:00 local\n"
BOTH = '{en: "They must stop selling it", es: "Deben dejar de venderlo"}'


def with_arms(folder: Path, *arms: str) -> list[Problem]:
    """What is found where the action alert has these arms."""
    plan = folder / "schedules.yaml"
    lines = "".join(f"        {arm}\n" for arm in arms)
    test = f"    ab_test:\n      arms:\n{lines}      share: 20%\n      decide: {{by: clicks, after: 4h}}\n"
    text = plan.read_text()
    assert AT in text
    plan.write_text(text.replace(AT, AT + test))
    return found(folder)


def test_arms_that_differ_in_every_language_are_clean(folder: Path) -> None:
    assert with_arms(folder, "a: {}", f"b: {{subject: {BOTH}}}") == []


def test_an_arm_is_held_to_the_letter_too_at_its_line_of_the_plan(folder: Path) -> None:
    (problem,) = with_arms(folder, "a: {}", f"b: {{subject: {BOTH.replace('They must', '57 groups say they must')}}}")
    assert problem.file.endswith("schedules.yaml")
    assert problem.where == 'step "action-alert", arm "b"'
    assert "57" in problem.what
    assert "57 groups say" in (folder / "schedules.yaml").read_text().splitlines()[problem.line - 1]


@pytest.mark.parametrize(
    ("subject", "what"),
    [
        ('"They must stop selling it"', "its subject is the same in every language"),
        ('{en: "They must stop selling it"}', 'it is the same as the arm "a" in "es"'),
        (BOTH.replace("}", ', fr: "Ils doivent"}'), 'its subject is in "fr" too, and email/action-alert is not'),
        (BOTH.replace("stop", "{{ stopp }}"), 'there is no "stopp"'),
    ],
)
def test_arms_that_cannot_be_compared_are_found(folder: Path, subject: str, what: str) -> None:
    (problem,) = with_arms(folder, "a: {}", f"b: {{subject: {subject}}}")
    assert what in problem.what
    assert problem.file.endswith("schedules.yaml")
    assert problem.line


def test_an_arm_that_lacks_a_language_is_found(folder: Path) -> None:
    short = folder / "messages" / "email" / "action-short"
    shutil.copytree(folder / "messages" / "email" / "action-alert", short)
    for path in short.glob("es.*"):
        path.unlink()
    (problem, *_) = with_arms(folder, "a: {}", "b: {message: email/action-short, subject: They must stop selling it}")
    assert problem.what == 'email/action-alert has the language "es" and email/action-short has not'
