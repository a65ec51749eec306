"""Staged hand-off, the webhook's inbox, A/B tests, and how often people want to hear from us."""

import sqlalchemy as sa
from alembic import op

from campaign.storage.columns import Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_DECIDING = ("address_hash", "consent_basis", "preference")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def upgrade() -> None:
    op.add_column("supporters", _text("preference"))
    op.add_column("supporters", sa.Column("preferred_at", Utc()))
    op.add_column("waves", sa.Column("reads", sa.Text()))
    op.add_column("waves", sa.Column("ahead_s", sa.Integer(), server_default="0", nullable=False))
    op.add_column("waves", _text("arm"))
    op.add_column("waves", sa.Column("share_start", sa.Integer()))
    op.add_column("waves", sa.Column("share_end", sa.Integer()))
    op.add_column("waves", sa.Column("seed", ID, server_default="0", nullable=False))
    op.add_column("batches", sa.Column("group_id", ID))
    op.create_index(op.f("ix_batches_group_id"), "batches", ["group_id"], unique=False)
    op.add_column("events", _text("machine"))
    op.add_column("events", _text("link"))
    op.create_table(
        "groups",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("wave_id", ID, nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("room", sa.Integer(), nullable=False),
        sa.Column("send_at", Utc(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("changed_at", Utc(), nullable=False),
        _text("why"),
        sa.ForeignKeyConstraint(["wave_id"], ["waves.id"], name=op.f("fk_groups_wave_id_waves")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
    )
    op.create_index(op.f("ix_groups_wave_id"), "groups", ["wave_id"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("applied_at", Utc()),
        _text("why"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
    )
    op.create_index(op.f("ix_inbox_received_at"), "inbox", ["received_at"], unique=False)
    op.create_index(op.f("ix_inbox_applied_at"), "inbox", ["applied_at"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("arm", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("decided_at", Utc(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("world", "step", name=op.f("pk_decisions")),
    )
    op.create_table(
        "sent_tests",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("world", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=False),
        sa.Column("addresses", sa.Integer(), nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sent_tests")),
    )
    op.create_index(op.f("ix_sent_tests_world_step"), "sent_tests", ["world", "step"], unique=False)
    # Until now a rehearsal kept under this name how many supporters it has.
    op.execute("UPDATE meta SET key = 'supporters' WHERE key = 'people'")
    if op.get_bind().dialect.name == "sqlite":
        _notice_changes()


def _notice_changes() -> None:
    """Count what may decide that somebody must not be written to: while the count stands, nobody need be read again.

    Triggers, because no writer can forget them. On SQLite alone, which has one writer at a time: on PostgreSQL all who
    write would wait for each other at the count.
    """
    op.execute("INSERT INTO meta (key, value) VALUES ('people', '0')")
    counted = "BEGIN UPDATE meta SET value = value + 1 WHERE key = 'people'; END"
    differs = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in _DECIDING)
    for name, when in (
        ("suppressions_inserted", "INSERT ON suppressions"),
        ("suppressions_updated", "UPDATE ON suppressions"),
        ("supporters_deleted", "DELETE ON supporters"),
        ("supporters_updated", f"UPDATE OF {', '.join(_DECIDING)} ON supporters WHEN {differs}"),
    ):
        op.execute(f"CREATE TRIGGER {name} AFTER {when} {counted}")
