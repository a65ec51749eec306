"""schedules.yaml: what a good one becomes, and what is said of a bad one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from campaign.errors import BadInput
from campaign.files.plan import load
from campaign.files.plan_errors import MAX_PROBLEMS
from campaign.flow.schedule import timeline
from campaign.model.plan import (
    CHANNELS,
    Absolute,
    ClockChange,
    DeclaredFact,
    Doubled,
    Late,
    Plan,
    Relative,
    Repeat,
    Sender,
    Skipped,
)
from campaign.model.segment import Segment
from tests.plans import HEAD, SEGMENTS

TOP = HEAD + SEGMENTS
POST = "  - {id: a, channel: x, account: national, message: post/launch, at: T-0"
MAIL = "  - {id: a, channel: email, segment: supporters, message: email/alert, at: T-0"


@pytest.fixture
def folder(folder: Path) -> Path:
    """With a second post, and a variant of the first."""
    for name in ("launch.x.md", "launch-thread.md"):
        (folder / "messages" / "post" / name).touch()
    return folder


def read(folder: Path, text: str) -> Plan:
    path = folder / "schedules.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def said(folder: Path, text: str) -> list[str]:
    """The problems of a plan, without the folder's name."""
    with pytest.raises(BadInput) as caught:
        read(folder, text)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def with_step(step: str) -> str:
    return f"{TOP}steps:\n{step}}}\n"


# ── what a good plan becomes ──


def test_this_repositorys_plan_is_the_rollout_that_it_says_it_is(root: Path) -> None:
    plan = load(root / "schedules.yaml")
    assert plan.launch == datetime(2018, 5, 22, 13, tzinfo=UTC)
    assert len(plan.steps) >= 12
    assert {step.channel for step in plan.steps} == set(CHANNELS)
    planned = timeline(plan)
    assert planned[0].due_at < plan.launch - timedelta(days=1)
    assert planned[-1].due_at >= plan.launch + timedelta(days=7)
    at_launch = {plan.step(wave.step).channel for wave in planned if wave.due_at == plan.launch}
    assert at_launch >= {"x", "bluesky", "mastodon"}
    assert [step.id for step in plan.steps if step.embargo is None] == ["partners-heads-up"]
    assert Counter(wave.step for wave in planned)["reminder-x"] == 6


def test_everything_that_is_written_is_in_the_plan(folder: Path) -> None:
    plan = read(
        folder,
        f"""\
{TOP}language: es
embargo: T-0
clock_change: {{skipped: earlier, doubled: second}}
target: {{email: office@example.com}}
untagged: [example.net]
hashtags: [One, Dos_3]
facts:
  signatures:
    value: 41
    source: https://example.org/
late: {{x: {{within: 5m, then: skip}}}}
steps:
  - id: alert
    channel: email
    segment: supporters
    message: email/alert
    at: T+1d 09:00 local
    embargo: 2018-05-23 06:00
    late: {{within: 1d, then: send}}
  - id: post
    channel: mastodon
    accounts: [national, north_west]
    message: post/launch
    at: 2018-05-22T10:00-04:00
    repeat: {{every: 1d, until: T+2d 12:00, count: 3}}
    visibility: unlisted
    repeat_text: true
  - {{id: short, channel: x, account: national, message: post/launch, at: T-2h, embargo: none}}
""",
    )
    supporters = Segment("supporters", tags_none=("partner",))
    assert plan.sender == Sender("smtp", "campaign@example.org", "Us", "1 Example Street")
    assert plan.clock_change == ClockChange(Skipped.EARLIER, Doubled.SECOND)
    assert plan.facts == {"signatures": DeclaredFact("signatures", "41", "https://example.org/", 18)}
    assert (plan.language, plan.target_email, plan.untagged) == ("es", "office@example.com", ("example.net",))
    assert (plan.hashtags, plan.segments) == (("One", "Dos_3"), {"supporters": supporters})
    assert (plan.letter, plan.messages) == (folder / "letter.md", folder / "messages")
    alert, post, short = plan.steps
    assert alert.at == Relative("T+1d 09:00 local", days=1, clock=time(9), local=True)
    assert (alert.segment, alert.accounts, alert.line) == (supporters, (), 23)
    assert alert.embargo == datetime(2018, 5, 23, 10, tzinfo=UTC)
    assert alert.late == Late(timedelta(days=1), "send")
    assert post.at == Absolute(datetime(2018, 5, 22, 14, tzinfo=UTC), "2018-05-22T10:00-04:00")
    until = Relative("T+2d 12:00", days=2, clock=time(12))
    assert post.repeat == Repeat(timedelta(days=1), until, 3)
    assert (post.accounts, post.visibility, post.repeat_text) == (("national", "north_west"), "unlisted", True)
    assert (post.embargo, post.late) == (plan.launch, Late(timedelta(minutes=10), "hold"))
    assert (short.embargo, short.late, short.segment) == (None, Late(timedelta(minutes=5), "skip"), None)


