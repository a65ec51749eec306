"""The tables by which people steer a rollout, and what is told and done of it afterwards; see ``tables``."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from campaign.storage.columns import Id, Utc, metadata, text

stops = Table(  # what people, or a breaker, have stopped: everything, or one step
    "stops",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("world", Text, nullable=False),
    Column("step", Text, nullable=False),  # "": everything
    Column("by", Text, nullable=False),
    text("why"),
    Column("stopped_at", Utc, nullable=False),
    Column("ended_at", Utc),  # NULL: it holds
    text("ended_by"),
    text("gauge"),  # a breaker's: JSON, how step and channel stood when it was ended; "" is not known yet
    Index(None, "world", "ended_at"),
)

confirmations = Table(  # that somebody is there: the dead man's switch
    "confirmations",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("world", Text, nullable=False, index=True),
    Column("by", Text, nullable=False),
    Column("confirmed_at", Utc, nullable=False),
)

conditions = Table(  # what a wave waits for, and whether it has come true
    "conditions",
    metadata,
    Column("wave_id", Id, ForeignKey("waves.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),  # its place in the step, from 0
    Column("looked_at", Utc, nullable=False),
    Column("met_at", Utc),  # NULL: not yet
    text("evidence"),  # what was seen when it was looked at
)

buckets = Table(  # what a pace leaves to be sent: right across processes and restarts
    "buckets",
    metadata,
    Column("world", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # the step, and the mailbox domain where it is a domain's
    Column("tokens", Float, nullable=False),
    Column("filled_at", Utc, nullable=False),
)

notices = Table(  # what people are told of, each once
    "notices",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("world", Text, nullable=False),
    Column("key", Text, nullable=False),  # what makes it the same notice
    text("place"),  # where it is to be sent; "": that it was made, sent to nobody
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("made_at", Utc, nullable=False),
    Column("due_at", Utc, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("ended_at", Utc),  # NULL: still to be sent
    text("why"),  # why it was not sent; "" is no reason
    UniqueConstraint("world", "key", "place"),
    Index(None, "world", "ended_at"),
)

resolutions = Table(  # what a person has said of a batch in doubt
    "resolutions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("wave_id", Id, ForeignKey("waves.id"), nullable=False, index=True),
    Column("batch_id", Id, nullable=False),
    Column("attempt_id", Id, nullable=False),  # the attempt that was in doubt
    Column("seqs", Text, nullable=False),  # JSON: its deliveries, as ranges from first to last
    Column("number", Integer, nullable=False),  # how many these are
    Column("word", Text, nullable=False),  # accepted | not_sent
    Column("by", Text, nullable=False),
    text("why"),
    Column("said_at", Utc, nullable=False),
    Column("corrected_at", Utc),  # an event has shown that it was wrong; NULL: none has
    text("evidence"),
)

top_ups = Table(  # what was sent, or posted, to those who should have got a step and did not
    "top_ups",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("wave_id", Id, ForeignKey("waves.id"), nullable=False, index=True),
    Column("by", Text, nullable=False),
    text("why"),
    Column("topped_up_at", Utc, nullable=False),
    Column("number", Integer, nullable=False),  # of people or parts
    Column("reasons", Text, nullable=False),  # JSON: how many of them for which reason
)
