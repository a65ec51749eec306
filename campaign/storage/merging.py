"""What is known of a person once a list that says more has come in."""

from __future__ import annotations

from itertools import chain
from typing import Any

import orjson

from campaign.model.supporter import Basis
from campaign.storage.bulk import KEPT_IF_EMPTY, Row
from campaign.storage.segments import stored_tags

MOST_EXTRA = 100
"""Entries kept of a person's ``extra`` over all imports; the newest win."""

_STRENGTH = {"": 0, Basis.NONE: 1, Basis.OPT_IN: 2, Basis.MEMBER: 2, Basis.PARTNER: 2, Basis.DOUBLE_OPT_IN: 3}


def merged(known: Row, row: Row) -> Row:
    """What is known of a person after ``row``: ``known`` itself where the row says nothing new.

    What the row leaves empty is kept; tags and extra are united; the first action stays. A consent is replaced by a
    stronger one, or by a later one as strong (double opt-in is stronger than opt-in, member and partner, these than
    none): a weaker one would lose the proof of the stronger.
    """
    changes: dict[str, Any] = {
        name: new for name in KEPT_IF_EMPTY if (new := getattr(row, name)) and new != getattr(known, name)
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
