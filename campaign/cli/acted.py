"""campaign supporters acted: who has taken the action, by a list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaign.cli import screen
from campaign.cli.options import AsJson


def acted(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A CSV list with a column of addresses, and one of times if it has.")
    ],
    day_first: Annotated[bool, typer.Option("--day-first", help="Read 3/4/2018 as 3 April.")] = False,
    as_json: AsJson = False,
) -> None:
    """Record who has taken the action, by a list of those who have.

    Steps whose segment says `acted: false` leave them out from then on, also where they were about to be sent. It is
    all or nothing, and the same list again changes nothing. Nobody is added: an address that is not a supporter's is
    counted and no more. Rows that cannot be used are written to FILE's .rejects.csv with line and reason.
    """
    from campaign import settings
    from campaign.engines.clock import SystemClock
    from campaign.files import actions_csv
    from campaign.files.csv_write import RejectsFile
    from campaign.storage.actions import SqlActions
    from campaign.storage.database import Database

    at, reading = SystemClock().now(), actions_csv.ActionsReading()
    database = Database(settings.load().database_url.get_secret_value())
    try:
        with RejectsFile(file) as rejects:
            rows = actions_csv.read(file, at=at, rejects=rejects.add, reading=reading, day_first=day_first)
            recorded = SqlActions(database).record(list(rows), at=at)
    finally:
        database.close()
    counts = {
        "read": reading.read,
        "new": recorded.new,
        "known": recorded.known,
        "unknown": recorded.unknown,
        "not_yet": reading.not_yet,
        "rejected": reading.rejected,
        "undated": reading.undated,
    }
    rejects_file = str(rejects.path) if rejects.count else None
    if as_json:
        screen.print_json({"file": str(file), **counts, "rejects_file": rejects_file})
        return
    table = screen.table("", "rows", "", numbers=["rows"])
    for name, number in counts.items():
        table.add_row(name.replace("_", " "), f"{number:,}", _SAID_OF_ACTIONS[name])
    screen.out.print(table)
    if rejects_file:
        screen.out.print(f"Line and reason of each row that was set aside: {rejects_file}", soft_wrap=True)


_SAID_OF_ACTIONS = {
    "read": "rows with anything in them",
    "new": "have acted, and we did not know",
    "known": "have acted, as we knew",
    "unknown": "are no supporters here; nothing is kept of them",
    "not_yet": "have not acted, by the list",
    "rejected": "cannot be used",
    "undated": "have a time that cannot be read; taken as of now",
}
