"""What a person is shown of a batch in doubt: what is known of it, and what either answer would do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from textwrap import fill
from typing import TYPE_CHECKING

from campaign.cli import screen

if TYPE_CHECKING:
    from campaign.model.plan import Plan
    from campaign.model.resolution import Question, Resolution
    from campaign.ports.channel import MailChannel, PostChannel, Settling
    from campaign.storage.ledger import SqlLedger

_SHOWN = 70
_HEAD = 18
_NARROW = 60
_LONG = timedelta(days=2)
_NAMES = {"sendgrid": "SendGrid", "smtp": "SMTP", "x": "X", "bluesky": "Bluesky", "mastodon": "Mastodon"}


@dataclass(frozen=True, slots=True)
class Case:
    """A question with what its screen needs: ``shows`` are the first lines of the posts, ``arrived`` how many of
    its step's other messages a provider has told of since, ``again`` what becomes of it where it was not sent."""

    question: Question
    provider: str
    settles: Settling
    plan: Plan
    shows: Sequence[str]
    arrived: int
    again: str
    waits: bool

    @property
    def name(self) -> str:
        return f"batch {self.question.batch_id}"

    @property
    def number(self) -> str:
        question = self.question
        if question.account:
            return screen.counted(len(question.seqs), "post")
        return screen.counted(len(question.seqs), "person", "people")


def moment(ledger: SqlLedger) -> datetime:
    """Now; of a rehearsal, whose clock is its own, when nothing of it was to be waited for any more."""
    from campaign.engines.clock import SystemClock
    from campaign.flow import resolve

    now = SystemClock().now()
    if ledger.world != "rehearsal":
        return now
    return max([now, *(question.since + resolve.PATIENCE for question in ledger.questions(now=now))])


def cases(ledger: SqlLedger, questions: Sequence[Question], now: datetime) -> list[Case]:
    from campaign.bootstrap import channels
    from campaign.flow import resolve
    from campaign.model.delivery import TAKEN, State

    found = []
    waves = {step: ledger.waves(step=step) for step in {one.wave.step for one in questions}}
    readers: dict[str, MailChannel | PostChannel] = {}
    for question in questions:
        wave = question.wave
        plan = ledger.bundle(wave.digest).plan
        provider = plan.sender.via if wave.channel == "email" and plan.sender else wave.channel
        reader = readers.setdefault(provider, channels.reader(provider))
        found.append(
            Case(
                question=question,
                provider=_NAMES.get(provider, provider),
                settles=reader.settles,
                plan=plan,
                shows=_posts(ledger, question, reader) if question.account else (),
                arrived=sum(one.counts.get(state, 0) for one in waves[wave.step] for state in TAKEN - {State.ACCEPTED}),
                again=resolve.goes_out_again(question, now),
                waits=resolve.waits_for_a_person(question, reader.settles, now),
            )
        )
    return found


