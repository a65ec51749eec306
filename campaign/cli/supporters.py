"""campaign supporters: who agreed to hear from us."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from campaign.cli import screen
from campaign.cli.acted import acted
from campaign.cli.options import AsJson
from campaign.model.supporter import Basis, Consent

if TYPE_CHECKING:
    from campaign.files.supporters_csv import Reading
    from campaign.model.preference import Preference
    from campaign.model.supporter import Supporter
    from campaign.ports.supporters import Added
    from campaign.storage.supporters import SqlSupporters

app = typer.Typer(
    help="Import, sample, show, forget or export people.", no_args_is_help=True, pretty_exceptions_enable=False
)

_PAGE = 2_000
_INTERRUPTED = 130

Address = Annotated[str, typer.Argument(metavar="EMAIL", help="Their e-mail address.", show_default=False)]


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"


@contextmanager
def opened() -> Iterator[SqlSupporters]:
    """The supporters in the database of the settings."""
    from campaign import settings
    from campaign.storage.database import Database
    from campaign.storage.supporters import SqlSupporters

    # Not by way of bootstrap: it brings the whole rollout with it, and these commands need none of that.
    database = Database(settings.load().database_url.get_secret_value())
    try:
        yield SqlSupporters(database)
    finally:
        database.close()


def now() -> datetime:
    from campaign.engines.clock import SystemClock

    return SystemClock().now()


def normalised(written: str) -> str:
    """The address that was typed, in its normal form; raises BadInput where it is none."""
    from campaign.errors import BadInput, Problem
    from campaign.files.addresses import Addresses

    try:
        return Addresses().normalised(written)
    except ValueError as error:
        raise BadInput([Problem(file="EMAIL", line=0, where=written, what=str(error))]) from None


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV list; its first line names the columns.")],
    consent_basis: Annotated[
        Basis | None, typer.Option("--consent-basis", help="Why those may be written to of whom the list does not say.")
    ] = None,
    consent_source: Annotated[
        str, typer.Option("--consent-source", help="Where that consent comes from, such as a form's name.")
    ] = "",
    consent_date: Annotated[
        datetime | None,
        typer.Option("--consent-date", formats=["%Y-%m-%d"], help="When it was given; today if not said."),
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Give everybody this tag. May be repeated.")] = None,
    language: Annotated[str, typer.Option("--language", help="The language of those whose row names none.")] = "",
    day_first: Annotated[bool, typer.Option("--day-first", help="Read 3/4/2018 as 3 April.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come of it; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add the people of a CSV list, or update those who are known.

    Understands the exports of Action Network, Mailchimp and EveryAction, and most others. It is all or nothing: an
    error, or Ctrl-C, leaves everything as it was. Rows that cannot be used are written to FILE's .rejects.csv with
    line and reason. Nobody who is suppressed is ever let back in by an import.
    """
    from campaign.files import supporters_csv
    from campaign.files.csv_write import RejectsFile

    at = now()
    consent = _consent(file, consent_basis, consent_source, consent_date or at)
    list_ = supporters_csv.open_list(file)
    reading = supporters_csv.Reading()
    try:
        with RejectsFile(file) as rejects, _showing(file, reading) as progress:
            # Before the database is opened: of a long list the reading has begun meanwhile.
            rows = supporters_csv.read(
                file,
                rejects=rejects.add,
                at=at,
                consent=consent,
                tags=tag or (),
                default_language=_language(language),
                day_first=day_first,
                progress=progress,
                reading=reading,
            )
            with opened() as people:
                added = (people.would_add if dry_run else people.add)(rows, at=at)
    except KeyboardInterrupt:
        screen.err.print("Interrupted: nothing was imported.")
        raise typer.Exit(_INTERRUPTED) from None
    counts = _counts(reading, added)
    rejects_file = str(rejects.path) if rejects.count else None
    if as_json:
        screen.print_json(
            {
                "file": str(file),
                "dry_run": dry_run,
                **counts,
                "rejects_file": rejects_file,
                "warnings": dict(reading.warnings),
                "extra": [key for _, key in list_.columns.extra],
                "left_out": list_.columns.left_out,
            }
        )
        return
    _show_counts(counts, dry_run=dry_run)
    _show_notes(reading, list_.columns.left_out, [key for _, key in list_.columns.extra], rejects_file)


