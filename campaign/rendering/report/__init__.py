"""The report as one page of HTML: no script, nothing from anywhere else, and no style but the one that its own
Content-Security-Policy names by its hash. So it can be mailed, kept and printed, and asks nobody for anything."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from campaign.model.price import in_usd
from campaign.model.report import Part, Reactions, Report, StepReport
from campaign.rendering.report import plots, words

_HERE = Path(__file__).parent
STYLE = (_HERE / "style.css").read_text(encoding="utf-8")
STYLE_HASH = "sha256-" + b64encode(sha256(STYLE.encode()).digest()).decode()
_ON_TIME = timedelta(seconds=1)
_CARDS = 12
"""E-mail steps that have a drawing of what came after; the table has all."""
_TOLD = 3
"""Reasons that the summary tells."""

_templates = Environment(
    loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def page(report: Report) -> str:
    """``report`` as a whole HTML document."""
    instants = [wave.due_at for step in report.steps for wave in step.waves]
    instants += [wave.ended_at for step in report.steps for wave in step.waves if wave.ended_at]
    axis = plots.Axis.around(instants, report.launch)
    mails = [step for step in report.steps if step.is_mail]
    return _templates.get_template(
        "page.html"
    ).render(
        r=report,
        style=Markup(STYLE),  # noqa: S704 - a file of ours, and named by its hash
        style_hash=STYLE_HASH,
        brief=summary(report),
        parts=[part for part in Part if report.number(part)],
        every_part=list(Part),
        mails=mails,
        mail_sum=_mail_sum(mails),
        cards=mails[:_CARDS],
        post_steps=[step for step in report.steps if not step.is_mail and step.posts],
        axis=axis,
        lanes=plots.lanes(report.steps, axis, report.zone),
        stacks=plots.stacks(report.steps),
        columns=plots.columns(report.hours, report.launch),
        lines=plots.lines(report.applause, report.launch),
        plots=plots,
        w=words,
        at=partial(words.element, zone=report.zone),
        usd=in_usd,
        late=late,
        Part=Part,
    )


def late(step: StepReport) -> str:
    """``on time``, ``+12m``; how its waves stand where none has begun."""
    if step.late_by is None:
        return step.stands
    return "on time" if step.late_by <= _ON_TIME else f"+{words.length(step.late_by)}"


def _mail_sum(mails: Sequence[StepReport]) -> Reactions:
    found = Reactions()
    for step in mails:
        found = found.plus(step.reactions)
    return found


# ── what a reader has to know first ──


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures and sentences on top. ``mail`` and ``posts`` are what was accepted of each; ``terms`` are those of
    the sum that makes up what was planned."""

    mail: int
    mail_planned: int
    posts: int
    posts_planned: int
    networks: str
    after: Reactions
    doubt: int
    failed: int
    cost: int
    terms: Sequence[tuple[int, str]]
    lines: Sequence[tuple[str, str]]


def summary(report: Report) -> Summary:
    mails = [step for step in report.steps if step.is_mail]
    posts = [step for step in report.steps if not step.is_mail]
    networks = list(dict.fromkeys(words.network(step.channel) for step in posts))
    taken = sum(step.taken for step in report.steps)
    counted = (
        (taken, "accepted"),
        (report.number(Part.REFUSED), "refused"),
        (report.number(Part.SUPPRESSED), "suppressed"),
        (report.number(Part.IN_DOUBT), "in doubt"),
        (report.number(Part.MISSED), "missed or cancelled"),
        (report.number(Part.TO_SEND), "still to send"),
    )
    found = Summary(
        mail=sum(step.taken for step in mails),
        mail_planned=sum(step.planned for step in mails),
        posts=sum(step.posts for step in posts),
        posts_planned=sum(step.planned for step in posts),
        networks=_listed(networks),
        after=_mail_sum(mails),
        doubt=report.number(Part.IN_DOUBT),
        failed=report.number(Part.REFUSED, Part.BOUNCED, Part.MISSED),
        cost=sum(one.micro_usd for one in report.spent),
        terms=[(number, name) for number, name in counted if number or name in ("accepted", "refused", "in doubt")],
        lines=(),
    )
    return Summary(
        **{name: getattr(found, name) for name in Summary.__slots__ if name != "lines"}, lines=_lines(report, found)
    )


