"""The plan's accounts: what a good section becomes, and what is said of a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.errors import BadInput
from campaign.files.plan import load
from campaign.model.plan import Plan
from tests.plans import HEAD, SEGMENTS

TOP = HEAD + SEGMENTS
STEP = "  - {id: a, channel: x, account: national, message: post/launch, at: T-0}"


def read(folder: Path, accounts: str, step: str = STEP) -> Plan:
    section = f"accounts: {accounts}\n" if accounts else ""
    (folder / "schedules.yaml").write_text(f"{TOP}{section}steps:\n{step}\n", encoding="utf-8")
    return load(folder / "schedules.yaml")


def said(folder: Path, accounts: str, step: str = STEP) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read(folder, accounts, step)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_the_accounts_are_in_the_plan_by_network_without_the_at_sign(folder: Path) -> None:
    plan = read(
        folder,
        '{x: {national: "@FreeToWalk"}, bluesky: {national: FreeToWalk.example.org}, '
        'mastodon: {national: "@free.to_walk@social.example.org"}}',
    )
    assert plan.handles == {
        "x": {"national": "FreeToWalk"},
        "bluesky": {"national": "FreeToWalk.example.org"},
        "mastodon": {"national": "free.to_walk@social.example.org"},
    }


def test_an_account_on_mastodon_may_say_how_long_its_posts_may_be(folder: Path) -> None:
    plan = read(
        folder,
        '{mastodon: {national: "@national@social.example.org", '
        'ohio: {handle: "@ohio@ohio.example.org", characters: 5000}, iowa: {handle: iowa@iowa.example.org}}}',
    )
    assert plan.handles["mastodon"] == {
        "national": "national@social.example.org",
        "ohio": "ohio@ohio.example.org",
        "iowa": "iowa@iowa.example.org",
    }
    assert plan.longest == {"mastodon": {"ohio": 5000}}


def test_a_plan_needs_no_accounts_and_a_network_that_is_not_listed_takes_any(folder: Path) -> None:
    assert read(folder, "").handles == {}
    assert read(folder, "{bluesky: {west: west.example.org}}").handles == {"bluesky": {"west": "west.example.org"}}


@pytest.mark.parametrize("handle", ["sixteen_letters_", "free-to-walk", "a b", '"@"', '"x.com/free"'])
def test_what_is_no_name_on_x_is_told(folder: Path, handle: str) -> None:
    (problem,) = said(folder, f"{{x: {{national: {handle}}}}}")
    assert problem.startswith("schedules.yaml:11 accounts: national ")
    assert problem.endswith("is no name on X; write it as in freetowalk")


@pytest.mark.parametrize(
    "handle", ["freetowalk", "free_to.example.org", "-a.example.org", "example.123", "a..example.org"]
)
def test_what_is_no_handle_on_bluesky_is_told(folder: Path, handle: str) -> None:
    (problem,) = said(folder, f"{{bluesky: {{national: {handle}}}}}")
    assert "is no name on Bluesky" in problem


@pytest.mark.parametrize(
    "handle", ["freetowalk", '"@freetowalk"', '"a@b@example.org"', '"a@example"', '".a@example.org"']
)
def test_what_is_no_name_on_mastodon_is_told(folder: Path, handle: str) -> None:
    (problem,) = said(folder, f"{{mastodon: {{national: {handle}}}}}")
    assert 'is no name on Mastodon; write it as in "freetowalk@social.example.org"' in problem


def test_an_account_that_the_network_does_not_list_is_an_error_with_the_nearest(folder: Path) -> None:
    (problem,) = said(folder, "{x: {nationl: freetowalk}}")
    assert problem == (
        'schedules.yaml:13 step "a": account "national" is not among the plan\'s accounts on x; did you mean "nationl"?'
    )


def test_each_of_several_accounts_must_be_listed(folder: Path) -> None:
    step = "  - {id: a, channel: x, accounts: [national, west, south], message: post/launch, at: T-0}"
    problems = said(folder, "{x: {national: freetowalk}}", step)
    assert ['"west"' in one or '"south"' in one for one in problems] == [True, True]
    assert all("add it under `accounts: x:`" in one for one in problems)


def test_two_names_for_one_account_are_told(folder: Path) -> None:
    (problem,) = said(folder, '{x: {national: freetowalk, west: "@FreeToWalk"}}')
    assert '"west" and "national" are one account on x' in problem


@pytest.mark.parametrize(
    ("accounts", "complaint"),
    [
        ("{twitter: {national: a}}", 'the key "twitter" is not known here; did you mean "x"?'),
        ("{x: {}}", "x holds nothing"),
        ("{x: [national]}", "x must hold keys with values"),
        ("{x: {National: a}}", '"National" is not a name as used here'),
        ("[]", "accounts must hold keys with values"),
        ("{mastodon: {ohio: [5000]}}", "ohio must hold keys with values"),
        ("{mastodon: {ohio: {characters: 5000}}}", "handle is missing"),
        ("{mastodon: {ohio: {handle: a@b.example.org, characters: 50}}}", 'characters "50" must be at least 100'),
        ("{mastodon: {ohio: {handle: a@b.example.org, characters: lots}}}", 'characters "lots" is not a whole number'),
        ("{mastodon: {ohio: {handle: a@b.example.org, length: 600}}}", 'the key "length" is not known here'),
        (f"{{mastodon: {{ohio: {'a' * 321}}}}}", "is longer than any name"),
        ("{x: {ohio: {handle: a, characters: 5000}}}", "must be text"),
    ],
)
def test_a_section_of_another_shape_is_explained(folder: Path, accounts: str, complaint: str) -> None:
    assert any(complaint in one for one in said(folder, accounts))


def test_a_thread_can_be_cut_to_its_first_part(folder: Path) -> None:
    assert read(folder, "").steps[0].thread == "whole"
    step = STEP.replace("at: T-0", "at: T-0, thread: first")
    assert read(folder, "", step).steps[0].thread == "first"


def test_thread_is_for_posts(folder: Path) -> None:
    step = "  - {id: a, channel: email, segment: supporters, message: email/alert, at: T-0, thread: first}"
    assert said(folder, "", step) == [
        'schedules.yaml:12 step "a": thread is for posts, and this step sends e-mail; remove thread'
    ]
