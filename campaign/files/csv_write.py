"""Writes CSV: lists of supporters that ``read`` reads back, and the rejects of an import."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Self

from campaign.errors import BadInput, Problem
from campaign.files.csv_cells import guarded
from campaign.files.supporters_csv import Reject
from campaign.model.supporter import NewSupporter, Supporter

HEADER = (
    "email",
    "first_name",
    "last_name",
    "language",
    "time_zone",
    "country",
    "region",
    "postal_code",
    "tags",
    "consent_basis",
    "consent_source",
    "consent_at",
    "consent_text",
    "acted_at",
    "unsubscribed",
    "campaign_preference",
)
_ONLY_OURS = 0o600


def write_header(out: IO[str], *, extra: Sequence[str] = ()) -> None:
    csv.writer(out, lineterminator="\n").writerow((*HEADER, *map(guarded, extra)))


def write_rows(
    out: IO[str], people: Iterable[tuple[Supporter | NewSupporter, bool, str]], *, extra: Sequence[str] = ()
) -> None:
    """Each with whether they are suppressed, which is written as unsubscribed, and with their preference as it is
    stored. ``extra`` are the keys to write."""
    csv.writer(out, lineterminator="\n").writerows(
        [
            *map(guarded, (person.email, person.first_name, person.last_name)),
            person.language,
            person.zone,
            person.country,
            guarded(person.region),
            guarded(person.postal_code),
            guarded(";".join(person.tags)),
            person.consent.basis.value if person.consent else "",
            guarded(person.consent.source) if person.consent else "",
            person.consent.at.isoformat() if person.consent else "",
            guarded(person.consent.text) if person.consent else "",
            person.acted_at.isoformat() if person.acted_at else "",
            "yes" if suppressed else "",
            guarded(preference),
            *(guarded(person.extra.get(key, "")) for key in extra),
        ]
        for person, suppressed, preference in people
    )


class RejectsFile:
    """The rows that were set aside, for a person to mend: ``line,reason,row``.

    Written beside the list as ``<name>.rejects.csv`` once there is one, for nobody but its owner to read: it holds
    addresses. One that an earlier import left there is written over.
    """

    def __init__(self, beside: Path) -> None:
        self.path = beside.with_name(f"{beside.stem}.rejects.csv")
        self.count = 0
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, reject: Reject) -> None:
        if self._file is None:
            self._file = self._create()
            self._rows = csv.writer(self._file, lineterminator="\n")
            self._rows.writerow(("line", "reason", "row"))
        self._rows.writerow((reject.line, reject.reason, guarded(reject.text)))
        self.count += 1

    def _create(self) -> IO[str]:
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _ONLY_OURS)
            os.fchmod(handle, _ONLY_OURS)
        except OSError as error:
            raise BadInput(
                [
                    Problem(
                        file=str(self.path),
                        line=0,
                        where="",
                        what=f"the rejects cannot be written: {error.strerror}",
                        remedy="copy the list to a folder that you may write to",
                    )
                ]
            ) from None
        return os.fdopen(handle, "w", encoding="utf-8", newline="")
