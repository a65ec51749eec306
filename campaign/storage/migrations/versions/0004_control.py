"""Stops, confirmations, conditions, paces and notices."""

import sqlalchemy as sa
from alembic import op

from campaign.storage.columns import Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def upgrade() -> None:
    op.add_column("approvals", _text("author"))
    op.add_column("waves", sa.Column("most", sa.Integer()))
    op.add_column("waves", _text("paces"))
    op.create_index(
        "ix_events_blocked",
        "events",
        ["wave_id", "seq"],
        unique=False,
        sqlite_where=sa.text("kind = 'blocked'"),
        postgresql_where=sa.text("kind = 'blocked'"),
    )
    op.create_table(
        "stops",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        _text("why"),
        sa.Column("stopped_at", Utc(), nullable=False),
        sa.Column("ended_at", Utc()),
        _text("ended_by"),
        _text("gauge"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stops")),
    )
    op.create_index(op.f("ix_stops_world_ended_at"), "stops", ["world", "ended_at"], unique=False)
    op.create_table(
        "confirmations",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("confirmed_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_confirmations")),
    )
    op.create_index(op.f("ix_confirmations_world"), "confirmations", ["world"], unique=False)
    op.create_table(
        "conditions",
        sa.Column("wave_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("looked_at", Utc(), nullable=False),
        sa.Column("met_at", Utc()),
        _text("evidence"),
        sa.ForeignKeyConstraint(["wave_id"], ["waves.id"], name=op.f("fk_conditions_wave_id_waves")),
        sa.PrimaryKeyConstraint("wave_id", "number", name=op.f("pk_conditions")),
    )
    op.create_table(
        "buckets",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("filled_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("world", "name", name=op.f("pk_buckets")),
    )
    op.create_table(
        "notices",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        _text("place"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("due_at", Utc(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ended_at", Utc()),
        _text("why"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("world", "key", "place", name=op.f("uq_notices_world_key_place")),
    )
    op.create_index(op.f("ix_notices_world_ended_at"), "notices", ["world", "ended_at"], unique=False)
    op.create_table(
        "resolutions",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("wave_id", ID, nullable=False),
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("attempt_id", ID, nullable=False),
        sa.Column("seqs", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        _text("why"),
        sa.Column("said_at", Utc(), nullable=False),
        sa.Column("corrected_at", Utc()),
        _text("evidence"),
        sa.ForeignKeyConstraint(["wave_id"], ["waves.id"], name=op.f("fk_resolutions_wave_id_waves")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resolutions")),
    )
    op.create_index(op.f("ix_resolutions_wave_id"), "resolutions", ["wave_id"], unique=False)
    op.create_table(
        "top_ups",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("wave_id", ID, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        _text("why"),
        sa.Column("topped_up_at", Utc(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["wave_id"], ["waves.id"], name=op.f("fk_top_ups_wave_id_waves")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_top_ups")),
    )
    op.create_index(op.f("ix_top_ups_wave_id"), "top_ups", ["wave_id"], unique=False)