def _lines(report: Report, brief: Summary) -> list[tuple[str, str]]:
    mails = sum(step.is_mail for step in report.steps)
    told = [
        ("Went out", _went_out(report, brief, mails)),
        ("On time", _on_time(report.steps)),
        ("Not sent", _did_not(report)),
        ("In doubt", _doubt(brief.doubt)),
    ]
    if brief.mail:
        told.append(("People", _people(brief)))
    told.append(("Cost", _cost(report)))
    if report.open_in_all:
        told.append(
            ("Open", f"{words.counted(report.open_in_all, 'thing waits', 'things wait')} for somebody; see below.")
        )
    return told


def _went_out(report: Report, brief: Summary, mails: int) -> str:
    said = []
    if mails:
        said.append(f"{words.counted(brief.mail, 'e-mail')} in {words.counted(mails, 'step')}")
    if len(report.steps) > mails:
        on = f" on {brief.networks}" if brief.networks else ""
        said.append(f"{words.counted(brief.posts, 'post')}{on} in {words.counted(len(report.steps) - mails, 'step')}")
    begun = [step.began_at for step in report.steps if step.began_at]
    if not begun:
        return "Nothing has gone out yet."
    ends = [
        instant for step in report.steps for wave in step.waves for instant in (wave.ended_at, wave.began_at) if instant
    ]
    first, last = words.day(min(begun), report.zone), words.day(max(ends), report.zone)
    when = f"on {first}" if first == last else f"from {first} to {last}"
    return f"{' and '.join(said)}, {when}."


def _on_time(steps: Sequence[StepReport]) -> str:
    begun = [step for step in steps if step.late_by is not None]
    late_ones = [step for step in begun if step.late_by is not None and step.late_by > _ON_TIME]
    if not begun:
        return "Nothing has begun yet."
    if not late_ones:
        return f"All {words.counted(len(begun), 'step')} that went out began within a second of their instant."
    worst = max(late_ones, key=lambda step: step.late_by or timedelta(0))
    return (
        f"{len(begun) - len(late_ones):,} of {words.counted(len(begun), 'step')} began within a second of their "
        f"instant; the latest was {worst.step}, {words.length(worst.late_by or timedelta(0))} after it."
    )


def _did_not(report: Report) -> str:
    not_taken = report.planned - sum(step.taken for step in report.steps)
    waits = report.number(Part.TO_SEND, Part.IN_DOUBT)
    came_back = report.number(Part.BOUNCED)
    if not not_taken - waits and not came_back:
        return "Nothing failed."
    reasons: dict[str, int] = {}
    for one in report.reasons:
        if one.part is not Part.BOUNCED:
            reasons[f"{one.part.value}: {one.why}"] = reasons.get(f"{one.part.value}: {one.why}", 0) + one.number
    ranked = sorted(reasons.items(), key=lambda item: -item[1])
    said = f"{not_taken - waits:,} of {report.planned:,} planned did not go out"
    if ranked:
        first = "; ".join(f"{number:,} {why}" for why, number in ranked[:_TOLD])
        said += f" ({first}{'; …' if len(ranked) > _TOLD else ''})"
    if came_back:
        said += f". {came_back:,} came back after having been accepted"
    return f"{said}."


def _doubt(number: int) -> str:
    if not number:
        return "Nothing. Of every message it is known whether it was taken."
    lost = "may or may not have been sent: the answer was lost"
    return f"{number:,} {lost}. Nothing of it is sent again until somebody knows."


def _people(brief: Summary) -> str:
    after = brief.after
    return (
        f"{words.counted(after.opened, 'e-mail was', 'e-mails were')} opened by a person as far as that can be told, "
        f"{after.clicked:,} clicked ({words.share(after.clicked, brief.mail)}), {after.acted:,} followed by an action "
        f"({words.share(after.acted, brief.mail)}); {after.unsubscribed:,} led to an unsubscription."
    )


def _cost(report: Report) -> str:
    if not any(one.micro_usd for one in report.spent):
        return "Nothing was charged for posts. What e-mail costs is on its provider's bill."
    said = [
        f"{in_usd(one.micro_usd)} on {words.network(one.channel)}"
        + (f" of a budget of {in_usd(one.budget)}" if one.budget is not None else "")
        for one in report.spent
    ]
    return f"{_listed(said)}, for posting and for reading figures back. What e-mail costs is on its provider's bill."


def _listed(names: Sequence[str]) -> str:
    """``X, Bluesky and Mastodon``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""
