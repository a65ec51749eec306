"""Copies the people of one database to another, so that a rehearsal works on a list of its own."""

from __future__ import annotations

import sqlalchemy as sa

from campaign.storage import tables as t
from campaign.storage.database import Database

_ROWS = 5_000


def copy_people(source: Database, target: Database) -> int:
    """Copy supporters and suppressions to ``target``, which must be empty; how many supporters.

    The target takes over the source's salt: suppressions are matched by salted hashes.
    """
    copied = 0
    with source.read() as here, target.write() as there:
        there.execute(sa.update(t.meta).where(t.meta.c.key == "salt").values(value=source.salt.hex()))
        for table in (t.suppressions, t.supporters):
            rows = here.execution_options(yield_per=_ROWS).execute(sa.select(table))
            for some in rows.mappings().partitions(_ROWS):
                there.execute(sa.insert(table), [dict(row) for row in some])
                copied += len(some) if table is t.supporters else 0
    target.salt = source.salt
    return copied
