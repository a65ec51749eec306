"""schedules.yaml, read into the model or refused with everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from campaign.errors import BadInput, Problem
from campaign.files.plan_ab_test import ab_test_of
from campaign.files.plan_anchors import anchor
from campaign.files.plan_breakers import limits_of
from campaign.files.plan_caps import domain_rates_of, frequency_of
from campaign.files.plan_checks import check
from campaign.files.plan_conditions import when_of
from campaign.files.plan_draft import read_draft
from campaign.files.plan_errors import MAX_PROBLEMS, Findings
from campaign.files.plan_late import LateDocument
from campaign.files.plan_pacing import portions_of, ramp_of
from campaign.files.plan_quiet import quiet_of
from campaign.files.plan_schema import PlanDocument, SegmentDocument, StepDocument
from campaign.files.plan_time_checks import LaunchCalendar, calendar_of, embargo_of, repeat_of
from campaign.files.plan_times import hang
from campaign.files.yaml_positions import compose, plain, read_text
from campaign.model.plan import AHEAD, EMAIL, AbTest, Channel, DeclaredFact, Late, Plan, Sender, Step
from campaign.model.segment import Segment


def default_late(channel: Channel) -> Late:
    """Where the plan says nothing. A post is made for its moment; an e-mail is read when it is read."""
    return Late(within=timedelta(hours=2) if channel == EMAIL else timedelta(minutes=10), then="hold")


def load(path: Path) -> Plan:
    """The plan in ``path``; its letter and messages/ are looked for beside it.

    Raises BadInput with every problem that can be found, each with its line, its step and a remedy.
    """
    file = str(path)
    root, problems = compose(read_text(path), file)
    if not isinstance(root.value, dict):
        what, remedy = "the file must hold keys with values", "begin with a line such as `campaign: my-letter`"
        raise BadInput([*problems, Problem(file, root.line, "", what, remedy)])
    findings = Findings(file, root)
    draft = read_draft(plain(root), findings)
    calendar = calendar_of(draft.top, findings)
    if calendar is not None:
        anchor(draft, calendar, findings)
    check(draft, calendar, path.parent, findings)
    if problems or findings.problems or calendar is None:
        raise BadInput(_at_most([*problems, *findings.problems], file))
    return _plan(path, draft.top.document, calendar, findings)


def _at_most(problems: list[Problem], file: str) -> list[Problem]:
    if len(problems) <= MAX_PROBLEMS:
        return problems
    more = Problem(file, 0, "", f"only the first {MAX_PROBLEMS} problems are shown", "mend these and look again")
    return [more, *sorted(problems)[:MAX_PROBLEMS]]


# ── the model ──


def _plan(path: Path, document: PlanDocument, calendar: LaunchCalendar, findings: Findings) -> Plan:
    segments = {name: _segment(name, segment) for name, segment in document.segments.items()}
    return Plan(
        path=path,
        campaign=document.campaign,
        title=document.title,
        organisation=document.organisation,
        launch=calendar.launch,
        zone=document.zone,
        language=document.language,
        letter=path.parent / document.letter,
        messages=path.parent / "messages",
        sender=_sender(document),
        links=document.links,
        untagged=tuple(document.untagged),
        hashtags=tuple(document.hashtags),
        facts={
            name: DeclaredFact(name, fact.value, fact.source, findings.line(("facts", name)))
            for name, fact in document.facts.items()
        },
        segments=segments,
        clock_change=calendar.clock_change,
        steps=tuple(
            _step(
                step, document, calendar, segments, findings.line(("steps", index)), _ab_test(index, document, findings)
            )
            for index, step in enumerate(document.steps)
        ),
        target_email=document.target.email if document.target else "",
        handles=document.accounts.handles(),
        longest=document.accounts.longest(),
        author=document.author or "",
        launch_written=str(findings.written(("launch",))),
        breakers=limits_of(
            document.breakers,
            {step.id: (step.channel == EMAIL, step.breakers) for step in document.steps if step.breakers is not None},
        ),
        rates=document.rates,
        domain_rates=domain_rates_of(document.domain_rates),
        frequency=frequency_of(document.frequency),
    )


def _ab_test(index: int, document: PlanDocument, findings: Findings) -> AbTest | None:
    step = document.steps[index]
    if step.ab_test is None:
        return None
    arms = ("steps", index, "ab_test", "arms")
    return ab_test_of(
        step.ab_test,
        step=step.id,
        message=step.message,
        campaign=document.campaign,
        file=findings.file,
        line=lambda place: findings.line((*arms, *place)),
    )


def _step(
    step: StepDocument,
    document: PlanDocument,
    calendar: LaunchCalendar,
    segments: Mapping[str, Segment],
    line: int,
    ab_test: AbTest | None,
) -> Step:
    repeat = step.repeat
    return Step(
        id=step.id,
        channel=step.channel,
        message=step.message,
        at=hang(step.at, calendar),
        late=_late(step.late) or _late(document.late.of(step.channel)) or default_late(step.channel),
        line=line,
        segment=segments[step.segment] if step.segment else None,
        accounts=tuple(step.accounts or ([step.account] if step.account else [])),
        repeat=repeat_of(repeat, hang(repeat.until, calendar) if repeat.until else None) if repeat else None,
        embargo=embargo_of(step.embargo if step.embargo is not None else document.embargo, calendar),
        visibility=step.visibility or "public",
        thread=step.thread or "whole",
        repeat_text=bool(step.repeat_text),
        hand_off=step.hand_off or "direct",
        ahead=step.ahead or AHEAD,
        ab_test=ab_test,
        after=step.after,
        when=when_of(step.when),
        approvers=step.approvers or document.approvers,
        quiet=quiet_of(document.quiet, channel=step.channel, own=step.quiet),
        portions=portions_of(step.waves, campaign=document.campaign, step=step.id),
        ramp=ramp_of(step.ramp, campaign=document.campaign, step=step.id),
        rate=step.rate,
        domain_rates=domain_rates_of(step.domain_rates),
        exempt=step.frequency == "exempt",
    )


def _late(late: LateDocument | None) -> Late | None:
    return Late(within=late.within, then=late.then) if late else None


def _sender(document: PlanDocument) -> Sender | None:
    sender = document.sender
    if sender is None:
        return None
    return Sender(
        via=sender.via,
        address=sender.address,
        name=sender.name,
        postal_address=sender.postal_address,
        reply_to=sender.reply_to or "",
    )


def _segment(name: str, segment: SegmentDocument) -> Segment:
    return Segment(
        name=name,
        tags_all=tuple(segment.tags_all),
        tags_any=tuple(segment.tags_any),
        tags_none=tuple(segment.tags_none),
        languages=tuple(segment.languages),
        countries=tuple(segment.countries),
        regions=tuple(segment.regions),
        acted=segment.acted,
    )
