"""The tables. How they are used is told in docs/ledger.md.

The hot path writes once for each batch, not for each recipient: a delivery's state is that of the regular batch
whose range covers it, unless it has a row of its own in ``outcomes``.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from campaign.storage.columns import Id, Utc, metadata, text
from campaign.storage.steering_tables import (
    buckets,
    conditions,
    confirmations,
    notices,
    resolutions,
    stops,
    top_ups,
)

__all__ = [
    "approvals",
    "attempts",
    "batches",
    "buckets",
    "bundles",
    "conditions",
    "confirmations",
    "counts",
    "decisions",
    "deliveries",
    "events",
    "gates",
    "groups",
    "inbox",
    "media",
    "meta",
    "metadata",
    "metrics",
    "notices",
    "outcomes",
    "resolutions",
    "retractions",
    "sent_tests",
    "spending",
    "stops",
    "supporters",
    "suppression_history",
    "suppressions",
    "tokens",
    "top_ups",
    "waves",
]

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

supporters = Table(
    "supporters",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False, unique=True),  # what an address is matched by: see storage.addresses
    Column("address_hash", LargeBinary, nullable=False),  # what suppressions are matched by
    text("first_name"),
    text("last_name"),
    text("language"),
    text("zone"),
    text("country"),
    text("region"),
    text("postal_code"),
    text("tags"),  # ",one,two," so that one tag is found by LIKE '%,one,%'; "" is none
    text("consent_basis"),  # "" is none
    text("consent_source"),
    Column("consent_at", Utc),
    text("consent_text"),
    Column("acted_at", Utc),
    text("extra"),  # JSON object of the columns we have no name for; "" is none
    text("preference"),  # how often they want to hear from us; "" is always: see storage.preferences
    Column("preferred_at", Utc),
    Column("added_at", Utc, nullable=False),
    Column("changed_at", Utc, nullable=False),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address_hash", LargeBinary, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("suppressed_at", Utc, nullable=False),
)

suppression_history = Table(
    "suppression_history",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("address_hash", LargeBinary, nullable=False, index=True),
    Column("what", Text, nullable=False),  # suppressed | lifted
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("happened_at", Utc, nullable=False),
)

bundles = Table(
    "bundles",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),  # zstd of the bundle's JSON
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("world", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("approved_at", Utc, nullable=False),
    Column("parts", Text, nullable=False),  # JSON: what was approved, for a diff
    text("author"),  # who had written it, as the plan said
    Column("needed", Integer, nullable=False, server_default="1"),  # how many people it takes
    Index(None, "world", "step"),
)

waves = Table(
    "waves",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("world", Text, nullable=False),  # live | sandbox | rehearsal
    Column("step", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("due_at", Utc, nullable=False),
    Column("late_s", Integer, nullable=False),
    Column("late_then", Text, nullable=False),
    Column("zones", Text),  # JSON list; NULL is everybody
    Column("state", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("planned", Integer, nullable=False, server_default="0"),
    Column("prepared_at", Utc),
    Column("first_sent_at", Utc),
    Column("finished_at", Utc),
    text("why"),
    Column("reads", Text),  # JSON list: the supporter's attributes that its e-mail is filled from; NULL is all
    Column("ahead_s", Integer, nullable=False, server_default="0"),  # handed over so long before its instant
    text("arm"),
    Column("share_start", Integer),  # NULL: everybody; else who draws from here
    Column("share_end", Integer),  # to here, in 1/10,000
    Column("seed", Id, nullable=False, server_default="0"),
    Column("media", Text),  # JSON: what each part of its post shows, fitted to its network; NULL is nothing
    Column("most", Integer),  # a ramp's: at most so many people; NULL is no limit
    text("paces"),  # JSON: the rates that it keeps to, each with its bucket; "" is none
    UniqueConstraint("world", "step", "number"),
    Index(None, "world", "state", "due_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("wave_id", Id, ForeignKey("waves.id"), primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("supporter_id", Id, index=True),  # NULL: a post; 0: a person who was forgotten; so no foreign key
    sqlite_with_rowid=False,
)

batches = Table(
    "batches",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("wave_id", Id, ForeignKey("waves.id"), nullable=False),
    Column("regular", Boolean, nullable=False),  # covers a range; else its members are the outcomes that name it
    Column("first_seq", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    text("variant"),  # the message's language (e-mail)
    text("account"),  # posts
    text("domain"),  # the mailbox domain of all its people, where that has a rate of its own; "" is any other
    Column("state", Text, nullable=False),
    Column("due_at", Utc, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("attempt_id", Id),  # the last attempt that was begun
    Column("begun", Boolean, nullable=False, server_default=sa.false()),  # this claim's attempt has begun
    text("owner"),
    Column("lease_until_at", Utc),
    text("ref"),
    text("why"),
    Column("group_id", Id, index=True),  # staged: the group it was handed over in; NULL: none
    Column("changed_at", Utc, nullable=False),
    Index(None, "wave_id", "first_seq"),
    Index(None, "state", "due_at"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("wave_id", Id, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("batch_id", Id, index=True),  # the batch that answers for it now; NULL: none ever did
    text("ref"),
    text("url"),
    text("why"),
    Column("changed_at", Utc, nullable=False),
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("batch_id", Id, ForeignKey("batches.id"), nullable=False, index=True),
    Column("began_at", Utc, nullable=False),
    Column("ended_at", Utc),
    text("outcome"),  # "998 accepted, 2 refused"
    Column("payload", LargeBinary, nullable=False),  # zstd: the members' seqs and the bytes handed over
)

counts = Table(
    "counts",
    metadata,
    Column("wave_id", Id, primary_key=True, autoincrement=False),
    Column("state", Text, primary_key=True),
    Column("n", Integer, nullable=False),
)

gates = Table(
    "gates",
    metadata,
    Column("world", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("account", Text, primary_key=True),  # "" is the whole channel
    Column("until_at", Utc, nullable=False),
    text("why"),
)

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("channel", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("wave_id", Id, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("happened_at", Utc, nullable=False),
    text("why"),
    text("machine"),  # why it is held to be a program's; "" is a person's
    text("link"),
    UniqueConstraint("channel", "event_id"),
    Index(None, "wave_id", "seq"),
    # Those alone that breakers count at each look: what opens and clicks leave is a hundred times as much.
    # WHERE kind = 'blocked', as its migration has it: to say it here would load both databases' dialects each time.
    Index("ix_events_blocked", "wave_id", "seq"),
)

groups = Table(  # batches that a provider holds until their instant, and lets go or cancels together
    "groups",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("wave_id", Id, ForeignKey("waves.id"), nullable=False, index=True),
    Column("ref", Text, nullable=False),  # the provider's own id of it
    Column("state", Text, nullable=False),  # open | full | cancelling | cancelled
    Column("room", Integer, nullable=False),  # batches it still takes
    Column("send_at", Utc, nullable=False),
    Column("made_at", Utc, nullable=False),
    Column("changed_at", Utc, nullable=False),
    text("why"),
)

inbox = Table(  # what providers have posted to the webhook, as it came
    "inbox",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("channel", Text, nullable=False),
    Column("received_at", Utc, nullable=False, index=True),
    Column("applied_at", Utc, index=True),  # NULL: not yet
    text("why"),  # what of it could not be read; "" is nothing
    Column("body", LargeBinary, nullable=False),  # zstd of the raw request body; last, for what is read without it
)

sent_tests = Table(  # e-mails that were sent to try a step; to whom is not kept
    "sent_tests",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("world", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("digest", Text, nullable=False),  # of the step as it was then
    Column("by", Text, nullable=False),
    Column("sent_at", Utc, nullable=False),
    Column("addresses", Integer, nullable=False),
    Column("mails", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    Index(None, "world", "step"),
)

decisions = Table(  # what an A/B test has found, or a person has said
    "decisions",
    metadata,
    Column("world", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("arm", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("decided_at", Utc, nullable=False),
    Column("figures", Text, nullable=False),  # JSON: each arm's figures as they were
)

media = Table(  # pictures and videos: those that were approved, and as they were fitted to a network
    "media",
    metadata,
    Column("digest", Text, primary_key=True),  # SHA-256 of the body, in hex
    Column("body", LargeBinary, nullable=False),
)

spending = Table(  # what a wave costs, reserved when it is prepared
    "spending",
    metadata,
    Column("wave_id", Id, ForeignKey("waves.id"), primary_key=True, autoincrement=False),
    Column("world", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("micro_usd", BigInteger, nullable=False),
    Column("reserved_at", Utc, nullable=False),
    Index(None, "world", "channel"),
)

metrics = Table(  # the public figures of posts, each time they were read; NULL: the network does not tell
    "metrics",
    metadata,
    Column("wave_id", Id, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("read_at", Utc, primary_key=True),
    Column("likes", BigInteger),
    Column("reposts", BigInteger),
    Column("replies", BigInteger),
    Column("views", BigInteger),
)

retractions = Table(  # posts that somebody wants deleted
    "retractions",
    metadata,
    Column("wave_id", Id, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("by", Text, nullable=False),
    Column("posted_at", Utc, nullable=False),  # as the outcome says until it is deleted
    Column("asked_at", Utc, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Utc, nullable=False),
    Column("ended_at", Utc),  # NULL: it still stands, as far as we know
    text("why"),
)

tokens = Table(  # credentials that a network renews: only the newest is good
    "tokens",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),  # encrypted with a key made from the secret key
    Column("changed_at", Utc, nullable=False),
)
