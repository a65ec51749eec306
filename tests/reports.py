"""Reports made up for tests of the page: of any number of steps, with everything in them that a page shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from campaign.model.media import Metrics
from campaign.model.report import (
    Applause,
    ArmReport,
    Happened,
    Hour,
    Open,
    Part,
    PostReport,
    Reactions,
    Reason,
    Report,
    Spent,
    StepReport,
    Tested,
    WaveTimes,
)
from tests.builders import T0

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
PARTS = {
    Part.DELIVERED: 900, Part.ACCEPTED: 41, Part.COMPLAINED: 1, Part.BOUNCED: 18, Part.REFUSED: 7, Part.SUPPRESSED: 25,
    Part.IN_DOUBT: 5, Part.MISSED: 2, Part.TO_SEND: 1,
}  # fmt: skip


def mail(name: str = "alert", place: int = 0, **changes: object) -> StepReport:
    due_at = T0 + place * HOUR
    made = StepReport(
        step=name, channel="email", accounts=(), stands="done",
        waves=[WaveTimes(due_at, due_at + SECOND / 10, due_at + HOUR)], late_by=SECOND / 10, planned=1_000,
        parts=PARTS, reactions=Reactions(opened=300, clicked=120, acted=80, unsubscribed=4),
        approved_by=("Jo Example",),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]  # names of StepReport's own fields


def post(name: str = "launch-x", place: int = 0, **changes: object) -> StepReport:
    due_at = T0 + place * HOUR
    made = StepReport(
        step=name, channel="x", accounts=("national", "seattle"), stands="done",
        waves=[WaveTimes(due_at, due_at, due_at + SECOND)], late_by=timedelta(0), planned=2, parts={Part.ACCEPTED: 2},
        posts=2, figures=Metrics(likes=12, reposts=3, replies=1, views=4_000), micro_usd=215_000,
        approved_by=("Jo Example",),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]  # names of StepReport's own fields


def report(*steps: StepReport, **changes: object) -> Report:
    made = Report(
        title="Example <campaign> & more", organisation="The Coalition", zone="America/New_York", launch=T0,
        world="live", made_at=T0 + 48 * HOUR, steps=steps or (mail(), post()),
        reasons=[Reason("alert", Part.REFUSED, "550 <b>unknown</b>", 7)],
        tests=[
            Tested(
                step="alert", did="clicked", words="b led a by 2.0 points (95%: -1.1 to 5.2)", chosen="b",
                chosen_by="Jo Example",
                arms=[ArmReport("a", 100, 4, 0.04, 0.016, 0.098), ArmReport("b", 100, 6, 0.06, 0.028, 0.125)],
            )
        ],
        posts=[
            PostReport(
                "launch-x", "x", "national", 1, T0, is_up=True, url="https://x.example.com/1", figures=Metrics(likes=9)
            )
        ],
        posts_in_all=1,
        applause=[Applause("x", T0 + HOUR, 5), Applause("x", T0 + 9 * HOUR, 16)],
        hours=[Hour(T0, opened=200, clicked=90), Hour(T0 + 5 * HOUR, opened=100, clicked=30)],
        spent=[Spent("x", 215_000, 5_000_000)],
        happened=[Happened(T0 - HOUR, "Jo Example", "approved alert, launch-x")], happened_in_all=1,
        open=[Open("alert", "5 e-mails in doubt: the answer was lost")], open_in_all=1,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]  # names of Report's own fields
