"""Takes an import into the supporters table, chunk by chunk, inside the caller's transaction.

Most rows of most imports are new people. A chunk is therefore inserted as it is, in one statement, and only if some
of it was known already are the known ones read, merged and written back. Rows go to the driver as plain tuples:
SQLAlchemy's own work for each row would cost more than SQLite's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any

import orjson
from sqlalchemy import Connection

from campaign.model.supporter import Basis, Consent, NewSupporter, Reason
from campaign.ports.supporters import Added
from campaign.storage import tables
from campaign.storage.addresses import address_hash, address_key
from campaign.storage.bulk import CHUNK, COLUMNS, Row, bulk
from campaign.storage.segments import stored_tags

MOST_EXTRA = 100
"""Entries kept of a person's ``extra`` over all imports; the newest win."""

IMPORT_SOURCE = "import"

_MOST_REMEMBERED = 50_000

_STRENGTH = {"": 0, Basis.NONE: 1, Basis.OPT_IN: 2, Basis.MEMBER: 2, Basis.PARTNER: 2, Basis.DOUBLE_OPT_IN: 3}
_NO_CONSENT: tuple[str, str, Any, str] = ("", "", None, "")


_KEPT_IF_EMPTY = ("first_name", "last_name", "language", "zone", "country", "region", "postal_code")


def merged(known: Row, row: Row) -> Row:
    """What is known of a person after ``row``: ``known`` itself where the row says nothing new.

    What the row leaves empty is kept; tags and extra are united; the first action stays. A consent is replaced by a
    stronger one, or by a later one as strong (double opt-in is stronger than opt-in, member and partner, these than
    none): a weaker one would lose the proof of the stronger.
    """
    changes: dict[str, Any] = {
        name: new for name in _KEPT_IF_EMPTY if (new := getattr(row, name)) and new != getattr(known, name)
    }
    if row.tags and row.tags != known.tags:
        changes["tags"] = stored_tags(chain(known.tags.split(","), row.tags.split(",")))
    if _better(row, known):
        changes.update((name, getattr(row, name)) for name in Row._fields if name.startswith("consent_"))
    if row.acted_at is not None and known.acted_at is None:
        changes["acted_at"] = row.acted_at
    if row.extra and row.extra != known.extra:
        changes["extra"] = _united(known.extra, row.extra)
    after = known._replace(**changes)
    return known if after == known else after._replace(changed_at=row.changed_at)


def _better(row: Row, known: Row) -> bool:
    new, old = _STRENGTH[row.consent_basis], _STRENGTH[known.consent_basis]
    return new > old or (new == old > 0 and row.consent_at > known.consent_at)


def _united(known: str, new: str) -> str:
    before: dict[str, str] = orjson.loads(known) if known else {}
    after = {**before, **orjson.loads(new)}
    if after == before:
        return known
    return orjson.dumps(dict(list(after.items())[-MOST_EXTRA:])).decode()


