"""Reads a list of people who have taken the action: an address in each row, and when, where the list says so.

Exports of action pages are read as lists of supporters are: any divider, any of the usual names of columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from campaign.files.addresses import Addresses
from campaign.files.csv_cells import plain
from campaign.files.csv_columns import has_email, recognise, squashed
from campaign.files.csv_text import Table, look
from campaign.files.csv_values import instant
from campaign.files.supporters_csv import Reject
from campaign.ports.actions import Action

_WHEN = ("actedat", "acted", "actiontakenat", "actiondate", "signedat", "timestamp", "date", "time", "createdat")
_NO = frozenset({"no", "false", "0", "n"})


@dataclass(slots=True)
class ActionsReading:
    """``read`` rows had anything in them; ``rejected`` could not be used; ``undated`` have a time that cannot be read,
    and count as of now; ``not_yet`` say that the person has not acted."""

    read: int = 0
    rejected: int = 0
    undated: int = 0
    not_yet: int = 0


def read(
    path: Path,
    *,
    at: datetime,
    rejects: Callable[[Reject], None],
    reading: ActionsReading,
    day_first: bool = False,
) -> Iterator[Action]:
    """Who has acted by the list in ``path``, streamed. ``at`` is the time now: for those of whom it says no time.

    Raises BadInput where ``path`` is no CSV list, or no column of it holds e-mail addresses.
    """
    layout = look(path, is_header=has_email)
    columns = recognise(layout.header, file=path, line=layout.header_line)
    whens = sorted(
        (_WHEN.index(name), place) for place, one in enumerate(layout.header) if (name := squashed(one)) in _WHEN
    )
    emails, when = columns.of("email"), whens[0][1] if whens else None
    addresses, latest = Addresses(), at + timedelta(days=1)  # a zone ahead of ours may be in tomorrow
    with Table(path, layout) as table:
        for page in table.pages():
            for malformed in page.malformed:
                reading.read += 1
                reading.rejected += 1
                rejects(Reject(*malformed))
            for cells, line, text in zip(page.rows, page.lines, page.texts, strict=True):
                reading.read += 1
                said = plain(cells[when]) if when is not None else ""
                if said.lower() in _NO:
                    reading.not_yet += 1
                    continue
                written = next((cells[place] for place in emails if cells[place].strip()), "")
                try:
                    email = addresses.normalised(written)
                except ValueError as error:
                    reading.rejected += 1
                    rejects(Reject(line, str(error), text))
                    continue
                found = instant(said, day_first=day_first, latest=latest) if said else at
                reading.undated += found is None
                yield Action(email, min(found or at, at))