def test_an_email_may_be_two_hours_late_and_a_post_ten_minutes_unless_the_plan_says_otherwise(folder: Path) -> None:
    assert read(folder, with_step(MAIL)).steps[0].late == Late(timedelta(hours=2), "hold")
    assert read(folder, with_step(POST)).steps[0].late == Late(timedelta(minutes=10), "hold")


def test_a_plan_of_posts_needs_no_sender(folder: Path) -> None:
    text = with_step(POST).replace("sender:", "#")
    assert read(folder, text).sender is None


def test_the_launch_may_bring_its_own_offset(folder: Path) -> None:
    text = with_step(POST).replace("2018-05-22 09:00", "2018-05-22T09:00+02:00")
    assert read(folder, text).launch == datetime(2018, 5, 22, 7, tzinfo=UTC)


def test_an_alias_saves_writing(folder: Path) -> None:
    steps = f"  - {{id: a, <x>{POST[len('  - {id: a') :]}}}\n".replace("<x>, ", "late: &late {within: 3m}, ")
    steps += f"{POST.replace('id: a', 'id: b')}, late: *late}}\n"
    assert [step.late.within for step in read(folder, f"{TOP}steps:\n{steps}").steps] == [timedelta(minutes=3)] * 2


# ── what is said of a bad one ──


def test_everything_that_is_wrong_is_said_at_once_each_with_its_line_step_and_remedy(folder: Path) -> None:
    text = f"""\
{TOP}steps:
  - id: second-week
    channel: twitter
    message: post/lanch
    account: national
    at: T-1d 09:00
  - id: second-week
    channel: email
    mesage: email/alert
    segment: suporters
    at: soon
"""
    step = 'step "second-week"'
    forms = (
        "T-0, T+2h, T-1d 09:00, T+0d 18:30 local, 2018-05-22 09:00 (in the campaign's zone), "
        "2018-05-22T09:00-04:00, 2018-05-22T13:00Z, or after another step: its-name +2h"
    )
    early = 'at "T-1d 09:00" is 2018-05-21 13:00 UTC, before the plan\'s embargo ends at 2018-05-22 13:00 UTC'
    assert said(folder, text) == [
        f'schedules.yaml:13 {step}: channel "twitter" is not known; did you mean "x"?',
        f'schedules.yaml:14 {step}: message "post/lanch" is not there; did you mean "post/launch"?',
        f"schedules.yaml:16 {step}: {early}; move it, or say `embargo: none` in this step if it may leave before",
        f"schedules.yaml:17 {step}: message is missing; write it as in `message: post/launch`",
        f"schedules.yaml:17 {step}: the id is taken by the step in line 12; give each step its own id",
        f'schedules.yaml:19 {step}: the key "mesage" is not known here; did you mean "message"?',
        f'schedules.yaml:20 {step}: segment "suporters" is not known; did you mean "supporters"?',
        f'schedules.yaml:21 {step}: at "soon" is not a time; write {forms}',
    ]