class Intake:
    """One import. ``take`` may be called once."""

    def __init__(self, connection: Connection, *, salt: bytes, at: datetime) -> None:
        self._connection = connection
        self._salt = salt
        self._stored_time: Callable[[datetime], Any] = tables.Utc().dialect_impl(connection.dialect).bind_processor(
            connection.dialect
        ) or (lambda value: value)
        self._at = self._stored_time(at)
        self._bulk = bulk(connection)
        self._last_id_before = self._last_id()
        self._any_suppressed = self._one("SELECT EXISTS (SELECT 1 FROM suppressions)")
        self._consents: dict[int, tuple[Consent, tuple[str, str, Any, str]]] = {}
        self._tags: dict[tuple[str, ...], str] = {(): ""}
        self._touched: set[int] = set()
        self._forgotten: set[bytes] = set()
        self._new = self._updated = self._unchanged = self._duplicates = self._suppressed = 0

    def take(self, rows: Iterable[NewSupporter]) -> Added:
        source = iter(rows)
        while chunk := list(islice(source, CHUNK)):
            self._take(chunk)
        return Added(
            new=self._new,
            updated=self._updated,
            unchanged=self._unchanged,
            duplicates=self._duplicates,
            suppressed=self._suppressed,
        )

    def _take(self, chunk: Sequence[NewSupporter]) -> None:
        pending: dict[str, Row] = {}
        leaving: set[bytes] = set()
        for new in chunk:
            row = self._row(new)
            if row.email_key in pending:
                self._duplicates += 1
                row = merged(pending[row.email_key], row)
            pending[row.email_key] = row
            if new.unsubscribed:
                leaving.add(row.address_hash)
        rows = list(pending.values())
        reasons = self._reasons([row.address_hash for row in rows])
        if Reason.FORGOTTEN in reasons.values():
            rows = self._not_forgotten(rows, reasons)
        again = self._write(rows)
        if reasons:
            self._suppressed += sum(1 for row in rows if row.address_hash in reasons and row.address_hash not in again)
        self._suppress([address for address in leaving if address not in reasons])

    def _not_forgotten(self, rows: Sequence[Row], reasons: dict[bytes, str]) -> list[Row]:
        """Somebody who was forgotten is not remembered because an old file turns up."""
        forgotten = {address for address, reason in reasons.items() if reason == Reason.FORGOTTEN}
        self._suppressed += len(forgotten - self._forgotten)
        self._forgotten |= forgotten
        return [row for row in rows if row.address_hash not in forgotten]

    def _write(self, rows: Sequence[Row]) -> set[bytes]:
        """Insert or update; the hashes of those that this import has had before."""
        if not rows:
            return set()
        before = self._last_id()
        inserted = self._bulk.insert(rows)
        self._new += inserted
        return set() if inserted == len(rows) else self._update(rows, before)

    def _update(self, rows: Sequence[Row], before: int) -> set[bytes]:
        condition, parameters = self._bulk.among("email_key", [row.email_key for row in rows])
        found = self._connection.exec_driver_sql(
            f"SELECT id, {COLUMNS} FROM supporters WHERE {condition} AND id <= {self._bulk.mark}",  # noqa: S608 - names and marks only
            (*parameters, before),
        ).all()
        known = {row.email_key: (row[0], Row(*row[1:])) for row in found}
        again: set[bytes] = set()
        changed: list[tuple[Any, ...]] = []
        for row in rows:
            if row.email_key not in known:
                continue
            supporter_id, old = known[row.email_key]
            # Most of a list that comes again says what is known; the times of this import are no news.
            after = old if row[1:-2] == old[1:-2] else merged(old, row)
            if after is not old:
                changed.append((*after, supporter_id))
            if supporter_id > self._last_id_before or supporter_id in self._touched:
                self._duplicates += 1
                again.add(row.address_hash)
                continue
            self._touched.add(supporter_id)
            if after is old:
                self._unchanged += 1
            else:
                self._updated += 1
        if changed:
            sets = ", ".join(f"{name} = {self._bulk.mark}" for name in Row._fields)
            self._connection.exec_driver_sql(f"UPDATE supporters SET {sets} WHERE id = {self._bulk.mark}", changed)  # noqa: S608 - names and marks only
        return again

    def _suppress(self, addresses: Sequence[bytes]) -> None:
        if not addresses:
            return
        self._any_suppressed = True
        self._suppressed += len(addresses)
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

    def _reasons(self, addresses: Sequence[bytes]) -> dict[bytes, str]:
        if not self._any_suppressed:
            return {}
        condition, parameters = self._bulk.among("address_hash", addresses)
        found = self._connection.exec_driver_sql(
            f"SELECT address_hash, reason FROM suppressions WHERE {condition}",  # noqa: S608 - names and marks only
            parameters,
        )
        return {bytes(address): reason for address, reason in found}

    def _row(self, new: NewSupporter) -> Row:
        key = address_key(new.email)
        tags = self._tags.get(new.tags)
        if tags is None:
            if len(self._tags) > _MOST_REMEMBERED:
                self._tags.clear()
            tags = self._tags[new.tags] = stored_tags(new.tags)
        basis, source, consent_at, text = _NO_CONSENT if new.consent is None else self._consented(new.consent)
        return Row(
            new.email,
            key,
            address_hash(self._salt, key),
            new.first_name,
            new.last_name,
            new.language,
            new.zone,
            new.country,
            new.region,
            new.postal_code,
            tags,
            basis,
            source,
            consent_at,
            text,
            self._stored_time(new.acted_at) if new.acted_at else None,
            orjson.dumps(dict(new.extra)).decode() if new.extra else "",
            self._at,
            self._at,
        )

    def _consented(self, consent: Consent) -> tuple[str, str, Any, str]:
        """The columns of a consent. Many people share one: it is known by its identity, for hashing it takes longer."""
        known = self._consents.get(id(consent))
        if known is not None and known[0] is consent:
            return known[1]
        if len(self._consents) > _MOST_REMEMBERED:
            self._consents.clear()
        columns = (consent.basis.value, consent.source, self._stored_time(consent.at), consent.text)
        self._consents[id(consent)] = (consent, columns)
        return columns

    def _values(self, width: int, rows: int) -> str:
        one = f"({', '.join([self._bulk.mark] * width)})"
        return ", ".join([one] * rows)

    def _last_id(self) -> int:
        return int(self._one("SELECT coalesce(max(id), 0) FROM supporters"))

    def _one(self, statement: str) -> Any:
        return self._connection.exec_driver_sql(statement).scalar_one()
