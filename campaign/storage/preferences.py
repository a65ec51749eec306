"""What people ask for by the link in their e-mail, and who may therefore not be sent a wave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import zstandard
from sqlalchemy import ColumnElement, Connection, Row
from sqlalchemy.exc import SQLAlchemyError

from campaign.errors import LedgerError
from campaign.model.delivery import TAKEN, DeliveryId, State
from campaign.model.preference import (
    ASKED_FOR_LESS,
    ASKED_FOR_ONE,
    SPACING_DAYS,
    Preference,
    Recipient,
    Wish,
    preference,
)
from campaign.model.supporter import Reason, Suppression
from campaign.ports.preferences import House
from campaign.storage import suppressions
from campaign.storage import tables as t
from campaign.storage.among import among
from campaign.storage.bundles import unpack_bundle
from campaign.storage.database import Database
from campaign.storage.feedback import MADE_UP

_MOST_FACTS = 256
_GOES_OUT = frozenset({State.CLAIMED, State.IN_DOUBT}) | TAKEN
"""It was sent, may have been, or is about to be."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What an approved bundle says of the campaign."""

    campaign: str = ""
    title: str = ""
    organisation: str = ""
    contact: str = ""
    language: str = ""
    zone: str = "UTC"


class SqlPreferences:
    """See ``campaign.ports.preferences.Preferences``."""

    def __init__(self, database: Database, *, world: str) -> None:
        self._database = database
        self._world = world

    def recipient(self, delivery: DeliveryId) -> Recipient | None:
        with self._reading() as connection:
            found = _read(connection, self._world, delivery)
            return None if found is None else found[1]

    def choose(self, delivery: DeliveryId, wish: Wish, *, at: datetime) -> Recipient | None:
        with self._writing() as connection:
            found = _read(connection, self._world, delivery)
            if found is None or not found[1].is_known:
                return None if found is None else found[1]
            row, recipient = found
            if wish is Wish.NOTHING:
                made = Suppression(Reason.UNSUBSCRIBED, recipient.link, at)
                suppressions.suppress(connection, row.address_hash, made)
            elif _free(connection, row, recipient, at) and wish is not Wish.UNDO:
                wanted = Preference(wish, recipient.campaign if wish is Wish.ONLY_THIS else "", at)
                connection.execute(
                    sa.update(t.supporters)
                    .where(t.supporters.c.id == row.id)
                    .values(preference=wanted.stored(), preferred_at=at)
                )
                recipient = replace(recipient, preference=wanted)
            return replace(recipient, suppression=suppressions.standing(connection, row.address_hash))

    def house(self) -> House:
        latest = (
            sa.select(t.approvals.c.digest, t.bundles.c.body)
            .join(t.bundles, t.bundles.c.digest == t.approvals.c.digest)
            .where(t.approvals.c.world == self._world)
            .order_by(t.approvals.c.id.desc())
            .limit(1)
        )
        with self._reading() as connection:
            row = connection.execute(latest).first()
        facts = _facts(bytes(row.body)) if row else _Facts()
        return House(organisation=facts.organisation, contact=facts.contact)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _answering(), self._database.read() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        if self._world == MADE_UP:
            raise ValueError("people and their wishes are real in this world too: nothing may be changed from here")
        with _answering(), self._database.write() as connection:
            yield connection


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise LedgerError(f"the database does not answer ({type(error).__name__})") from error


def _free(connection: Connection, row: Row[Any], recipient: Recipient, at: datetime) -> bool:
    """Whether nothing bars the person any more, after lifting what their own link has made and may take back."""
    made = recipient.suppression
    if made is None:
        return True
    return recipient.can_undo(at) and suppressions.lift(
        connection, row.address_hash, made, source=f"undone by the {recipient.link}", at=at
    )


