"""campaign log: who was sent what, when, and why not."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import ab_test, names, pacing_screen, screen, stops_screen
from campaign.cli.worlds import World, ledger

if TYPE_CHECKING:
    from campaign.model.batch import Shown
    from campaign.model.delivery import Sent
    from campaign.ports.ledger import Filters
    from campaign.storage.ledger import SqlLedger

_ROWS = 200
"""Rows a table shows at most; JSON and CSV hold all."""
_COLUMNS = (
    "step", "wave", "channel", "recipient", "part", "state", "why", "due_at", "changed_at", "attempts", "ref", "url",
    "arm",
)  # fmt: skip


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def log(
    step: Annotated[str | None, typer.Option("--step", help="Only this step.")] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", help="Only email, x, bluesky, mastodon, or a network of a package.")
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="Only accepted, refused, suppressed, in_doubt, missed, …")
    ] = None,
    recipient: Annotated[
        str | None, typer.Option("--recipient", help="Only this address or account, with the exact text.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Only what changed since, as 2018-05-22T13:00.")] = None,
    shape: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.TABLE,
    world: Annotated[
        World | None, typer.Option("--world", help="Which ledger; else the most real one that has sent anything.")
    ] = None,
) -> None:
    """Show how every step stands; with a filter, the deliveries themselves; with --recipient, what they got.

    Times are UTC in JSON and CSV. --format json prints one array.
    """
    filters = _filters(step, channel, state, recipient, since)
    with ledger(world, say=shape is Format.TABLE) as book:
        _known(book, step)
        if shape is Format.TABLE:
            stops_screen.show(book.stops(), zone=stops_screen.zone(book))
        if shape is Format.JSON:
            screen.print_json_array(_as_json(book, filters))
        elif shape is Format.CSV:
            _print_csv(book.log(filters))
        elif recipient is not None:
            _show_recipient(book, filters)
        elif any((step, channel, state, since)):
            _show_deliveries(book, filters)
        else:
            _show_steps(book)


def _filters(
    step: str | None, channel: str | None, state: str | None, recipient: str | None, since: str | None
) -> Filters:
    from campaign import networks
    from campaign.model.delivery import State
    from campaign.ports.ledger import Filters

    chosen = None
    if state is not None:
        named = state.strip().lower().replace("-", "_").replace(" ", "_")
        chosen = State(names.one_of(named, [one.value for one in State], "is no state", option="--state"))
    if channel is not None:
        channel = names.one_of(channel.strip().lower(), networks.known(), "is no channel", option="--channel")
    return Filters(step=step, channel=channel, state=chosen, recipient=recipient, since=_instant(since))


def _instant(since: str | None) -> datetime | None:
    if since is None:
        return None
    try:
        found = datetime.fromisoformat(since)
    except ValueError:
        raise typer.BadParameter(
            f'"{since}" is no time; write it as 2018-05-22 or 2018-05-22T13:00 (UTC)', param_hint="--since"
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _known(book: SqlLedger, step: str | None) -> None:
    if step is not None:
        names.one_of(
            step, dict.fromkeys(wave.step for wave in book.waves()), "was never approved here", option="--step"
        )


def _launch(book: SqlLedger) -> datetime | None:
    waves = book.waves()
    return book.bundle(waves[-1].digest).plan.launch if waves else None


def _show_steps(book: SqlLedger) -> None:
    from campaign.cli import resolve_screen
    from campaign.cli.review_screen import show_steps
    from campaign.flow import conditions, review

    show_steps(review.steps(book.tallies(), book.waves()), launch=_launch(book))
    for line in (*ab_test.remarks(book), *conditions.lines(book)):
        screen.out.print(f"\n{line}", soft_wrap=True)
    pacing_screen.show_progress(book.waves())
    resolve_screen.point_to(book, resolve_screen.moment(book))
    screen.out.print(
        "\nMore: campaign log --step STEP, or campaign log --recipient ADDRESS; where posts stand: campaign posts",
        style="dim",
    )


def _show_deliveries(book: SqlLedger, filters: Filters) -> None:
    if filters.step is not None:
        from campaign.cli.review_screen import show_steps
        from campaign.flow import review

        tallies = [tally for tally in book.tallies() if tally.step == filters.step]
        show_steps(review.steps(tallies, book.waves(step=filters.step)), launch=_launch(book))
        screen.out.print()
    table = screen.table("step", "recipient", "state", "changed (UTC)", "why")
    found = book.log(filters)
    for sent in islice(found, _ROWS):
        who = sent.recipient or "(forgotten)"
        part = f" {sent.part}" if sent.channel != "email" else ""
        state = sent.state.value.replace("_", " ")
        table.add_row(sent.step, who + part, state, f"{sent.changed_at:%Y-%m-%d %H:%M:%S}", sent.why or sent.url)
    if not table.row_count:
        screen.out.print("Nothing matches.")
        return
    screen.out.print(table)
    if next(found, None) is not None:
        screen.out.print(f"The first {_ROWS} are shown. All of them: --format csv or --format json")


def _show_recipient(book: SqlLedger, filters: Filters) -> None:
    nothing = True
    for sent in book.log(filters):
        nothing = False
        launch = book.bundle(_digest(book, sent)).plan
        at = screen.local(sent.due_at, launch.zone)
        screen.out.rule(f"{screen.countdown(sent.due_at, launch.launch)}  {sent.step}", style="dim")
        part = f", part {sent.part}" if sent.channel != "email" else ""
        arm = f', arm "{sent.arm}" of the A/B test' if sent.arm else ""
        screen.out.print(f"{sent.channel}{part}{arm}, due {at}", soft_wrap=True)
        state = sent.state.value.replace("_", " ")
        why = f": {sent.why}" if sent.why else ""
        screen.out.print(
            f"{state} at {screen.local(sent.changed_at, launch.zone)}{why}"
            + (f", after {sent.attempts} attempts" if sent.attempts > 1 else ""),
            style="bold",
            soft_wrap=True,
        )
        if sent.url or sent.ref:
            screen.out.print(sent.url or f"the provider's id: {sent.ref}", soft_wrap=True)
        shown = _shown(book, sent)
        if shown is not None:
            if shown.subject:
                screen.out.print(f"\nSubject: {shown.subject}", soft_wrap=True)
            screen.out.print(f"\n{shown.text.strip()}\n", soft_wrap=True)
    if nothing:
        screen.out.print("Nothing was ever planned for this recipient.")
        raise typer.Exit(1)


def _digest(book: SqlLedger, sent: Sent) -> str:
    return next(wave.digest for wave in book.waves(step=sent.step) if wave.number == sent.wave)


def _shown(book: SqlLedger, sent: Sent) -> Shown | None:
    """What was handed over for this delivery, read back from the bytes; None where nothing was."""
    from campaign.bootstrap import channels
    from campaign.errors import NotConfigured
    from campaign.model.batch import Shown

    kept = book.handed_over(sent.delivery)
    if kept is None:
        return None
    sender = book.bundle(_digest(book, sent)).plan.sender
    try:
        reader = channels.reader(sender.via if sent.channel == "email" and sender else sent.channel)
    except NotConfigured as error:  # the package of its network is gone, and the rest is to be seen all the same
        return Shown(f"(it cannot be read back: {error})")
    return reader.shows(kept.payload, 0)


def _as_json(book: SqlLedger, filters: Filters) -> Iterator[Mapping[str, object]]:
    for sent in book.log(filters):
        line: dict[str, object] = {name: getattr(sent, name) for name in _COLUMNS}
        if filters.recipient is not None:
            shown = _shown(book, sent)
            line |= {"subject": shown.subject, "text": shown.text, "html": shown.html} if shown else {}
        yield line


def _print_csv(found: Iterable[Sent]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(_COLUMNS)
    for sent in found:
        row = [getattr(sent, name) for name in _COLUMNS]
        writer.writerow([cell.isoformat() if isinstance(cell, datetime) else _harmless(str(cell)) for cell in row])


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet would take for a formula is made plain text (OWASP, CSV injection)."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