@pytest.mark.parametrize(
    ("written", "instead", "complaint"),
    [
        ("campaign: a-letter", "campaign: A Letter", 'campaign "A Letter" is not a name as used here'),
        ("campaign: a-letter", "", ":2: campaign is missing; write it as in `campaign: amazon-face-recognition`"),
        ("title: A letter", "title:", ":2: title is empty; write a value, or remove the key"),
        ("title: A letter", 'title: " "', ':2: title "" is empty'),
        ("title: A letter", 'title: "a\\nb"', "holds a line break or a control character"),
        ("title: A letter", f"title: {'a' * 301}", "is longer than 300 characters"),
        ("title: A letter", "title: [a]", ":2: title must be text"),
        ("letter.md", "lettre.md", ':4: letter "lettre.md" is not there'),
        ("2018-05-22 09:00", "T-0", ':5: launch "T-0" is not a date and time of its own'),
        ("2018-05-22 09:00", "2018-05-22", ':5: launch "2018-05-22" is not a time'),
        ("2018-05-22 09:00", "2018-03-11 02:30", "does not exist in America/New_York, where clocks go forward then"),
        ("2018-05-22 09:00", "2018-11-04 01:30", "comes twice in America/New_York, where clocks go back then"),
        ("America/New_York", "New York", ':6: zone "New York" is not known; did you mean "America/New_York"?'),
        ("America/New_York", "EDT", 'did you mean "America/New_York"?'),
        ("America/New_York", "Amerca/New_York", 'did you mean "America/New_York"?'),
        ("America/New_York", "localtime", "write a name of the IANA time zone database"),
        ("via: smtp", "via: sendgird", ':7 sender: via "sendgird" is not known; did you mean "sendgrid"?'),
        ("campaign@example.org", "campaign", 'sender: address "campaign" is not an e-mail address'),
        ("campaign@example.org", "a@b@example.org", "is not an e-mail address"),
        (', postal_address: "1 Example Street"', "", ":7 sender: postal_address is missing"),
        ("https://act.example.org/", "act.example.org", ':8 links: action "act.example.org" is not a link'),
        ("https://act.example.org/", "javascript:alert(1)", "is not a link; write it as your browser shows it"),
        ("https://act.example.org/", '"https://[example.org/"', "is not a link"),
        ("action: https://act.example.org/, ", "", ":8: links lacks action; add `action: https://…`"),
        ("links: {action", 'links: {"my link": https://example.org/, action', ':8 links: "my link" is not a name'),
        (
            "tags_none: [partner]",
            "tags_none: partner",
            'tags_none "partner" must be a list; write `tags_none: [partner]`',
        ),
        ("tags_none: [partner]", "tags: [partner]", ':10 segment "supporters": the key "tags" is not known here'),
        ("tags_none: [partner]", "tags_none: [a], tags_all: [a]", "so nobody can be in this segment; remove one"),
        ("tags_none: [partner]", "acted: yes", 'segment "supporters": acted "yes" is neither true nor false'),
        ("tags_none: [partner]", "countries: [us]", 'countries "us" is not a country'),
        ("{tags_none: [partner]}", "", "segments: supporters is empty; write `supporters: {}` if it is everybody"),
        (
            "title: A letter",
            "title: A\nlate: {twitter: {within: 5m}}",
            'the key "twitter" is not known here; did you mean "x"',
        ),
        (
            "title: A letter",
            "title: A\nlate: {x: {within: 2 hours}}",
            'within "2 hours" is not a length of time; write 10m',
        ),
        ("title: A letter", "title: A\nembargo: T-0 local", 'embargo "T-0 local" says local without a time of day'),
        ("title: A letter", "title: A\nembargo: T-1d 09:00 local", "an embargo ends for everybody at once"),
        ("title: A letter", 'title: A\nhashtags: ["#A"]', 'hashtags "#A" is not a hashtag'),
        ("title: A letter", "title: A\nuntagged: [https://a.org]", 'untagged "https://a.org" is not a host name'),
        (
            "title: A letter",
            "title: A\nfacts: {a: Amazon}",
            "facts: a must hold keys with values; write it as in `a: {value",
        ),
        (
            "title: A letter",
            "title: A\nfacts: {a: {value: b}}",
            'fact "a": source is missing; write it as in `source: http',
        ),
        ("title: A letter", "title: A\nfacts: {a-b: {value: b, source: c}}", 'facts: "a-b" is not a name as used here'),
        ("title: A letter", "title: A\nfacts: {a: {value: b, source: c, url: d}}", 'did you mean "source"?'),
        ("title: A letter", "title: A\nlanguage: english", 'language "english" is not a language'),
        ("title: A letter", "title: A\nclock_change: {skipped: last}", 'skipped "last" is not known; '),
        ("title: A letter", "title: A\ntitle: B", ':3: "title" is given twice; it stands in line 2 too'),
        ("title: A letter", "title: A\ntilte: B", ':3: the key "tilte" is not known here; did you mean "title"?'),
    ],
)
def test_a_mistake_at_the_top_is_named_with_its_remedy(
    folder: Path, written: str, instead: str, complaint: str
) -> None:
    problems = said(folder, with_step(POST).replace(written, instead, 1))
    assert complaint in "\n".join(problems)
    assert len(problems) <= 2


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        (f"{POST}, segment: supporters", "segment is for e-mail, and this step posts on x"),
        (POST.replace("account: national, ", ""), "account is missing: it says which account posts"),
        (f"{POST}, accounts: [b]", "both account and accounts are given; keep one of them"),
        (POST.replace("account: national", "accounts: [b, b]"), "accounts names one account twice"),
        (POST.replace("account: national", "accounts: []"), "accounts holds nothing"),
        (POST.replace("national", "New York"), 'account "New York" is not a name as used here'),
        (POST.replace("post/launch", "email/alert"), 'message "email/alert" does not fit the channel x'),
        (
            POST.replace("post/launch", "post/thanks"),
            'message "post/thanks" is not there; make the file messages/post/',
        ),
        (POST.replace("post/launch", "post/../../x"), 'message "post/../../x" is not a message'),
        (POST.replace("id: a", "id: A b"), 'step "A b": id "A b" is not a name as used here'),
        (POST.replace("id: a, ", ""), "step 1: id is missing; write it as in `id: launch-x`"),
        (POST.replace("T-0", "T+0d 09:00 local"), "at is by local time, and a post is for everybody at once"),
        (POST.replace("T-0", "T-0 09:00"), "count whole days, as in T+0d 09:00, or leave the time of day out"),
        (POST.replace("T-0", "2018-11-04 01:30"), "write 2018-11-04T01:30-04:00 or 2018-11-04T01:30-05:00"),
        (f"{POST}, visibility: private", "visibility is for mastodon, and this step posts on x"),
        (f"{POST}, embargo: T+1h", "before its embargo ends at 2018-05-22 14:00 UTC; move it, or say `embargo: none`"),
        (f"{POST}, embargo: 2018-03-11 02:30", 'embargo "2018-03-11 02:30" does not exist in America/New_York'),
        (f"{POST}, repeat: {{every: 1d}}", "repeat never stops; add `until: T+6d 12:00` or `count: 5`"),
        (f"{POST}, repeat: {{every: 4m, count: 2}}", "repeat comes more often than every 5 minutes"),
        (f"{POST}, repeat: {{every: 1d, count: 1001}}", 'count "1001" must be at most 1000'),
        (f"{POST}, repeat: {{every: 1d, count: many}}", 'count "many" is not a whole number'),
        (f"{POST}, repeat: {{every: 5m, until: T+4d}}", "repeat comes more than 1000 times"),
        (f"{POST}, repeat: {{every: 1d, until: T-1d}}", 'repeat ends at "T-1d", before the step begins at "T-0"'),
        (f"{POST}, repeat: {{every: 1d, until: T+2d 09:00 local}}", "until is by local time and at is not"),
        (f"{POST}, repeat: 1d", "repeat must hold keys with values; write it as in `repeat: {every: 1d, until: T+6d"),
        (f"{POST}, late: {{within: 5m, then: drop}}", 'then "drop" is not known; write send, hold or skip'),
        (f"{POST}, att: T-0", 'the key "att" is not known here; did you mean "at"?'),
        (MAIL.replace("segment: supporters, ", ""), "segment is missing: it says who gets the e-mail; add `segment:`"),
        (f"{MAIL}, account: national", "account is for posts, and this step sends e-mail; remove account"),
        (MAIL.replace("email/alert", "email/alrt"), 'message "email/alrt" is not there; did you mean "email/alert"?'),
        (MAIL.replace("email/alert", "email/thanks-a-lot"), "make the folder messages/email/thanks-a-lot/"),
        (MAIL.replace("supporters", "nobody"), 'segment "nobody" is not known; the segments are supporters'),
        (
            f"{MAIL}, repeat: {{every: 1h, count: 2}}".replace("T-0", "T+0d 09:00 local"),
            "repeat is not in whole days, and the step goes by local time",
        ),
        (
            f"{MAIL}, repeat: {{every: 1d, count: 26}}".replace("T-0", "T+0d 09:00 local"),
            "repeat comes more than 25 times by local time",
        ),
    ],
)
def test_a_mistake_in_a_step_is_named_with_its_line_and_remedy(folder: Path, step: str, complaint: str) -> None:
    (problem,) = said(folder, with_step(step))
    assert problem.startswith("schedules.yaml:12 step ")
    assert complaint in problem


