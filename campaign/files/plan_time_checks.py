"""Whether the plan's times can be: the launch, embargoes, and repetitions that stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

from campaign.files.plan_draft import Draft
from campaign.files.plan_errors import Findings, Place
from campaign.files.plan_repeat import RepeatDocument
from campaign.files.plan_schema import PlanDocument, StepDocument
from campaign.files.plan_times import After, Anchor, Calendar, NotAnchored, NotATime, Written, hang
from campaign.flow.cron import times as cron_times
from campaign.flow.schedule import MAX_REPETITIONS, instant
from campaign.flow.wall_clock import shown
from campaign.model.plan import ClockChange, Cron, Relative, Repeat, When

MAX_WAVES = 100_000
"""Most waves of a plan in all."""
MIN_EVERY = timedelta(minutes=5)

# Earth's zones have some forty different offsets from UTC, so a step by local time makes about so many waves.
_LOCAL_WAVES = 40
_DAY = timedelta(days=1)
_T_0 = Relative(written="T-0")


@dataclass(frozen=True, slots=True)
class LaunchCalendar:
    """What the plan's times are hung on, as soon as the first three can be read. ``anchors`` are the steps that other
    steps are hung on."""

    launch: datetime
    zone: str
    clock_change: ClockChange
    anchors: dict[str, Anchor] = field(default_factory=dict)


def calendar_of(top: Draft[PlanDocument], findings: Findings) -> LaunchCalendar | None:
    """None where launch, zone or clock change cannot be used, which is then reported."""
    if not top.has("launch", "zone", "clock_change"):
        return None
    document = top.document
    change = ClockChange(skipped=document.clock_change.skipped, doubled=document.clock_change.doubled)
    in_zone = LaunchCalendar(launch=datetime.min.replace(tzinfo=UTC), zone=document.zone, clock_change=change)
    launch = _hung(document.launch, in_zone, findings, ("launch",))
    return LaunchCalendar(instant(launch, plan=in_zone)[0], document.zone, change) if launch else None


def embargo_of(written: Written | str | None, calendar: Calendar) -> datetime | None:
    """The floor in UTC, T-0 where nothing is written, None for ``none``. Raises NotATime."""
    if isinstance(written, str):
        return None
    if isinstance(written, After):
        raise NotATime("hangs on another step, and an embargo is a floor for steps", "hang it on T-0 or on a date")
    when = hang(written or _T_0, calendar)
    if is_local(when):
        raise NotATime("is by local time, and an embargo ends for everybody at once", "leave out local")
    return instant(when, plan=calendar)[0]


def repeat_of(document: RepeatDocument, until: When | None) -> Repeat:
    """``until`` is the document's own, hung on what it hangs on."""
    return Repeat(document.every or timedelta(0), until, document.count, document.cron)


def is_local(when: When | None) -> bool:
    return isinstance(when, Relative) and when.local


