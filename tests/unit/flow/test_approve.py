"""approve: a person's word binds exactly what would be sent, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from campaign.errors import LedgerError
from campaign.flow import approve, schedule
from campaign.model.approval import Manifest
from campaign.model.bundle import Sources
from campaign.model.message import CardSource, LinkCardSource, MediaSource, Message, PostSource, Source
from campaign.model.plan import Arm, DeclaredFact, Late, Plan, Sender, Step
from campaign.model.segment import Segment
from campaign.model.wave import WaveState
from tests.builders import (
    T0,
    ab_test,
    bundle,
    letter,
    mail_message,
    of_digest,
    pictured,
    plan,
    post_message,
    step,
    wave,
)
from tests.desks import HOUR, Office

ALERT, LAUNCH = "alert", "launch"
CARD = Source("messages/_layout/card.html", "<p>Card</p>")


def sources(**plan_changes: Any) -> Sources:
    """An e-mail and a post on X, each in one wave."""
    made = replace(plan(step(ALERT), step(LAUNCH, "x")), **plan_changes)
    mail = replace(mail_message(), shared={"_layout/card.html": CARD})
    return Sources(
        plan=made,
        letter=letter(),
        messages={"email/alert": mail, "post/launch": post_message()},
        waves={ALERT: (wave(ALERT),), LAUNCH: (wave(LAUNCH),)},
    )


def changed_step(step_id: str, **changes: Any) -> Callable[[Sources], Sources]:
    def change(made: Sources) -> Sources:
        steps = tuple(replace(one, **changes) if one.id == step_id else one for one in made.plan.steps)
        return replace(made, plan=replace(made.plan, steps=steps))

    return change


def changed_plan(**changes: Any) -> Callable[[Sources], Sources]:
    return lambda made: replace(made, plan=replace(made.plan, **changes))


def changed_mail(**changes: Any) -> Callable[[Sources], Sources]:
    def change(made: Sources) -> Sources:
        message = made.messages["email/alert"]
        mails = {"en": replace(message.mails["en"], **changes)}
        return replace(made, messages={**made.messages, "email/alert": replace(message, mails=mails)})

    return change


def changed_message(name: str, change: Callable[[Message], Message]) -> Callable[[Sources], Sources]:
    return lambda made: replace(made, messages={**made.messages, name: change(made.messages[name])})


def post(channel: str, text: str) -> Callable[[Message], Message]:
    return lambda message: replace(
        message, posts={**message.posts, channel: PostSource(channel, Source("launch.md", text))}
    )


BOTH = {ALERT, LAUNCH}
CHANGES: dict[str, tuple[Callable[[Sources], Sources], set[str], str]] = {
    "the subject": (changed_mail(subject=Source("a", "Other")), {ALERT}, "email/alert en subject"),
    "the preview line": (changed_mail(preheader=Source("a", "Other")), {ALERT}, "email/alert en preheader"),
    "the HTML": (changed_mail(html=Source("a", "<p>Other</p>")), {ALERT}, "email/alert en html"),
    "the text": (changed_mail(text=Source("a", "Other")), {ALERT}, "email/alert en text"),
    "a fact in the message": (changed_mail(facts={"9": "us"}), {ALERT}, "email/alert en facts"),
    "a language more": (
        changed_message("email/alert", lambda one: replace(one, mails=mail_message(languages=("en", "es")).mails)),
        {ALERT},
        "email/alert es html",
    ),
    "an included template": (
        changed_message(
            "email/alert", lambda one: replace(one, shared={"_layout/card.html": replace(CARD, text="<p>Other</p>")})
        ),
        {ALERT},
        "shared _layout/card.html",
    ),
    "the post": (changed_message("post/launch", post("", "Other.")), {LAUNCH}, "post/launch every network"),
    "a variant for the network": (changed_message("post/launch", post("x", "Other.")), {LAUNCH}, "post/launch x"),
    "the letter": (lambda made: replace(made, letter=replace(made.letter, closing="Yours,")), BOTH, "letter"),
    "a link": (changed_plan(links={"action": "https://example.net/"}), BOTH, "links"),
    "a hashtag": (changed_plan(hashtags=("Other",)), BOTH, "links"),
    "what is not tagged": (changed_plan(untagged=("example.org",)), BOTH, "links"),
    "the target's address": (changed_plan(target_email="office@example.com"), BOTH, "links"),
    "a fact's value": (changed_plan(facts={"a": DeclaredFact("a", "41", "us", 1)}), BOTH, "facts"),
    "a fact's source": (
        changed_plan(facts={"product": DeclaredFact("product", "Lens", "https://example.net", 1)}),
        BOTH,
        "facts",
    ),
    "the sender": (changed_plan(sender=Sender("smtp", "other@example.org", "Us", "1 Street")), {ALERT}, "sender"),
    "the segment's rule": (changed_step(ALERT, segment=Segment("everybody", tags_all=("x",))), {ALERT}, "to"),
    "an account more": (changed_step(LAUNCH, accounts=("national", "local")), {LAUNCH}, "to"),
    "how late it may be": (changed_step(ALERT, late=Late(HOUR, "hold")), {ALERT}, "late"),
    "what happens if it is later": (changed_step(ALERT, late=Late(timedelta(hours=2), "skip")), {ALERT}, "late"),
    "the embargo": (changed_step(ALERT, embargo=T0), {ALERT}, "embargo"),
    "who sees the post": (changed_step(LAUNCH, visibility="unlisted"), {LAUNCH}, "as"),
    "the plan's language": (changed_plan(language="es"), BOTH, "step"),
    "the organisation": (changed_plan(organisation="Others"), BOTH, "names"),
    "the launch": (changed_plan(launch=T0 + HOUR), BOTH, "names"),
    "the instant": (
        lambda made: replace(made, waves={**made.waves, ALERT: (wave(ALERT, due_at=T0 + HOUR),)}),
        {ALERT},
        "when",
    ),
    "a wave's zones": (
        lambda made: replace(made, waves={**made.waves, ALERT: (replace(wave(ALERT), zones=("Asia/Tokyo",)),)}),
        {ALERT},
        "when",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_any_change_to_what_is_sent_voids_the_approval_of_its_steps_alone_and_says_what_it_was(what: str) -> None:
    change, concerned, part = CHANGES[what]
    before, after = approve.manifests(sources()), approve.manifests(change(sources()))
    assert {step_id for step_id in BOTH if before[step_id].digest != after[step_id].digest} == concerned
    for step_id in concerned:
        names = {*before[step_id].parts, *after[step_id].parts}
        differing = {name for name in names if before[step_id].parts.get(name) != after[step_id].parts.get(name)}
        assert part in differing


@pytest.mark.parametrize(
    "same",
    [
        changed_message("post/launch", post("mastodon", "For Mastodon alone.")),
        changed_step(ALERT, line=99),
        lambda made: replace(made, letter=replace(made.letter, source="elsewhere/letter.md")),
        lambda made: replace(made, plan=replace(made.plan, steps=made.plan.steps[::-1])),
    ],
    ids=["a variant for another network", "the line in the plan", "the letter's file name", "the order of steps"],
)
def test_what_changes_nothing_of_what_is_sent_voids_nothing(same: Callable[[Sources], Sources]) -> None:
    before, after = approve.manifests(sources()), approve.manifests(same(sources()))
    assert {one: made.digest for one, made in before.items()} == {one: made.digest for one, made in after.items()}


def by_jo(at: Office, made: Sources, *steps: Step, release: bool = False) -> dict[str, tuple[str, ...]]:
    chosen = steps or made.plan.steps
    return dict(approve.approve(made, at.ledger, steps=chosen, by="Jo Example", at=at.clock.now(), release=release))


def test_what_was_approved_stands_until_it_changes_and_says_what_did(at: Office) -> None:
    assert [one.is_approved for one in approve.standings(sources(), at.ledger)] == [False, False]
    assert by_jo(at, sources()) == {ALERT: ("alert#1",), LAUNCH: ("launch#1",)}
    assert [one.is_approved for one in approve.standings(sources(), at.ledger)] == [True, True]
    alert, launch = approve.standings(changed_mail(text=Source("a", "Other"))(sources()), at.ledger)
    assert (alert.is_approved, alert.changed) == (False, ("email/alert en text",))
    assert launch.is_approved
    assert alert.approval is not None
    assert alert.approval.by == "Jo Example"


def test_one_step_alone_can_be_approved(at: Office) -> None:
    made = sources()
    by_jo(at, made, made.plan.step(LAUNCH))
    assert [one.step for one in at.waves()] == [LAUNCH]


def test_back_to_what_was_approved_before_is_no_approval(at: Office) -> None:
    """The latest word counts: A, then B was approved; A is not, though it once was."""
    plan_b: Plan = replace(sources().plan, organisation="Others")
    by_jo(at, sources())
    by_jo(at, replace(sources(), plan=plan_b))
    assert [one.is_approved for one in approve.standings(sources(), at.ledger)] == [False, False]


def test_release_lets_go_what_is_held_and_an_approval_without_it_does_not(at: Office) -> None:
    made = sources()
    by_jo(at, made)
    at.ledger.end_wave(at.waves(ALERT)[0].id, WaveState.HELD, why="late", at=T0)
    assert by_jo(at, made)[ALERT] == ()
    assert at.waves(ALERT)[0].state is WaveState.HELD
    assert by_jo(at, made, release=True)[ALERT] == ("alert#1",)
    assert at.waves(ALERT)[0].state is WaveState.WAITING


# ── A/B tests and hand-off ──


def an_ab_test(**changes: Any) -> Manifest:
    chosen = step(ab_test=ab_test(**changes))
    made = bundle(chosen)
    return approve.manifest(made, schedule.waves(made.plan, chosen))


OTHER_SUBJECT = {"": Source("schedules.yaml", "Another one", line=9)}


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"share": 1_000}, "A/B test"),
        ({"seed": 1}, "A/B test"),
        ({"decide_by": "hand"}, "A/B test"),
        ({"after": timedelta(hours=5)}, "A/B test"),
        ({"arms": (Arm("a", "email/alert"), Arm("b", "email/alert", OTHER_SUBJECT))}, "arm b: email/alert en subject"),
        ({"arms": (*ab_test().arms, Arm("c", "email/alert", OTHER_SUBJECT))}, "arm c"),
    ],
)
def test_a_test_is_approved_with_all_its_arms_who_gets_them_and_how_it_is_decided(
    changes: dict[str, Any], part: str
) -> None:
    before, after = an_ab_test(), an_ab_test(**changes)
    assert before.digest != after.digest
    assert before.parts.get(part) != after.parts.get(part)


def test_the_manifest_tells_the_seed_and_the_shares() -> None:
    told = an_ab_test().parts["A/B test"]
    assert "seed 2018" in told
    assert "a: draws from 0 up to 1000" in told
    assert "decided by clicks" in told


def test_where_a_subject_stands_in_the_plan_is_no_part_of_what_is_approved() -> None:
    arms = ab_test().arms
    moved = {"": replace(arms[1].subject[""], line=99)}
    assert an_ab_test(arms=(arms[0], replace(arms[1], subject=moved))).digest == an_ab_test().digest


def test_how_it_is_handed_over_is_approved_and_a_step_without_says_nothing_of_it() -> None:
    plain = approve.manifest(bundle(), (wave(),))
    staged = step(hand_off="staged")
    assert "hand-off" not in plain.parts
    assert "A/B test" not in plain.parts
    assert approve.manifest(bundle(staged), (wave(),)).parts["hand-off"] == "staged, 2:00:00 ahead"


def test_who_stands_behind_a_steps_accounts_is_approved_where_the_plan_says_it() -> None:
    before = approve.manifests(sources())
    handles = {"x": {"national": "freetowalk", "elsewhere": "other"}, "bluesky": {"national": "free.example.org"}}
    after = approve.manifests(sources(handles=handles))
    assert after[LAUNCH].parts["who"] == "national: freetowalk"
    assert after[LAUNCH].digest != before[LAUNCH].digest
    assert after[ALERT] == before[ALERT]
    others = {"x": {"elsewhere": "other"}}
    assert approve.manifests(sources(handles=others))[LAUNCH] == before[LAUNCH]


def test_how_long_posts_may_be_is_approved_where_the_plan_says_it() -> None:
    before = approve.manifests(sources())
    after = approve.manifests(sources(longest={"x": {"national": 5_000, "elsewhere": 600}}))
    assert after[LAUNCH].parts["longest post"] == "national: 5000"
    assert after[LAUNCH].digest != before[LAUNCH].digest
    assert approve.manifests(sources(longest={"x": {"elsewhere": 600}})) == before


# ── what posts show ──


def a_post(**changes: Any) -> Manifest:
    """The approval of a post on X as it is, or with what is changed in its front matter."""
    message = post_message()
    source = replace(message.posts[""], **changes)
    return approve.manifest(bundle(step(LAUNCH, "x"), replace(message, posts={"": source})), (wave(LAUNCH),))


def a_link_card(title: str = "The letter", image: MediaSource | None = None) -> LinkCardSource:
    words = [Source("launch.md", text) for text in ("{{ links.letter }}", title, "Read it.")]
    return LinkCardSource(3, words[0], words[1], words[2], image)


QUOTED = CardSource("quotation", Source("launch.md", "Stop."), None, "wide")
COUNTED = CardSource("figure", Source("launch.md", "41"), Source("launch.md", "have signed"), "wide")
CROWD = pictured(b"a crowd")
SHOWN: dict[str, Any] = {
    "media": (CROWD, MediaSource(4, card=QUOTED), MediaSource(5, card=COUNTED)),
    "link_card": a_link_card(),
}


def test_a_post_that_shows_nothing_is_approved_as_it_was_before_there_were_pictures() -> None:
    names = {name for name in a_post().parts if name.startswith("post/")}
    assert names == {"post/launch every network", "post/launch every network as"}
    assert "thread" not in a_post().parts
    changes = {"split": False, "numbered": False, "media": (), "link_card": None}
    assert a_post(**changes).digest == a_post().digest


def test_what_a_post_shows_can_be_read_in_its_approval() -> None:
    parts = a_post(**SHOWN, split=True, numbered=True).parts
    assert parts["post/launch every network parts"] == "split at the ends of sentences, by rules 1, numbered"
    assert parts["post/launch every network picture 1"] == (
        f"in part 1\nmedia/crowd.jpg\nSHA-256 {CROWD.digest}\nalt: A crowd"
    )
    assert parts["post/launch every network picture 2"] == "in part 1\na wide card of a quotation\ntext: Stop."
    assert parts["post/launch every network picture 3"].endswith("text: 41\nsays: have signed")
    assert parts["post/launch every network link card"] == "in part 1\n{{ links.letter }}\nThe letter\nRead it."


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"media": (pictured(b"another"), *SHOWN["media"][1:])}, "picture 1"),
        ({"media": (replace(CROWD, part=2), *SHOWN["media"][1:])}, "picture 1"),
        ({"media": (pictured(b"a crowd", "Many"), *SHOWN["media"][1:])}, "picture 1"),
        ({"media": (CROWD, MediaSource(4, card=replace(QUOTED, shape="tall")), SHOWN["media"][2])}, "picture 2"),
        ({"media": SHOWN["media"][:2]}, "picture 3"),
        ({"link_card": a_link_card("Read")}, "link card"),
        ({"link_card": a_link_card(image=CROWD)}, "link card"),
        ({"link_card": None}, "link card"),
        ({"split": True}, "parts"),
        ({"numbered": True}, "parts"),
    ],
)
def test_a_change_of_what_a_post_shows_voids_its_approval_and_is_named(changes: dict[str, Any], part: str) -> None:
    before, after = a_post(**SHOWN), a_post(**{**SHOWN, **changes})
    assert before.digest != after.digest
    names = {*before.parts, *after.parts}
    differing = {name for name in names if before.parts.get(name) != after.parts.get(name)}
    assert differing == {f"post/launch every network {part}"}


def test_where_the_front_matter_asks_for_a_picture_is_no_part_of_what_is_approved() -> None:
    moved = tuple(replace(one, line=99) for one in SHOWN["media"])
    assert a_post(**{**SHOWN, "media": moved}).digest == a_post(**SHOWN).digest


def test_a_step_that_posts_the_first_part_alone_is_approved_as_such() -> None:
    alone = approve.manifest(bundle(step(LAUNCH, "x", thread="first")), (wave(LAUNCH),))
    assert alone.parts["thread"] == "the first part alone"


def test_an_approval_keeps_the_pictures_of_its_own_network(at: Office) -> None:
    message = post_message()
    of_x = PostSource("x", Source("launch.x.md", "Read it."), media=(CROWD,))
    other = PostSource("", Source("launch.md", "Read it."), media=(pictured(b"not for X"),))
    shown = replace(sources(), media=of_digest(b"a crowd", b"not for X"))
    message = replace(message, posts={"x": of_x, "": other})
    by_jo(at, replace(shown, messages={**shown.messages, "post/launch": message}))
    assert at.ledger.file(CROWD.digest) == b"a crowd"
    with pytest.raises(LedgerError):
        at.ledger.file(pictured(b"not for X").digest)


def test_a_digest_is_of_the_parts_as_json_so_that_what_was_approved_before_stays_approved() -> None:
    made = approve.manifest(
        bundle(step(LAUNCH, "x"), post_message('"Qu\u00e9?" \\ \u2028 {{ letter.closing }}')), (wave(LAUNCH),)
    )
    told = json.dumps(dict(made.parts), sort_keys=True, ensure_ascii=False)
    assert made.digest == sha256(told.encode()).hexdigest()
