"""Segments and audiences as SQL conditions over the supporters table, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from campaign.model.draw import drawn
from campaign.model.preference import ONE_CAMPAIGN
from campaign.model.segment import Audience, Segment
from campaign.model.supporter import Basis
from campaign.storage import places
from campaign.storage.tables import deliveries, supporters, suppressions

NO_CONSENT = "no consent"


@lru_cache(maxsize=10_000)
def tag_key(tag: str) -> str:
    """A tag as it is stored and matched: lower case, without commas (they divide tags), white space folded.

    SQLite's LIKE takes ASCII letters of either case as equal and PostgreSQL's does not; where both sides are
    lower case, they agree.
    """
    return " ".join(tag.replace(",", " ").lower().split())


def stored_tags(tags: Iterable[str]) -> str:
    """``,one,two,``: each tag once, in the order given; ``""`` where there is none."""
    keys = dict.fromkeys(key for key in map(tag_key, tags) if key)
    return f",{','.join(keys)}," if keys else ""


def read_tags(stored: str) -> tuple[str, ...]:
    return tuple(stored[1:-1].split(",")) if stored else ()


def matches(segment: Segment) -> ColumnElement[bool]:
    """Whether a supporter meets every condition of ``segment``."""
    conditions: list[ColumnElement[bool]] = [tagged(tag) for tag in segment.tags_all]
    if segment.tags_any:
        conditions.append(sa.or_(*map(tagged, segment.tags_any)))
    conditions += [~tagged(tag) for tag in segment.tags_none]
    if segment.languages:
        conditions.append(supporters.c.language.in_([language.lower() for language in segment.languages]))
    if segment.countries:
        conditions.append(supporters.c.country.in_([country.upper() for country in segment.countries]))
    if segment.regions:
        conditions.append(supporters.c.region.in_(segment.regions))
    if segment.acted is not None:
        conditions.append(supporters.c.acted_at.is_not(None) if segment.acted else supporters.c.acted_at.is_(None))
    return sa.and_(sa.true(), *conditions)


def meets(
    segment: Segment, *, tags: Collection[str], acted: bool, language: str = "", country: str = "", region: str = ""
) -> bool:
    """The same of somebody of whom that is known; ``tags`` are as they are stored."""

    def carries(tag: str) -> bool:
        return tag_key(tag) in tags

    return (
        all(map(carries, segment.tags_all))
        and (not segment.tags_any or any(map(carries, segment.tags_any)))
        and not any(map(carries, segment.tags_none))
        and (not segment.languages or language in {one.lower() for one in segment.languages})
        and (not segment.countries or country in {one.upper() for one in segment.countries})
        and (not segment.regions or region in segment.regions)
        and segment.acted in (None, acted)
    )


def in_zones(audience: Audience) -> ColumnElement[bool]:
    """Whether a supporter is in one of the audience's zones: by their own, else by where they are, else at home."""
    if audience.zones is None:
        return sa.true()
    return places.is_in(audience.zones, home_zone=audience.home_zone)


def in_share(audience: Audience) -> ColumnElement[bool]:
    """Whether a supporter's draw lies in the audience's share."""
    share = audience.share
    if share is None:
        return sa.true()
    condition: ColumnElement[bool] = drawn(supporters.c.id, share.seed).between(share.start, share.end - 1)
    return condition


def in_none_of(waves: Collection[int]) -> ColumnElement[bool]:
    """Whether a supporter has no delivery in any of these waves."""
    if not waves:
        return sa.true()
    theirs = sa.select(sa.literal(1)).where(
        deliveries.c.supporter_id == supporters.c.id, deliveries.c.wave_id.in_(sorted(waves))
    )
    return ~theirs.exists().correlate(supporters)


def mailbox_domain(dialect: str) -> ColumnElement[str]:
    """What stands behind the @ of a supporter's address, in small letters."""
    position = sa.func.instr if dialect == "sqlite" else sa.func.strpos
    key = supporters.c.email_key
    return sa.func.substr(key, position(key, "@") + 1, type_=sa.Text)


def variant(audience: Audience) -> ColumnElement[str]:
    """The language in which a supporter gets the message: their own if there is a variant in it, else the first."""
    first = sa.literal(audience.variants[0], sa.Text)
    others = [language for language in audience.variants[1:] if language]
    if not others:
        return first
    return sa.case((supporters.c.language.in_(others), supporters.c.language), else_=first)


def suppressed() -> ColumnElement[bool]:
    """Whether the supporter's address must not be sent to."""
    return sa.exists().where(suppressions.c.address_hash == supporters.c.address_hash).correlate(supporters)


def without_consent() -> ColumnElement[bool]:
    return supporters.c.consent_basis.in_(["", Basis.NONE.value])


def elsewhere(campaign: str) -> ColumnElement[bool]:
    """Whether a supporter asked for one other campaign than this, and for no more than that."""
    wish = supporters.c.preference
    return sa.and_(wish.startswith(ONE_CAMPAIGN, autoescape=True), wish != ONE_CAMPAIGN + campaign)


def reachable(audience: Audience) -> ColumnElement[bool]:
    """Whether a supporter belongs to the audience and may be sent to."""
    may = sa.and_(~suppressed(), ~without_consent(), ~elsewhere(audience.campaign))
    return sa.and_(matches(audience.segment), in_zones(audience), in_share(audience), may)


def tagged(tag: str) -> ColumnElement[bool]:
    """Whether a supporter carries the tag."""
    key = tag_key(tag)
    if not key:
        return sa.false()  # nobody carries the empty tag
    return supporters.c.tags.contains(f",{key},", autoescape=True)
