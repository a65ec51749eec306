"""check, of posts' texts: what is too long, what a network would drop, and what would be posted twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from campaign.errors import Problem
from campaign.flow import check
from campaign.flow.posting import posting
from campaign.flow.repeated import folded
from campaign.model.bundle import Sources
from campaign.model.message import Message, PostSource, Source
from campaign.model.plan import Repeat, Step
from tests.builders import T0, letter, plan, step, wave

DAY = timedelta(days=1)


def source(body: str, channel: str = "", **changes: object) -> PostSource:
    made = PostSource(channel, Source(f"launch.{channel}.md" if channel else "launch.md", body, line=4))
    return replace(made, **changes)  # type: ignore[arg-type]  # names of its own fields


def posts(*steps: Step, days: int = 1, **messages: PostSource) -> Sources:
    """A campaign of these steps, a day apart; ``messages`` are what is posted, "launch" by most of them."""
    written = {name: Message(f"post/{name}", "post", posts={made.channel: made}) for name, made in messages.items()}
    waves = {
        one.id: tuple(
            wave(one.id, number, T0 + place * DAY + (number - 1) * timedelta(hours=1)) for number in range(1, days + 1)
        )
        for place, one in enumerate(steps)
    }
    return Sources(plan(*steps), letter(), {message.name: message for message in written.values()}, waves)


def found(sources: Sources) -> list[Problem]:
    return check.campaign(sources)


def test_a_thread_that_was_split_is_clean_and_its_numbers_are_no_figures() -> None:
    body = " ".join(f"Nobody in {where} is asked whether they would like that." for where in "abcdefgh")
    long = source(body, split=True, numbered=True)
    assert found(posts(step("launch", "x"), launch=long)) == []


def test_a_sentence_that_fits_nowhere_is_found_at_its_line_with_the_numbers() -> None:
    body = "We ask.\n\n" + "Please stop" + ", please stop" * 22 + ".\n\nThank you."
    (problem,) = found(posts(step("launch", "x"), launch=source(body, split=True)))
    assert (problem.file, problem.line, problem.where) == ("launch.md", 6, 'step "launch", part 2')
    assert problem.what == (
        "this sentence does not fit by itself: X counts 298 weighted characters and takes 280: 18 too many"
    )
    assert problem.remedy == "shorten it, or write a variant for x"


def test_a_post_may_be_as_long_as_the_plan_says_of_all_the_accounts_that_post_it() -> None:
    both, one = (step(name, "mastodon", accounts=accounts) for name, accounts in (("both", ("a", "b")), ("one", "a")))
    made = posts(replace(one, message="post/launch"), replace(both, message="post/other"),
                 launch=source("a" * 5_000), other=source("b" * 600))  # fmt: skip
    sources = replace(made, plan=replace(made.plan, longest={"mastodon": {"a": 5_000}}))
    (problem,) = found(sources)
    assert (problem.where, problem.what) == (
        'step "both"',
        "Mastodon counts 600 characters and takes 500: 100 too many",
    )
    sources = replace(sources, plan=replace(sources.plan, longest={"mastodon": {"a": 4_999, "b": 600}}))
    (problem,) = found(sources)
    assert (problem.where, problem.what.endswith("takes 4,999: 1 too many")) == ('step "one"', True)


def test_a_thread_has_fewer_parts_where_longer_posts_may_be() -> None:
    body = " ".join(f"Nobody in {where} is asked whether they would like that." for where in "abcdefghijkl")
    made = posts(step("launch", "mastodon"), launch=source(body, split=True))
    bundle = made.bundle(made.plan.steps[0])
    longer = replace(bundle, plan=replace(bundle.plan, longest={"mastodon": {"national": 5_000}}))
    assert [len(posting(one, number=1, due_at=T0).parts) for one in (bundle, longer)] == [2, 1]


def test_a_text_that_is_too_long_to_be_split_is_not_called_a_sentence() -> None:
    (problem, *_) = found(posts(step("launch", "x"), launch=source("We ask them to stop. " * 600, split=True)))
    assert problem.what.startswith("X counts 12,599 weighted characters")


def test_a_character_that_no_post_may_have_is_to_be_taken_out() -> None:
    (problem,) = found(posts(step("launch", "x"), launch=source("We\ufeff ask.")))
    assert (problem.what, problem.remedy) == ("the text holds a character that X refuses (U+FEFF)", "take it out")


@pytest.mark.parametrize(
    ("channel", "warning", "what"),
    [
        ("x", "police", "X has no content warnings"),
        ("x", "graphic-media", "X has no content warnings"),
        ("bluesky", "police", "Bluesky takes no words for a content warning, only graphic-media, nudity, porn, sexual"),
        ("bluesky", "graphic-media", ""),
        ("mastodon", "police", ""),
    ],
)
def test_a_content_warning_is_shown_or_it_is_an_error(channel: str, warning: str, what: str) -> None:
    problems = found(posts(step("launch", channel), launch=source("We ask.", warning=warning)))
    assert [problem.what.startswith(what) for problem in problems] == [True] * bool(what)
    assert all(f'nobody would see "{warning}"' in problem.what for problem in problems)
    assert all(f"write a variant for {channel}" in problem.remedy for problem in problems)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sign the letter.", "sign  the\nLETTER."),
        ("Café", "Cafe\u0301"),
        ("Sign:\u00a0now", "Sign: now\u200b"),
        ("Sign https://example.org/a?utm_source=x&utm_medium=social", "Sign https://example.org/a"),
        ("Sign https://example.org/a?b=c&utm_content=one#d", "Sign https://example.org/a?b=c&utm_content=two#d"),
    ],
)
def test_texts_that_a_reader_would_not_tell_apart_are_the_same(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [("Sign 1", "Sign 2"), ("a.org/a", "a.org/b"), ("🧵", "🪡"), ("a b", "ab")])
def test_texts_that_differ_are_not_the_same(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_the_same_words_behind_other_tags_of_ours_are_found() -> None:
    body = source("Read it: {{ links.letter }}")
    (problem,) = found(posts(step("launch", "x"), step("again", "x"), launch=body))
    assert problem.where == 'step "again"'
    assert "here and in launch#1" in problem.what


def test_each_account_is_looked_at_alone_and_each_network() -> None:
    body = source("We ask.")
    apart = posts(step("launch", "x"), step("north", "x", accounts=("north",)), step("sky", "bluesky"), launch=body)
    assert found(apart) == []
    many = posts(step("launch", "x"), step("all", "x", accounts=("north", "national", "south")), launch=body)
    (problem,) = found(many)
    assert problem.what.startswith("national would post the same text on x twice")


def test_two_names_of_one_account_are_one() -> None:
    sources = posts(step("launch", "x"), step("north", "x", accounts=("north",)), launch=source("We ask."))
    handles = {"x": {"national": "FreeToWalk", "north": "@freetowalk"}}
    (problem,) = found(replace(sources, plan=replace(sources.plan, handles=handles)))
    assert problem.what.startswith("north would post the same text on x twice, here and in launch#1")


def test_a_part_of_a_thread_that_comes_twice_is_found_within_it_and_elsewhere() -> None:
    thread = source("We ask.\n---\nWhy?\n---\nWe ask.")
    (problem,) = found(posts(step("launch", "x"), launch=thread))
    assert (problem.line, problem.where) == (4, 'step "launch", part 3')
    assert problem.what.endswith("twice, here and in part 1")
    assert found(posts(step("launch", "x", repeat_text=True), launch=thread)) == [problem]
    other = step("again", "x", message="post/again")
    (twice,) = found(posts(step("launch", "x"), other, launch=source("Why?"), again=source("We say.\n---\nWhy?")))
    assert (twice.line, twice.where) == (6, 'step "again", part 2')
    first = step("alone", "x", thread="first")
    (alone,) = found(posts(step("launch", "x"), first, launch=source("One.\n---\nTwo.", numbered=True)))
    assert (alone.where, alone.what) == (
        'step "alone"',
        "national would post the same text on x twice, here and in launch#1, part 1",
    )


def test_a_recurring_step_must_say_something_else_each_time_unless_it_says_that_it_repeats() -> None:
    again = step("launch", "x", repeat=Repeat(DAY, count=3))
    assert len(found(posts(again, days=3, launch=source("We ask.")))) == 1
    assert found(posts(again, days=3, launch=source('We ask{{ " again" * step.number }}.'))) == []
    assert found(posts(replace(again, repeat_text=True), days=3, launch=source("We ask."))) == []


def test_what_comes_later_is_what_repeats_whatever_the_order_in_the_plan() -> None:
    sources = posts(step("late", "x"), step("early", "x"), launch=source("We ask."))
    waves = {"late": (wave("late", 1, T0 + DAY),), "early": (wave("early", 1, T0),)}
    (problem,) = found(replace(sources, waves=waves))
    assert (problem.where, "here and in early#1" in problem.what) == ('step "late"', True)
    plan_ = replace(sources.plan, steps=(replace(sources.plan.steps[0], repeat_text=True), sources.plan.steps[1]))
    assert found(replace(sources, waves=waves, plan=plan_)) == []


def test_what_is_wrong_in_a_message_of_several_steps_is_one_mistake_that_names_them() -> None:
    wrong = source("Some 7,301 people were misread.")
    few = [step(name, "x", repeat_text=True) for name in ("a", "b")]
    (problem,) = found(posts(*few, launch=wrong))
    assert (problem.file, problem.line, problem.where) == ("launch.md", 4, 'steps "a", "b"')
    many = [step(name, "x", repeat_text=True) for name in "abcde"]
    (problem,) = found(posts(*many, launch=wrong))
    assert problem.where == 'steps "a", "b", "c" and 2 more'
    (problem,) = found(posts(*many[:1], launch=wrong))
    assert problem.where == 'step "a"'


def test_parts_of_a_thread_are_told_apart_for_all_steps_that_post_it() -> None:
    wrong = source("Some 7,301 people were misread.\n---\nAnd 7,302 more.")
    problems = found(posts(*(step(name, "x", repeat_text=True) for name in ("a", "b")), launch=wrong))
    assert [problem.where for problem in problems] == ['steps "a", "b", part 1', 'steps "a", "b", part 2']
