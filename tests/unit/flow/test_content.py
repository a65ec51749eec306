"""content: what is sent is rendered from what was approved, and once for all who get the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from campaign.errors import LedgerError
from campaign.flow import content, prepare, schedule
from campaign.flow.fit import fits
from campaign.flow.posting import posting
from campaign.model.decision import Decision
from campaign.model.message import Message, PostSource, Source
from campaign.model.plan import Repeat
from tests.builders import T0, ab_test, bundle, mail_message, plan, post_message, step, wave
from tests.desks import HOUR, Office

DAY = timedelta(days=1)
COUNTING = post_message("Day {{ step.number }} of {{ letter.addressee.name }}.")


def test_a_step_that_repeats_counts_its_times_and_one_in_waves_says_the_same_to_all() -> None:
    again = step("reminder", "x", repeat=Repeat(DAY, count=3))
    assert [posting(bundle(again, COUNTING), number=n, due_at=T0).parts for n in (1, 2)] == [
        ("Day 1 of Jo Example.",),
        ("Day 2 of Jo Example.",),
    ]
    once = bundle(step("launch", "x"), COUNTING)
    assert posting(once, number=2, due_at=T0).parts == ("Day 1 of Jo Example.",)


def test_a_network_gets_the_variant_written_for_it_with_its_warning_and_language() -> None:
    own = PostSource("mastodon", Source("launch.mastodon.md", "For Mastodon."), language="es", warning="Police")
    message = Message(
        "post/launch", "post", posts={"": PostSource("", Source("launch.md", "For all.")), "mastodon": own}
    )
    made = posting(bundle(step("launch", "mastodon"), message), number=1, due_at=T0)
    assert (made.parts, made.language, made.source.warning) == (("For Mastodon.",), "es", "Police")
    other = posting(bundle(step("launch", "x"), message), number=1, due_at=T0)
    assert (other.parts, other.language) == (("For all.",), "en")


def test_what_the_plans_reader_sees_to_is_not_taken_for_granted() -> None:
    with pytest.raises(ValueError, match="no text for x"):
        posting(bundle(step("launch", "x"), Message("post/launch", "post")), number=1, due_at=T0)
    nobody = replace(bundle(), plan=replace(plan(), sender=None))
    with pytest.raises(ValueError, match="needs a sender"):
        content.mailing(nobody, number=1, due_at=T0, language="en")


def test_what_goes_out_is_what_was_approved_whatever_the_files_say_by_now(at: Office) -> None:
    at.add(1)
    at.approve(step(), message=mail_message(subject="As approved, {{ supporter.first_name }}"))
    approved = at.waves()[0]
    at.approve(step(), message=mail_message(subject="Changed, {{ supporter.first_name }}"))
    assert "As approved" in at.contents.mailing(approved, "en").content.subject
    assert "Changed" in at.contents.mailing(at.waves()[0], "en").content.subject


def test_the_waves_of_a_day_share_what_was_compiled_and_the_next_day_has_its_own(at: Office) -> None:
    at.approve(step(), wave(), wave(number=2, due_at=T0 + HOUR), wave(number=3, due_at=T0 + DAY))
    contents = at.contents
    first, second, third = (contents.mailing(one, "en") for one in at.waves())
    assert first is second
    assert third is not first


def test_no_more_is_kept_than_a_long_rollout_can_bear(at: Office) -> None:
    at.approve(
        step("reminder", "x", repeat=Repeat(DAY)),
        *(wave("reminder", n, T0 + n * DAY) for n in range(1, 101)),
        message=COUNTING,
    )
    contents = at.contents
    parts = {contents.posting(one).parts for one in at.waves()}
    assert len(parts) == 100
    assert len(contents._postings) < 100


def test_the_mail_is_of_the_plans_sender_and_known_by_campaign_and_step(at: Office) -> None:
    at.add(1)
    at.approve(step())
    prepare.wave(at.desk, at.contents, at.waves()[0])
    made = at.contents.mailing(at.waves()[0], "en").content
    assert made.categories == ("example", "alert")
    assert made.sender.address == "campaign@example.org"


def test_each_arm_of_a_test_has_its_own_words_and_the_rest_has_the_winners(at: Office) -> None:
    chosen = step(ab_test=ab_test())
    at.approve(chosen, *schedule.waves(plan(chosen), chosen))
    contents = at.contents
    first, second, rest = at.waves()
    assert contents.mailing(first, "en").content.subject.startswith("Act now, ")
    assert contents.mailing(second, "en").content.subject.startswith("Before noon, ")
    assert contents.mailing(second, "en").content.categories == ("example", "alert", "alert-b")
    with pytest.raises(LedgerError, match="the winner of an A/B test that nobody has decided"):
        contents.mailing(rest, "en")
    at.ledger.decide(Decision("alert", "b", "Jo Example", T0))
    assert contents.mailing(rest, "en") is contents.mailing(second, "en")


def test_links_tell_the_arm_that_somebody_came_by() -> None:
    chosen = step(ab_test=ab_test())
    linked = mail_message(html="<p><a href='{{ links.action }}'>act</a> <a href='{{ unsubscribe_url }}'>leave</a></p>")
    made = content.mailing(bundle(chosen, linked), number=2, due_at=T0, language="en", arm="b")
    assert "utm_content=alert-b" in made.content.html
    alone = content.mailing(bundle(step(), linked), number=1, due_at=T0, language="en")
    assert "utm_content=alert" in alone.content.html
    assert "utm_content=alert-" not in alone.content.html


LONG = "A camera that knows your name. " + "Nobody in a crowd is asked whether they would like to be seen by it. " * 8


def split_post(**changes: object) -> Message:
    source = PostSource("", Source("launch.md", LONG.strip()), split=True)
    return Message("post/launch", "post", posts={"": replace(source, **changes)})  # type: ignore[arg-type]  # its fields


@pytest.mark.parametrize(("network", "parts"), [("x", 3), ("bluesky", 3), ("mastodon", 2)])
def test_a_long_post_is_split_for_each_network_by_what_it_takes(network: str, parts: int) -> None:
    made = posting(bundle(step("launch", network), split_post()), number=1, due_at=T0)
    assert len(made.parts) == parts
    assert all(fits(part, network) is None for part in made.parts)
    assert " ".join(made.parts) == LONG.strip()
    assert made.parts == made.unnumbered


def test_a_content_warning_takes_its_room_on_mastodon() -> None:
    chosen = bundle(step("launch", "mastodon"), split_post(warning="w" * 320))
    made = posting(chosen, number=1, due_at=T0)
    assert len(made.parts) == 4
    assert all(fits(part, "mastodon", warning="w" * 320) is None for part in made.parts)


def test_numbers_count_and_end_every_part_of_a_thread() -> None:
    made = posting(bundle(step("launch", "x"), split_post(numbered=True)), number=1, due_at=T0)
    assert [part.removeprefix(bare) for part, bare in zip(made.parts, made.unnumbered, strict=True)] == [
        " 1/3",
        " 2/3",
        " 3/3",
    ]
    assert all(fits(part, "x") is None for part in made.parts)


def test_parts_that_were_written_are_numbered_too_and_a_single_post_is_not() -> None:
    written = PostSource("", Source("launch.md", "One.\n---\nTwo."), numbered=True)
    made = posting(
        bundle(step("launch", "x"), Message("post/launch", "post", posts={"": written})), number=1, due_at=T0
    )
    assert (made.parts, made.unnumbered) == (("One. 1/2", "Two. 2/2"), ("One.", "Two."))
    alone = replace(written, body=Source("launch.md", "One."))
    single = posting(
        bundle(step("launch", "x"), Message("post/launch", "post", posts={"": alone})), number=1, due_at=T0
    )
    assert single.parts == ("One.",)


def test_written_parts_are_split_further_where_they_are_too_long() -> None:
    both = split_post(body=Source("launch.md", f"Here is why.\n---\n{LONG}"), numbered=True)
    made = posting(bundle(step("launch", "x"), both), number=1, due_at=T0)
    assert made.parts[0] == "Here is why. 1/4"
    assert len(made.parts) == 4


def test_a_step_for_accounts_that_may_not_reply_posts_the_first_part_without_its_number() -> None:
    whole = posting(bundle(step("launch", "x"), split_post()), number=1, due_at=T0)
    chosen = bundle(step("launch", "x", thread="first"), split_post(numbered=True))
    made = posting(chosen, number=1, due_at=T0)
    assert made.parts == made.unnumbered == whole.parts[:1]
