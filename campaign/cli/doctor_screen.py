"""The doctor's screen: what is wrong stands out, each account has a row, and the last line says it all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from campaign.cli import screen
from campaign.flow.meant import is_meant

if TYPE_CHECKING:
    from rich.text import Text

    from campaign.flow.accounts import Account


@dataclass(frozen=True, slots=True)
class Finding:
    """``what`` was looked at, whether it will do on the day, and what is known of it or is to be done."""

    what: str
    verdict: Literal["ok", "warning", "error"]
    detail: str
    account: Account | None = None


_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}
_NAMED = 5
_INDENT = 9


def show(findings: Sequence[Finding]) -> None:
    accounts = [finding for finding in findings if finding.account is not None]
    _others([finding for finding in findings if finding.account is None])
    if accounts:
        _accounts(accounts)
    _together(findings)


def _others(findings: Sequence[Finding]) -> None:
    table = screen.table("", "what", "")
    for finding in findings:
        table.add_row(_verdict(finding), finding.what, finding.detail)
    screen.out.print(table)


def _accounts(findings: Sequence[Finding]) -> None:
    """A line for each, and below it what is wrong, or what it may do and what is left of its limits."""
    from rich.padding import Padding
    from rich.text import Text

    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        account = finding.account
        if account is None:
            continue
        colour = _COLOURS[finding.verdict]
        line = Text.assemble(" ", _verdict(finding), " " * (8 - len(finding.verdict)), finding.what.ljust(width + 2))
        screen.out.print(line.append(_who(account), style="bold"), soft_wrap=True)
        if finding.verdict != "ok" and finding.detail:
            screen.out.print(Padding(Text(screen.plain(finding.detail), style=colour), (0, 0, 0, _INDENT)))
        known = "; ".join(_known(finding, account))
        if known:
            screen.out.print(Padding(Text(screen.plain(known), style="dim"), (0, 0, 0, _INDENT)))
    screen.out.print()


def _who(account: Account) -> str:
    who = screen.plain(f"@{account.handle}") if account.handle else "nobody yet"
    return who if not account.meant or is_meant(account.meant, account.handle) else f"{who}, meant is @{account.meant}"


def _known(finding: Finding, account: Account) -> Iterator[str]:
    if account.may:
        yield f"may {', '.join(account.may)}"
    if account.left is not None:
        until = f" until {account.left.until:%H:%M} UTC" if account.left.until else ""
        yield f"{account.left.number:,} of {account.left.of:,} {account.left.what} left{until}"
    if account.days is not None:
        yield f"{screen.counted(account.days, 'day')} until its token ends"
    elif account.handle and account.ends_at is None:
        yield "its token has no end that is known"
    if finding.verdict == "ok" and finding.detail:
        yield finding.detail


def _verdict(finding: Finding) -> Text:
    from rich.text import Text

    return Text(finding.verdict, style=_COLOURS[finding.verdict])


def _together(findings: Sequence[Finding]) -> None:
    """Ready, or not, and what for."""
    wrong = {verdict: [one.what for one in findings if one.verdict == verdict] for verdict in ("error", "warning")}
    if wrong["error"]:
        text = f"Not ready for a live run: {screen.counted(len(wrong['error']), 'error')} ({_names(wrong['error'])})"
        style = "bold red"
    else:
        text = "Ready for a live run" if not wrong["warning"] else "Ready for a live run, with what is to be known"
        style = "bold green" if not wrong["warning"] else "bold yellow"
    if wrong["warning"]:
        text += f"; {screen.counted(len(wrong['warning']), 'warning')} ({_names(wrong['warning'])})"
    screen.out.print(f"{text}.", style=style, soft_wrap=True)


def _names(what: Sequence[str]) -> str:
    each = list(dict.fromkeys(what))
    rest = len(each) - _NAMED
    return ", ".join([*each[:_NAMED], *([f"{rest:,} more"] if rest > 0 else [])])