def test_email_without_a_sender_is_named_once(folder: Path) -> None:
    steps = "\n".join(f"{MAIL.replace('id: a', f'id: a{number}')}}}" for number in range(3))
    text = f"{TOP}steps:\n{steps}\n".replace("sender:", "#")
    (problem,) = said(folder, text)
    assert problem == (
        'schedules.yaml:12 step "a0": sends e-mail, and the plan names no sender; '
        "add `sender:` with via, address, name and postal_address"
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "schedules.yaml: the file is empty"),
        ("- a\n- b\n", "schedules.yaml:1: the file must hold keys with values"),
        ("just text\n", "schedules.yaml:1: the file must hold keys with values"),
        (f"{TOP}steps: []\n", "schedules.yaml:11: steps holds nothing"),
        (f"{TOP}steps: {{a: b}}\n", "schedules.yaml:11: steps must be a list"),
        (f"{TOP}steps:\n", "schedules.yaml:11: steps is empty"),
        (f"{TOP}steps: [text]\n", 'schedules.yaml:11 step 1: steps "text" must hold keys with values'),
        (f"{TOP}steps: [null]\n", "schedules.yaml:11 step 1: steps must hold keys with values"),
        (f"{TOP}steps:\n\t- a\n", "schedules.yaml:12: the line is indented with a tab; indent with spaces"),
        (f"{TOP}steps: [{'{id: a}, ' * 10_001}]\n", "steps holds more than 10000"),
    ],
)
def test_a_file_of_another_shape_is_explained(folder: Path, text: str, complaint: str) -> None:
    assert complaint in "\n".join(said(folder, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.yaml: the file is not there; check the name"):
        load(tmp_path / "none.yaml")


def test_a_flood_of_mistakes_is_cut_short_and_says_so(folder: Path) -> None:
    steps = "\n".join(f"  - {{id: a{number}, chanel: x}}" for number in range(2000))
    problems = said(folder, f"{TOP}steps:\n{steps}\n")
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[0] == "schedules.yaml: only the first 500 problems are shown; mend these and look again"


def test_a_plan_cannot_hold_more_waves_than_can_be_looked_at(folder: Path) -> None:
    steps = "\n".join(
        f"{POST.replace('id: a', f'id: a{number}')}, repeat: {{every: 1h, count: 1000}}}}" for number in range(101)
    )
    (problem,) = said(folder, f"{TOP}steps:\n{steps}\n")
    assert problem.startswith('schedules.yaml:112 step "a100": with this step the plan has more than 100000 waves')
