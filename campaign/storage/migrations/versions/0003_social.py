"""Media, what posts cost and how they fare, posts that are taken back, and tokens that are renewed."""

import sqlalchemy as sa
from alembic import op

from campaign.storage.columns import Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def upgrade() -> None:
    op.add_column("waves", sa.Column("media", sa.Text()))
    op.create_table(
        "media",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_media")),
    )
    op.create_table(
        "spending",
        sa.Column("wave_id", ID, nullable=False),
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("reserved_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["wave_id"], ["waves.id"], name=op.f("fk_spending_wave_id_waves")),
        sa.PrimaryKeyConstraint("wave_id", name=op.f("pk_spending")),
    )
    op.create_index(op.f("ix_spending_world_channel"), "spending", ["world", "channel"], unique=False)
    op.create_table(
        "metrics",
        sa.Column("wave_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("read_at", Utc(), nullable=False),
        sa.Column("likes", sa.BigInteger()),
        sa.Column("reposts", sa.BigInteger()),
        sa.Column("replies", sa.BigInteger()),
        sa.Column("views", sa.BigInteger()),
        sa.PrimaryKeyConstraint("wave_id", "seq", "read_at", name=op.f("pk_metrics")),
    )
    op.create_table(
        "retractions",
        sa.Column("wave_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("posted_at", Utc(), nullable=False),
        sa.Column("asked_at", Utc(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", Utc(), nullable=False),
        sa.Column("ended_at", Utc()),
        _text("why"),
        sa.PrimaryKeyConstraint("wave_id", "seq", name=op.f("pk_retractions")),
    )
    op.create_table(
        "tokens",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "account", name=op.f("pk_tokens")),
    )