class TimeChecks:
    """One check after another on each step; it counts the waves of all."""

    def __init__(self, top: Draft[PlanDocument], calendar: Calendar, findings: Findings) -> None:
        self._calendar = calendar
        self._findings = findings
        self._waves = 0
        self._embargo_known = top.has("embargo")
        self._embargo: datetime | None = None
        if self._embargo_known:
            self._embargo_known, self._embargo = self._floor(("embargo",), top.document.embargo)

    def check(self, index: int, step: Draft[StepDocument]) -> None:
        document = step.document
        at = self._when(("steps", index, "at"), document.at) if step.has("at") else None
        if step.has("embargo"):
            self._check_floor(index, document, at)
        times: int | None = 1
        if step.has("repeat") and document.repeat is not None:
            times = self._repetitions(index, document.repeat, at)
        if times is not None:
            tested = document.ab_test if step.has("ab_test") else None
            self._count(index, times * (len(tested.arms) + 1 if tested else 1), local=is_local(at))

    def _when(self, place: Place, written: Written) -> When | None:
        return _hung(written, self._calendar, self._findings, place)

    def _floor(self, place: Place, written: Written | str | None) -> tuple[bool, datetime | None]:
        """Whether it can be used, and the floor."""
        try:
            return True, embargo_of(written, self._calendar)
        except NotATime as error:
            self._findings.add(place, f'embargo "{self._findings.written(place)}" {error.what}', error.remedy)
            return False, None

    def _check_floor(self, index: int, document: StepDocument, at: When | None) -> None:
        known, floor, whose = self._embargo_known, self._embargo, "the plan's embargo"
        if document.embargo is not None:
            known, floor = self._floor(("steps", index, "embargo"), document.embargo)
            whose = "its embargo"
        if not known or floor is None or at is None or is_local(at):
            return  # a step by local time is moved behind its embargo zone by zone, see flow.schedule
        first = instant(at, plan=self._calendar)[0]
        if first < floor:
            what = f'at "{at.written}" is {first:%Y-%m-%d %H:%M} UTC, before {whose} ends at {floor:%Y-%m-%d %H:%M} UTC'
            remedy = "move it, or say `embargo: none` in this step if it may leave before"
            self._findings.add(("steps", index, "at"), what, remedy)

    def _repetitions(self, index: int, repeat: RepeatDocument, at: When | None) -> int | None:
        """How often it comes at most; None where that was found wrong, or cannot be said."""
        until = self._when(("steps", index, "repeat", "until"), repeat.until) if repeat.until else None
        wrong = tuple(_wrong_repeat(repeat, at, until))
        for what, remedy in wrong:
            self._findings.add(("steps", index, "repeat"), what, remedy)
        if wrong or at is None or (repeat.until and until is None):
            return None
        times = repeat.count or MAX_REPETITIONS + 1
        begins = instant(at, plan=self._calendar)[0]
        ends = instant(until, plan=self._calendar)[0] if until else None
        if repeat.cron:
            walls = _walls(
                repeat.cron, times, *(shown(one, self._calendar.zone) if one else None for one in (begins, ends))
            )
            if any(second - first < MIN_EVERY for first, second in pairwise(walls)):
                what = f'cron "{repeat.cron.written}" comes more often than every 5 minutes'
                self._findings.add(("steps", index, "repeat", "cron"), what, "name fewer minutes")
                return None
            if not walls:
                what = f'cron "{repeat.cron.written}" never comes between at "{at.written}" and its end'
                remedy = "end it later, or mend the expression: minute hour day month weekday"
                self._findings.add(("steps", index, "repeat", "cron"), what, remedy)
                return None
            times = len(walls)
        elif ends and repeat.every:
            times = min(times, (ends - begins) // repeat.every + 1)
        if unfit := _wrong_times(times, at, until):
            self._findings.add(("steps", index, "repeat"), *unfit)
            return None
        return times

    def _count(self, index: int, times: int, *, local: bool) -> None:
        before = self._waves
        self._waves += times * (_LOCAL_WAVES if local else 1)
        if before <= MAX_WAVES < self._waves:
            what = f"with this step the plan has more than {MAX_WAVES} waves"
            self._findings.add(("steps", index), what, "divide it into several campaigns")


def _walls(cron: Cron, most: int, begins: datetime | None, ends: datetime | None) -> list[datetime]:
    """The times that it comes, as clocks show them: as many as matter."""
    assert begins is not None  # noqa: S101 - for the type: it is the step's own time
    found = islice(cron_times(cron, begins), most)
    return [wall for wall in found if ends is None or wall <= ends]


def _wrong_repeat(repeat: RepeatDocument, at: When | None, until: When | None) -> Iterator[tuple[str, str]]:
    if (repeat.every is None) == (repeat.cron is None):
        what = "says neither how often" if repeat.every is None else "gives both every and cron"
        yield f"repeat {what}", 'write `every: 1d` or `cron: "0 9 * * 1-5"`'
    elif repeat.every is None:
        pass  # how often cron comes is seen in its times
    elif repeat.every < MIN_EVERY:
        yield "repeat comes more often than every 5 minutes", "write `every: 5m` or longer"
    elif is_local(at) and repeat.every % _DAY:
        remedy = "write whole days, such as `every: 1d`, or leave out local"
        yield "repeat is not in whole days, and the step goes by local time", remedy
    if repeat.until is None and repeat.count is None:
        yield "repeat never stops", "add `until: T+6d 12:00` or `count: 5`"
    if at is not None and is_local(until) and not is_local(at):
        yield "until is by local time and at is not", "leave out local"


def _wrong_times(times: int, at: When, until: When | None) -> tuple[str, str] | None:
    if until and times < 1:
        return f'repeat ends at "{until.written}", before the step begins at "{at.written}"', "move `until` after `at`"
    most = MAX_REPETITIONS // (_LOCAL_WAVES if is_local(at) else 1)
    if times > most:
        why = " by local time" if is_local(at) else ""
        return f"repeat comes more than {most} times{why}", "end it earlier, or come less often"
    return None


def _hung(written: Written, calendar: Calendar, findings: Findings, place: Place) -> When | None:
    try:
        return hang(written, calendar)
    except NotAnchored:
        return None  # said where the other step was looked for, or where its time stands
    except NotATime as error:
        findings.add(place, f'{place[-1]} "{findings.written(place)}" {error.what}', error.remedy)
        return None