def _read(connection: Connection, world: str, delivery: DeliveryId) -> tuple[Row[Any], Recipient] | None:
    d, w, s, b, x = t.deliveries, t.waves, t.supporters, t.bundles, t.suppressions
    variant = _covering(t.batches.c.variant).scalar_subquery()
    query = (
        sa.select(w.c.step, w.c.number, d.c.supporter_id, variant.label("variant"), b.c.body)
        .add_columns(s.c.id, s.c.email, s.c.address_hash, s.c.language, s.c.preference, s.c.preferred_at)
        .add_columns(x.c.reason, x.c.source, x.c.suppressed_at)
        .select_from(d)
        .join(w, w.c.id == d.c.wave_id)
        .outerjoin(b, b.c.digest == w.c.digest)
        .outerjoin(s, s.c.id == d.c.supporter_id)
        .outerjoin(x, x.c.address_hash == s.c.address_hash)
        .where(d.c.wave_id == delivery.wave_id, d.c.seq == delivery.seq, w.c.world == world, w.c.channel == "email")
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    facts = _facts(bytes(row.body)) if row.body is not None else _Facts()
    recipient = Recipient(
        link=f"unsubscribe link of {row.step}#{row.number}",
        campaign=facts.campaign,
        title=facts.title,
        organisation=facts.organisation,
        contact=facts.contact,
        languages=tuple(language for language in (row.variant, row.language, facts.language) if language),
        email=row.email or "",
        suppression=Suppression(Reason(row.reason), row.source, row.suppressed_at) if row.reason else None,
        preference=preference(row.preference or "", row.preferred_at),
    )
    return row, recipient


@lru_cache(maxsize=_MOST_FACTS)
def _facts(body: bytes) -> _Facts:
    """What the bundle says. One that cannot be read says nothing: nobody's wish must fail for it."""
    try:
        plan = unpack_bundle(body).plan
    except (ValueError, zstandard.ZstdError):
        return _Facts()
    sender = plan.sender
    contact = (sender.reply_to or sender.address) if sender else ""
    return _Facts(plan.campaign, plan.title, plan.organisation, contact, plan.language, plan.zone)


def barred(
    connection: Connection, wave_id: int, wishes: Mapping[int, tuple[int, str]], now: datetime, *, claiming: bool
) -> Mapping[int, str]:
    """Those who may not be sent the wave now for what they have asked for, by seq, with the reason.

    ``wishes`` are the supporter's id and their stored preference by seq: only of those who have one. To be called in
    the transaction that claims their batch, ``claiming``: then two waves at the same time send one e-mail to somebody
    who asked for less often, on PostgreSQL too. And again before it leaves, for those who have asked since.
    """
    told = {seq: (person, preference(stored)) for seq, (person, stored) in wishes.items() if stored}
    if not told:
        return {}
    w, b = t.waves, t.bundles
    found = sa.select(w.c.id, w.c.world, w.c.due_at, b.c.body).join(b, b.c.digest == w.c.digest, isouter=True)
    wave = connection.execute(found.where(w.c.id == wave_id)).one()
    facts = _facts(bytes(wave.body)) if wave.body is not None else _Facts()
    gone = {
        seq: ASKED_FOR_ONE
        for seq, (_, wanted) in told.items()
        if wanted.wish is Wish.ONLY_THIS and wanted.campaign != facts.campaign
    }
    less = {person: seq for seq, (person, wanted) in told.items() if wanted.wish is Wish.LESS_OFTEN}
    taken = _decided_elsewhere(connection, list(less)) if claiming else set()
    left = [person for person in less if person not in taken]
    taken |= _had_one(connection, wave, left, facts.zone, now)
    return gone | {seq: ASKED_FOR_LESS for person, seq in less.items() if person in taken}


def _decided_elsewhere(connection: Connection, people: Sequence[int]) -> set[int]:
    """Those about whom another transaction decides at this moment.

    SQLite has one writer. On PostgreSQL two claims could each find that the other has not sent yet; so each takes a
    lock on the person until it ends. Nobody waits for it, or two claims could wait for each other: who comes second
    takes it that the first sends. The keys are negative, since the program's other advisory locks are not.
    """
    if connection.dialect.name != "postgresql" or not people:
        return set()
    each = sa.func.unnest(sa.cast(list(people), sa.ARRAY(sa.BigInteger))).table_valued("person").render_derived()
    mine = sa.func.pg_try_advisory_xact_lock(-each.c.person)
    return {person for person, got in connection.execute(sa.select(each.c.person, mine)) if not got}


def _had_one(
    connection: Connection, wave: Row[Any, Any, Any, Any], people: Sequence[int], zone: str, now: datetime
) -> set[int]:
    """Those whom another e-mail went to, or goes to, within seven days of this one, by the calendar where they live.

    By the calendar, because what comes every week at nine is a week apart even if the last one was an hour late or the
    clocks changed in between.
    """
    at = max(wave.due_at, now)
    had = set()
    for row in connection.execute(_others(wave, among(connection, t.deliveries.c.supporter_id, people), at)):
        state = State(row.state)
        if state not in _GOES_OUT:
            continue
        began = now if state is State.CLAIMED or row.began_at is None else row.began_at
        # What is handed over ahead of its instant arrives at its instant.
        if _too_close(at, max(row.due_at, began), row.zone or zone):
            had.add(row.supporter_id)
    return had


def _others(wave: Row[Any, Any, Any, Any], of_these: Any, at: datetime) -> sa.Select[Any]:
    """The other e-mails ``of_these`` in this world that may be less than so many days away from ``at``."""
    d, w, o, b, a, s = t.deliveries, t.waves, t.outcomes, t.batches, t.attempts, t.supporters
    since = at - timedelta(days=SPACING_DAYS + 1)
    theirs = (
        sa.select(d.c.supporter_id, w.c.due_at, o.c.state)
        .add_columns(
            sa.case((o.c.seq.is_(None), _covering(b.c.id).scalar_subquery()), else_=o.c.batch_id).label("batch_id")
        )
        .select_from(d)
        .join(w, w.c.id == d.c.wave_id)
        .outerjoin(o, sa.and_(o.c.wave_id == d.c.wave_id, o.c.seq == d.c.seq))
        .where(
            of_these,
            d.c.wave_id != wave.id,
            w.c.world == wave.world,
            w.c.channel == "email",
            sa.or_(w.c.finished_at.is_(None), w.c.finished_at > since, w.c.due_at > since),
        )
        .subquery()
    )
    return (
        sa.select(theirs.c.supporter_id, theirs.c.due_at, s.c.zone, a.c.began_at)
        .add_columns(sa.func.coalesce(theirs.c.state, b.c.state).label("state"))
        .select_from(theirs)
        .join(s, s.c.id == theirs.c.supporter_id)
        .join(b, b.c.id == theirs.c.batch_id)
        .outerjoin(a, a.c.id == b.c.attempt_id)
    )


def _covering(column: ColumnElement[Any]) -> sa.Select[Any]:
    """A column of the regular batch that covers a delivery of the query around it."""
    d, b = t.deliveries, t.batches
    return (
        sa.select(column)
        .where(b.c.wave_id == d.c.wave_id, b.c.regular, b.c.first_seq <= d.c.seq, b.c.last_seq >= d.c.seq)
        .order_by(b.c.first_seq.desc())
        .limit(1)
        .correlate(d)
    )


def _too_close(one: datetime, other: datetime, zone: str) -> bool:
    where = _zone(zone)
    return abs((one.astimezone(where).date() - other.astimezone(where).date()).days) < SPACING_DAYS


@lru_cache(maxsize=_MOST_FACTS)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # what ZoneInfo raises for a name that is none
        return UTC
