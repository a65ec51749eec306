"""campaign letter: what was found in an open letter, for a person to look over or for a program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import screen
from campaign.cli.options import AsJson

if TYPE_CHECKING:
    from campaign.model.letter import Addressee, Letter, Signatory


def letter(
    file: Annotated[Path, typer.Argument(help="The letter: plain text or Markdown.", show_default=False)],
    json: AsJson = False,
) -> None:
    """Read an open letter and show what was found in it: date, addressee, demands, figures, quotations, signatories.

    Messages are held to what is shown here, so look it over once. Exit code 3 if the file is no letter.
    """
    from campaign.files.letter import read

    found = read(file)
    if json:
        screen.print_json(found.as_json())
        return
    _show_head(found)
    _show("Demands", [(one.line, f"{one.number}. {one.text}" if one.number else one.text) for one in found.demands])
    _show("Figures", [(one.line, f"{one.text}: {one.sentence}") for one in found.figures])
    _show("Quotations", [(one.line, one.text) for one in found.quotations])
    _show("Notes", [(one.line, f"{one.number}. {one.text}".rstrip(". ")) for one in found.notes])
    _show_signatories(found.signatories)


def _show_head(found: Letter) -> None:
    from rich.table import Table

    facts = Table.grid(padding=(0, 2))
    day = found.date
    facts.add_row("Title", found.title) if found.title else None
    facts.add_row("Date", f"{day.day} {day:%B %Y}" if day else "none given")
    for one in found.addressees:
        facts.add_row("To", _described(one))
    facts.add_row("Opens", found.salutation)
    facts.add_row("Closes", found.closing)
    counts = (
        screen.counted(len(found.paragraphs), "paragraph"),
        screen.counted(len(found.sentences), "sentence"),
        screen.counted(len(found.notes), "note"),
        screen.counted(len(found.signatories), "signatory", "signatories"),
    )
    facts.add_row("Holds", ", ".join(counts))
    words = "a restatement: no message may quote it" if found.restated else "the original: messages may quote it"
    facts.add_row("Words", words)
    screen.out.print(facts)


def _described(one: Addressee) -> str:
    said = (one.name, one.role, one.organisation if one.organisation != one.name else "", one.place)
    return ", ".join(part for part in said if part)


def _show(title: str, rows: list[tuple[int, str]]) -> None:
    """``rows`` with their lines, under a heading with their number."""
    from rich.table import Table

    _heading(title, len(rows))
    if rows:
        lines = Table.grid(padding=(0, 2))
        lines.add_column(justify="right", style="dim", no_wrap=True)
        for line, text in rows:
            lines.add_row(f"line {line}", text)
        screen.out.print(lines)


def _show_signatories(signed: tuple[Signatory, ...]) -> None:
    from rich.columns import Columns

    _heading("Signatories", len(signed))
    names = [", ".join(part for part in (one.name, one.title, one.organisation) if part) for one in signed]
    screen.out.print(Columns(names, padding=(0, 3), column_first=True))


def _heading(title: str, number: int) -> None:
    screen.out.print()
    screen.out.print(f"{title}: {number:,}" if number else f"{title}: none", style="bold")