def _consent(file: Path, basis: Basis | None, source: str, at: datetime) -> Consent | None:
    if basis is None:
        if source:
            raise typer.BadParameter("say --consent-basis too: a source alone is no consent")
        return None
    return Consent(basis, source or f"import of {file.name}", at if at.tzinfo else at.replace(tzinfo=UTC))


def _language(written: str) -> str:
    from campaign.files.csv_values import language

    found = language(written) if written else ""
    if found is None:
        raise typer.BadParameter(f"--language {written}: no language is called so; write a tag such as en or es")
    return found


@contextmanager
def _showing(file: Path, reading: Reading) -> Iterator[Callable[[int], None]]:
    """What the reader tells its progress: the bytes read. Rows are shown, and how many there will be is estimated."""
    size = file.stat().st_size
    shown = 0
    with screen.progress(f"Importing {file.name}", total=None, unit="rows") as bar:

        def progress(done: int) -> None:
            nonlocal shown
            bar.advance(reading.read - shown)
            shown = reading.read
            if shown:  # of none expected the bar would say that all are done
                bar.expect(max(shown, shown * size // done))

        yield progress


def _counts(reading: Reading, added: Added) -> dict[str, int]:
    return {
        "read": reading.read,
        "new": added.new,
        "updated": added.updated,
        "unchanged": added.unchanged,
        "duplicates": reading.duplicates,
        "rejected": reading.rejected,
        "suppressed": added.suppressed,
        "without_consent": reading.without_consent,
    }


_SAID = {
    "read": "rows with anything in them",
    "new": "people we did not know",
    "updated": "known, and the list says more",
    "unchanged": "known as they are",
    "duplicates": "an address that came before in the list",
    "rejected": "cannot be used",
    "suppressed": "in the list, but must not be written to",
    "without_consent": "in the list, but did not agree: will not be written to",
}


def _show_counts(counts: dict[str, int], *, dry_run: bool) -> None:
    table = screen.table("", "rows", "", numbers=["rows"])
    for name, number in counts.items():
        table.add_row(name.replace("_", " "), f"{number:,}", _SAID[name])
    screen.out.print(table)
    if dry_run:
        screen.out.print("A dry run: nothing was changed.")


def _show_notes(reading: Reading, left_out: tuple[str, ...], extra: list[str], rejects_file: str | None) -> None:
    for what, number in reading.warnings.items():
        screen.say("warning: ", f"{number:,} {what}", style="yellow")
    if extra:
        screen.err.print(f"Kept for messages to use: {', '.join(f'supporter.extra.{key}' for key in extra)}")
    if left_out:
        screen.err.print(f"Columns left out: {', '.join(left_out)}")
    if reading.without_consent:
        screen.err.print("If they did agree, import the list again with --consent-basis and --consent-source.")
    if rejects_file:
        screen.out.print(f"Line and reason of each row that was set aside: {rejects_file}", soft_wrap=True)


app.command()(acted)


@app.command()
def sample(
    number: Annotated[int, typer.Argument(metavar="N", min=1, max=50_000_000, help="How many people.")],
    out: Annotated[Path | None, typer.Option("--out", help="A file to write, in place of stdout.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, other people.")] = 2018,
) -> None:
    """Make up a list of people, at reserved domains only, to rehearse with."""
    from campaign.errors import BadInput, Problem
    from campaign.files import sample as made_up
    from campaign.files.csv_write import write_header, write_rows

    people = made_up.sample(number, seed=seed)
    if out is None:
        with _stdout() as stream:
            write_header(stream)
            write_rows(stream, ((person, person.unsubscribed, "") for person in people))
        return
    try:
        with out.open("x", encoding="utf-8", newline="") as file, screen.progress("Writing", total=number) as bar:
            write_header(file)
            while page := list(islice(people, _PAGE)):
                write_rows(file, ((person, person.unsubscribed, "") for person in page))
                bar.advance(len(page))
    except OSError as error:
        what = f"cannot be written: {error.strerror}"
        raise BadInput([Problem(file=str(out), line=0, where="", what=what, remedy="name another file")]) from None
    screen.out.print(f"{screen.counted(number, 'made-up supporter')} in {out}")


@app.command()
def show(email: Address, as_json: AsJson = False) -> None:
    """Show what is kept of a person: themselves, their consent, what they have asked for, whether they are suppressed.

    What was sent to them is shown by: campaign log --recipient EMAIL
    """
    address = normalised(email)
    with opened() as people:
        person, suppression = people.find(address), people.suppression(address)
        wanted = people.preferences([person.id]).get(person.id) if person else None
    if as_json:
        screen.print_json({"supporter": person, "preference": wanted, "suppression": suppression})
        return
    table = screen.table("", "")
    if person is None:
        screen.out.print(f"{address} is not in the list.")
    else:
        consent = person.consent
        facts = {
            "e-mail": person.email,
            "name": f"{person.first_name} {person.last_name}".strip(),
            "language": person.language,
            "time zone": person.zone,
            "place": ", ".join(part for part in (person.postal_code, person.region, person.country) if part),
            "tags": ", ".join(person.tags),
            "consent": f"{consent.basis}, {consent.source}, {consent.at:%Y-%m-%d}" if consent else "none",
            "agreed to": consent.text if consent else "",
            "wants": _wants(wanted),
            "has acted": f"{person.acted_at:%Y-%m-%d %H:%M} UTC" if person.acted_at else "not yet",
            **person.extra,
        }
        for name, value in facts.items():
            table.add_row(name, value or "-")
    if suppression is not None:
        said = f"{suppression.reason}, {suppression.source}, {suppression.at:%Y-%m-%d}"
        table.add_row("suppressed", said)
    if table.row_count:
        screen.out.print(table)
    if person is None:
        raise typer.Exit(1)


def _wants(wanted: Preference | None) -> str:
    if wanted is None:
        return "every e-mail"
    said = f"only the campaign {wanted.campaign}" if wanted.campaign else "at most one e-mail in seven days"
    return said + (f", since {wanted.at:%Y-%m-%d}" if wanted.at else "")


@app.command()
def forget(
    email: Address,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a person, at their wish, and never write to them again.

    Their entry in the list goes, and the text of every e-mail that was handed over for them. What remains is a hash of
    the address, which says that it is suppressed, and that something was sent, when, and what came of it, to nobody in
    particular. Not reached are copies elsewhere: rehearsals (until the next one), exports, backups, your providers.
    """
    address = normalised(email)
    if not yes:
        typer.confirm(f"Erase all that the database holds of {address}? This cannot be undone.", abort=True, err=True)
    with opened() as people:
        known = people.forget(address, at=now())
    if not known:
        screen.out.print(f"{address} is not in the list; nothing was changed.")
        raise typer.Exit(1)
    screen.out.print(f"{address} is forgotten, and will not be written to.")
    screen.err.print("Not reached are copies elsewhere: rehearsals, exports, backups, your providers.", style="dim")


@app.command()
def export(
    shape: Annotated[Format, typer.Option("--format", help="CSV, which import reads back, or one JSON array.")] = (
        Format.CSV
    ),
) -> None:
    """Write the whole list to stdout, with what people have asked for; suppressed people too, marked as unsubscribed.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it, which import takes off again.
    """
    with opened() as people:
        if shape is Format.JSON:
            screen.print_json_array(
                {**_fields(person), "preference": wanted, "suppressed": suppressed}
                for person, suppressed, wanted in _marked(people)
            )
            return
        from campaign.files.csv_write import write_header, write_rows

        extra = list(dict.fromkeys(key for person in people.each() for key in person.extra))
        with _stdout() as stream:
            write_header(stream, extra=extra)
            write_rows(stream, _marked(people), extra=extra)


def _marked(people: SqlSupporters) -> Iterator[tuple[Supporter, bool, str]]:
    """Everybody, with whether they are suppressed and what they have asked for, as it is stored."""
    everybody = people.each()
    while page := list(islice(everybody, _PAGE)):
        ids = [person.id for person in page]
        barred, wanted = people.barred(ids), people.preferences(ids)
        for person in page:
            yield person, person.id in barred, wanted[person.id].stored() if person.id in wanted else ""


def _fields(person: Supporter) -> dict[str, Any]:
    return {name: getattr(person, name) for name in person.__slots__}


@contextmanager
def _stdout() -> Iterator[IO[str]]:
    """stdout for CSV: UTF-8 and line feeds wherever it goes."""
    sys.stdout.flush()
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        yield stream
    finally:
        stream.detach()
