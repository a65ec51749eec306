"""Breakers as the plan writes them: what becomes of them, and what is said of bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.errors import BadInput
from campaign.files.plan import load
from campaign.model.breaker import MAIL, POSTS, Limit, Limits, Measure
from tests.plans import ALERT, HEAD, LAUNCH, SEGMENTS

STEPS = f"{SEGMENTS}steps:\n{LAUNCH}{ALERT}"


def read(folder: Path, top: str = "", step: str = "", *, steps: str = STEPS) -> Limits:
    path = folder / "schedules.yaml"
    path.write_text(HEAD + top + steps + step, encoding="utf-8")
    return load(path).breakers


def said(folder: Path, top: str = "", step: str = "", *, steps: str = STEPS) -> str:
    with pytest.raises(BadInput) as caught:
        read(folder, top, step, steps=steps)
    return str(caught.value)


def test_a_plan_that_says_nothing_has_the_usual_limits(folder: Path) -> None:
    limits = read(folder)
    assert limits.of_step("alert", "email") == limits.of_channel("email") == MAIL
    assert limits.of_step("launch-x", "x") == limits.of_channel("x") == POSTS
    assert MAIL.limits[Measure.COMPLAINTS] == Limit(warn=10, stop=30)
    assert MAIL.limits[Measure.BOUNCES] == Limit(warn=200, stop=500)


def test_what_is_written_of_a_measure_replaces_all_of_it_and_leaves_the_others(folder: Path) -> None:
    limits = read(folder, "breakers: {email: {after: 1000, bounces: {stop: 3.25%}}, posts: {refusals: off}}\n")
    assert limits.mail.after == 1000
    assert limits.mail.limits[Measure.BOUNCES] == Limit(warn=None, stop=325)
    assert limits.mail.limits[Measure.COMPLAINTS] == MAIL.limits[Measure.COMPLAINTS]
    assert limits.posts.limits[Measure.REFUSALS] == Limit()
    assert limits.posts.after == POSTS.after


def test_a_step_goes_by_its_own_limits_over_those_of_its_channel(folder: Path) -> None:
    limits = read(
        folder,
        "breakers: {email: {after: 1000, bounces: {stop: 3%}}}\n",
        "    breakers: {complaints: {warn: off, stop: 0.5%}}\n",
    )
    own = limits.of_step("alert", "email")
    assert own.limits[Measure.COMPLAINTS] == Limit(stop=50)
    assert own.limits[Measure.BOUNCES] == Limit(stop=300)
    assert own.after == 1000
    assert limits.of_channel("email").limits[Measure.COMPLAINTS] == MAIL.limits[Measure.COMPLAINTS]


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("{bounces: {warn: 5%, stop: 5%}}", "bounces warns no sooner than it stops; give warn a smaller percentage"),
        ("{bounces: {stop: 5}}", 'bounces has stop "5", which is no percentage; write it as in `stop: 5%`'),
        ("{bounces: {stop: 0%}}", 'bounces has stop "0%", which is not between 0.01% and 100%'),
        ("{bounces: {stop: 100.01%}}", "which is not between 0.01% and 100%"),
        ("{bounces: {stpo: 5%}}", 'bounces has the key "stpo", which is not known here; did you mean "stop"?'),
        ("{bounces: {}}", "bounces holds no limit; write it as in `{warn: 2%, stop: 5%}`, or off"),
        ("{bounces: 5%}", 'bounces "5%" is neither limits nor off'),
        ("{bounces: [5%]}", "bounces must hold keys with values"),
        ("{complants: {stop: 1%}}", 'the key "complants" is not known here; did you mean "complaints"?'),
        ("{after: 0}", "after"),
        ("{after: 1000001}", "after"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_a_remedy(folder: Path, step: str, says: str) -> None:
    problem = said(folder, "", f"    breakers: {step}\n")
    assert says in problem
    assert "schedules.yaml:22 " in problem
    assert 'step "alert"' in problem


def test_a_post_that_is_held_to_what_only_email_knows_is_refused(folder: Path) -> None:
    with_it = STEPS.replace("    message: post/launch\n", "    message: post/launch\n    breakers: {bounces: off}\n")
    assert "bounces is for e-mail; posts know none; remove it" in said(folder, steps=with_it)
    assert 'the key "bounces" is not known here' in said(folder, "breakers: {posts: {bounces: off}}\n")
