"""How a preflight's report is shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from campaign.cli import screen

if TYPE_CHECKING:
    from campaign.flow.preflight import Finding, Report

KINDS = (
    *("rendering", "blank", "placeholder", "link", "picture", "postal address", "unsubscribe", "one-click"),
    *("subject", "size", "duplicates"),
)
"""What is looked at in every step, in the words that findings use."""
_COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}


def show(report: Report, seconds: float) -> None:
    """One step: how many mails, what was found, and what was looked at and found to be right."""
    from rich.text import Text

    screen.out.print(Text.assemble((report.step, "bold"), f": {_mails(report, seconds)}"), soft_wrap=True)
    if report.findings:
        table = screen.table("", "what", "people", numbers=("people",))
        for finding in report.findings:
            people = f"{finding.people:,}" if finding.people else ""
            verdict = Text(finding.severity, style=_COLOURS[finding.severity])
            table.add_row(verdict, _said(finding), people)
        screen.out.print(table)
    wrong = {finding.kind for finding in report.findings if finding.severity != "note"}
    fine = [kind for kind in KINDS if kind not in wrong]
    if fine:
        screen.out.print(f"Nothing wrong with: {', '.join(fine)}.\n", style="dim")


def _mails(report: Report, seconds: float) -> str:
    if not report.rendered:
        return "nobody to render it for yet"
    by_name = ", ".join(f"{many:,} {name}" for name, many in report.mails.items() if many)
    return f"{screen.counted(report.rendered, 'e-mail')} rendered ({by_name}) in {seconds:.1f} s"


def _said(finding: Finding) -> Any:
    from rich.text import Text

    said = Text(screen.plain(f"{finding.kind}: {finding.what}"))
    more = []
    if finding.mails:
        more.append("in " + "; ".join(finding.mails))
    if finding.places:
        more.append(", ".join(finding.places))
    if finding.examples:
        more.append("such as " + _ids(finding.examples))
    if more:
        said.append("\n" + screen.plain("; ".join(more)), style="dim")
    if finding.remedy:
        said.append("\n" + screen.plain(finding.remedy), style="dim")
    return said


def _ids(examples: Iterable[int]) -> str:
    several = list(examples)
    return ("supporters " if len(several) > 1 else "supporter ") + ", ".join(map(str, several))


def verdict(reports: Iterable[Report]) -> str:
    """``2 errors and 1 warning in action-alert``, or that there is none."""
    several = list(reports)
    errors = sum(len(report.of("error")) for report in several)
    warnings = sum(len(report.of("warning")) for report in several)
    counts = [(errors, "error"), (warnings, "warning")]
    told = " and ".join(screen.counted(number, word) for number, word in counts if number) or "no errors"
    return f"{told} in {screen.counted(len(several), 'e-mail step')}"
