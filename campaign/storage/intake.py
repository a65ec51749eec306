"""Takes an import into the supporters table, chunk by chunk, inside the caller's transaction.

Most rows of most imports are new people. A chunk is therefore inserted as it is, and only if some of it was
known already are the known ones read, merged and written back. Rows go to the driver as plain tuples:
SQLAlchemy's own work for each row would cost more than SQLite's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, compress
from typing import Any

import orjson
from sqlalchemy import Connection

from campaign.flow.undisturbed import undisturbed
from campaign.model.roll import NewSupporters, chunked, without
from campaign.model.supporter import NewSupporter, Reason
from campaign.ports.supporters import Added
from campaign.storage.addresses import address_hashes, address_keys
from campaign.storage.bulk import CHUNK, COLUMNS, Known, Row, StoredColumns, bulk
from campaign.storage.merging import merged
from campaign.storage.segments import stored_tags

IMPORT_SOURCE = "import"

_MOST_REMEMBERED = 50_000
_MOST_SUPPRESSIONS = 100_000
"""So many are kept in memory while an import goes on; of more, each chunk asks the database."""


_KEY, _HASH = Row._fields.index("email_key"), Row._fields.index("address_hash")


class _StoredTags(dict[tuple[str, ...], str]):
    """Tags as they are stored, each combination worked out once."""

    def __missing__(self, tags: tuple[str, ...]) -> str:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        stored = self[tags] = stored_tags(tags)
        return stored


@dataclass(slots=True)
class _Chunk:
    """``asking`` are the keys of those who asked for less, and for what; ``reasons`` those for which its people are
    suppressed, by hash."""

    columns: StoredColumns
    leaving: list[bytes]
    asking: list[tuple[str, str]]
    reasons: dict[bytes, str] = field(default_factory=dict)
    last_id_before: int = 0


class Intake:
    """One import. ``take`` may be called once."""

    def __init__(self, connection: Connection, *, salt: bytes, at: datetime) -> None:
        self._connection = connection
        self._salt = salt
        self._bulk = bulk(connection)
        self._at = self._bulk.time(at)
        self._last_id_before = self._last_id()
        self._suppressions = self._all_suppressions()
        self._tags = _StoredTags()
        self._touched = bytearray(self._last_id_before // 8 + 1)  # a bit for each who was known
        self._forgotten: set[bytes] = set()
        self._new = self._updated = self._unchanged = self._duplicates = self._suppressed = 0

    def take(self, rows: Iterable[NewSupporter]) -> Added:
        with undisturbed():
            for people in chunked(rows, CHUNK):
                chunk = self._made_ready(people)
                self._begin(chunk)
                self._finish(chunk, *self._bulk.write(chunk.columns, self._at, chunk.last_id_before))
        return Added(
            new=self._new,
            updated=self._updated,
            unchanged=self._unchanged,
            duplicates=self._duplicates,
            suppressed=self._suppressed,
        )

    def _made_ready(self, people: NewSupporters) -> _Chunk:
        """The chunk's rows, each key once, and the hashes of those who are leaving."""
        columns = self._columns(people)
        keys, wishes = columns[_KEY], people.preferences
        asking = [(key, wish) for key, wish in zip(keys, wishes, strict=True) if wish] if any(wishes) else []
        leaving = list(dict.fromkeys(compress(columns[_HASH], people.unsubscribed)))
        if len(set(keys)) == len(keys):
            return _Chunk(columns, leaving, asking)
        pending: dict[str, Row] = {}
        for row in map(self._row, zip(*columns, strict=True)):
            before = pending.get(row.email_key)
            if before is not None:
                self._duplicates += 1
            pending[row.email_key] = row if before is None else merged(before, row)
        return _Chunk(list(zip(*pending.values(), strict=True))[: len(columns)], leaving, asking)

    def _begin(self, chunk: _Chunk) -> None:
        """What must be known before the chunk is inserted."""
        chunk.reasons = self._reasons(chunk.columns[_HASH])
        if Reason.FORGOTTEN in chunk.reasons.values():
            chunk.columns = self._not_forgotten(chunk.columns, chunk.reasons)
        chunk.last_id_before = self._last_id()

    def _finish(self, chunk: _Chunk, inserted: int, known: Sequence[Known]) -> None:
        """Once the chunk is written: bring those up to date who were known, and suppress those who are leaving."""
        self._new += inserted
        again = self._update(chunk, known) if known else set()
        if chunk.reasons:
            self._suppressed += sum(
                1 for address in chunk.columns[_HASH] if address in chunk.reasons and address not in again
            )
        self._suppress([address for address in chunk.leaving if address not in chunk.reasons])
        self._ask(chunk.asking)

    def _not_forgotten(self, columns: StoredColumns, reasons: dict[bytes, str]) -> StoredColumns:
        """Somebody who was forgotten is not remembered because an old file turns up."""
        forgotten = {address for address, reason in reasons.items() if reason == Reason.FORGOTTEN}
        self._suppressed += len(forgotten - self._forgotten)
        self._forgotten |= forgotten
        those = [number for number, address in enumerate(columns[_HASH]) if address in forgotten]
        return [without(column, those) for column in columns]

    def _update(self, chunk: _Chunk, known: Sequence[Known]) -> set[bytes]:
        """Bring those up to date who were known; the hashes of those that this import has had before."""
        before = self._before([supporter_id for _, supporter_id, differs in known if differs])
        rows = list(zip(*chunk.columns, strict=True)) if before else []
        again: set[bytes] = set()
        changed: list[tuple[Any, ...]] = []
        for number, supporter_id, differs in known:
            more = False
            if differs:
                old = before[supporter_id]
                after = merged(old, self._row(rows[number]))
                if more := after is not old:
                    changed.append((*after, supporter_id))
            if supporter_id > self._last_id_before or not self._touch(supporter_id):
                self._duplicates += 1
                again.add(chunk.columns[_HASH][number])
            elif more:
                self._updated += 1
            else:
                self._unchanged += 1
        if changed:
            sets = ", ".join(f"{name} = {self._bulk.mark}" for name in Row._fields)
            self._connection.exec_driver_sql(f"UPDATE supporters SET {sets} WHERE id = {self._bulk.mark}", changed)  # noqa: S608 - names and marks only
        return again

    def _before(self, supporter_ids: Sequence[int]) -> dict[int, Row]:
        if not supporter_ids:
            return {}
        condition, parameters = self._bulk.among("id", supporter_ids)
        found = self._connection.exec_driver_sql(f"SELECT id, {COLUMNS} FROM supporters WHERE {condition}", parameters)  # noqa: S608 - names and marks only
        return {supporter_id: Row._make(values) for supporter_id, *values in found}

    def _touch(self, supporter_id: int) -> bool:
        """Note that this import had the person; False where it had them before."""
        place, bit = supporter_id >> 3, 1 << (supporter_id & 7)
        if self._touched[place] & bit:
            return False
        self._touched[place] |= bit
        return True

    def _suppress(self, addresses: Sequence[bytes]) -> None:
        if not addresses:
            return
        self._suppressed += len(addresses)
        if self._suppressions is not None:
            self._suppressions.update(dict.fromkeys(addresses, Reason.UNSUBSCRIBED.value))
            if len(self._suppressions) > _MOST_SUPPRESSIONS:
                self._suppressions = None
        record = (Reason.UNSUBSCRIBED.value, IMPORT_SOURCE, self._at)
        self._connection.exec_driver_sql(
            "INSERT INTO suppressions (address_hash, reason, source, suppressed_at) VALUES "  # noqa: S608 - marks only
            + self._values(4, len(addresses))
            + " ON CONFLICT DO NOTHING",
            tuple(chain.from_iterable((address, *record) for address in addresses)),
        )
        self._connection.exec_driver_sql(
            "INSERT INTO suppression_history (address_hash, what, reason, source, happened_at) VALUES "  # noqa: S608 - marks only
            + self._values(5, len(addresses)),
            tuple(chain.from_iterable((address, "suppressed", *record) for address in addresses)),
        )

    def _ask(self, asking: Sequence[tuple[str, str]]) -> None:
        """Note what people asked for elsewhere. What they have asked for here stays."""
        mark = self._bulk.mark
        for key, wish in asking:
            self._connection.exec_driver_sql(
                f"UPDATE supporters SET preference = {mark}, preferred_at = {mark} "  # noqa: S608 - marks only
                f"WHERE email_key = {mark} AND preferred_at IS NULL",
                (wish, self._at, key),
            )

    def _all_suppressions(self) -> dict[bytes, str] | None:
        """Everybody's hash and reason, if memory has room for so many."""
        found = self._connection.exec_driver_sql(
            f"SELECT address_hash, reason FROM suppressions LIMIT {_MOST_SUPPRESSIONS + 1}"  # noqa: S608 - a number only
        ).all()
        return {bytes(address): reason for address, reason in found} if len(found) <= _MOST_SUPPRESSIONS else None

    def _reasons(self, addresses: Sequence[bytes]) -> dict[bytes, str]:
        if self._suppressions is not None:
            return {address: self._suppressions[address] for address in self._suppressions.keys() & addresses}
        condition, parameters = self._bulk.among("address_hash", addresses)
        found = self._connection.exec_driver_sql(
            f"SELECT address_hash, reason FROM suppressions WHERE {condition}",  # noqa: S608 - names and marks only
            parameters,
        )
        return {bytes(address): reason for address, reason in found}

    def _columns(self, people: NewSupporters) -> StoredColumns:
        keys = address_keys(people.emails)
        return (
            people.emails,
            keys,
            address_hashes(self._salt, keys),
            people.first_names,
            people.last_names,
            people.languages,
            people.zones,
            people.countries,
            people.regions,
            people.postal_codes,
            list(map(self._tags.__getitem__, people.tags)),
            people.bases,
            people.sources,
            self._bulk.times(people.agreed_at),
            people.agreed_to,
            self._bulk.times(people.acted_at),
            [orjson.dumps(dict(more)).decode() if more else "" for more in people.extra],
        )

    def _row(self, entries: tuple[Any, ...]) -> Row:
        return Row._make((*entries, self._at, self._at))

    def _values(self, width: int, rows: int) -> str:
        one = f"({', '.join([self._bulk.mark] * width)})"
        return ", ".join([one] * rows)

    def _last_id(self) -> int:
        return int(self._one("SELECT coalesce(max(id), 0) FROM supporters"))

    def _one(self, statement: str) -> Any:
        return self._connection.exec_driver_sql(statement).scalar_one()