def _posts(ledger: SqlLedger, question: Question, reader: MailChannel | PostChannel) -> Sequence[str]:
    from campaign.model.delivery import DeliveryId

    texts = []
    for seq in question.seqs:
        kept = ledger.handed_over(DeliveryId(question.wave.id, seq))
        text = reader.shows(kept.payload, 0).text if kept else ""
        line = " ".join(text.split())
        texts.append(line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…")
    return texts


def show(case: Case, now: datetime) -> None:
    question = case.question
    zone = case.plan.zone
    via = f"e-mail by {case.provider}" if not question.account else f"{case.provider}, account {question.account}"
    screen.out.print()
    screen.out.print(f"{case.name}  {question.wave.name}: {via}, {case.number}", style="bold", soft_wrap=True)
    for head, text in _lines(case, zone, now):
        line = f"  {head:<{_HEAD}}{text}"
        screen.out.print(
            fill(line, max(_NARROW, screen.out.width), subsequent_indent=" " * (_HEAD + 2)), soft_wrap=True
        )


def _lines(case: Case, zone: str, now: datetime) -> Iterator[tuple[str, str]]:
    question = case.question
    if question.people:
        yield "such as", "supporters " + ", ".join(map(str, question.people))
    for place, text in enumerate(case.shows):
        yield f"part {question.seqs[place] - question.first_seq + 1}", text
    since = screen.local(question.since.replace(microsecond=0), zone)
    yield "in doubt since", f"{since}, {_ago(now - question.since)}"
    yield "because", question.why or "nobody said why"
    if question.attempts > 1:
        yield "tried", f"{question.attempts} times in all"
    yield "settling", _settling(case, zone, now)
    if question.wave.channel == "email":
        yield "events", _events(case)
    yield "if it was sent", _if_sent(case)
    yield "if it was not", _if_not(case)


def _ago(span: timedelta) -> str:
    if span > _LONG:
        return f"{span.days:,} days ago"
    return f"{screen.length(timedelta(minutes=max(1, int(span.total_seconds()) // 60)))} ago"


def _settling(case: Case, zone: str, now: datetime) -> str:
    question = case.question
    if question.held_until is not None:
        instant = screen.local(question.held_until, zone)
        return f"{case.provider} may hold it until {instant}; `campaign run` takes it back and finds out: wait"
    match case.settles.by:
        case "nobody":
            return "only a person can tell: the server gives no second answer. Its own log knows"
        case "events":
            wait = "" if case.waits else "; most come within minutes, so wait for an hour before you say anything"
            return f"only an event of {case.provider} can tell{wait}"
        case _:
            looked = _ago(now - question.looked_at)
            return (
                f"`campaign run` asks {case.provider} again while it runs, at first every few seconds and then "
                f"every five minutes; last found {looked}"
            )


def _events(case: Case) -> str:
    if not case.arrived:
        return "none of this step has come; is the webhook set up? See `campaign doctor`"
    return f"none of this batch; of the step's others {case.arrived:,} are known to have got through or bounced"


def _if_sent(case: Case) -> str:
    if case.question.account:
        return "it counts as posted; parts behind those whose addresses you give go out as replies to them"
    return "all of it counts as accepted, and nobody in it gets it again"


def _if_not(case: Case) -> str:
    question = case.question
    what = "this goes out AGAIN, also to whoever has it already"
    if question.account:
        what = "this is posted AGAIN, also if it stands already"
    match case.again:
        case "at once":
            return f"{what}: at once, if `campaign run` is running"
        case "held":
            step = question.wave.step
            return f"{what}, but it is too late by its step: held until `campaign approve --release {step}`"
        case "missed":
            return (
                f"too late by its step, so it is missed and goes out no more, unless you say "
                f"`campaign top-up {question.wave.step}`"
            )
        case _:
            return "its wave was cancelled, so it goes out no more"


def show_resolutions(told: Sequence[Resolution]) -> None:
    """What people have said that turned out to be wrong."""
    for one in told:
        if one.corrected_at is not None:
            screen.say(
                "WARNING: ",
                f"{one.step}#{one.wave}, batch {one.batch_id}: on {one.at:%d %b %Y at %H:%M} UTC {one.by} said that it "
                f"was not sent, and it was ({one.evidence}). Some of its {one.number:,} messages may have gone out "
                "twice: see `campaign log`.",
            )


def as_json(case: Case) -> Mapping[str, object]:
    question = case.question
    return {
        "batch": question.batch_id,
        "step": question.wave.step,
        "wave": question.wave.number,
        "channel": question.wave.channel,
        "provider": case.provider,
        "account": question.account,
        "messages": len(question.seqs),
        "supporters": question.people,
        "posts": case.shows,
        "began_at": question.began_at,
        "in_doubt_since": question.since,
        "looked_at": question.looked_at,
        "why": question.why,
        "attempts": question.attempts,
        "settled_by": case.settles.by,
        "held_until": question.held_until,
        "others_told_of": case.arrived,
        "waits_for_a_person": case.waits,
        "if_not_sent": case.again,
    }


def point_to(ledger: SqlLedger, now: datetime) -> None:
    """Where something is in doubt that waits for a person, or a person was wrong, say so and where to go on."""
    waiting = [case for case in cases(ledger, ledger.questions(now=now), now) if case.waits]
    if waiting:
        number = screen.counted(sum(len(case.question.seqs) for case in waiting), "message")
        screen.say("In doubt: ", f"{number}, and only a person can say. See: campaign resolve", style="yellow")
    show_resolutions(ledger.resolutions())
