"""Results by segment and hour, the hour a lead waits for, and appointments."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_HOUR = sa.text("hour_ms IS NOT NULL")
_SEGMENT = sa.text("segment IS NOT NULL")


def upgrade() -> None:
    """Widen lead, with indexes of the few leads that they concern; begin to count."""
    op.add_column("lead", sa.Column("hour_ms", sa.BigInteger(), nullable=True))
    op.add_column("lead", sa.Column("segment", sa.String(80), nullable=True))
    op.create_index("ix_lead_hour", "lead", ["campaign_id", "hour_ms"], sqlite_where=_HOUR, postgresql_where=_HOUR)
    columns = ["campaign_id", "state", "zones", "segment", "due_ms"]
    op.create_index("ix_lead_segment", "lead", columns, sqlite_where=_SEGMENT, postgresql_where=_SEGMENT)
    op.create_table(
        "rate",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("segment", sa.String(80), nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("calls", "reached", "persons", "responses", "early", "billed_ms")),
        sa.PrimaryKeyConstraint("campaign_id", "segment", "hour"),
    )
    op.create_table(
        "appointment",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("lead_id", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(8), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("agent", sa.String(63), nullable=False),
        sa.Column("decision_ms", sa.BigInteger(), nullable=True),
        sa.Column("decider", sa.String(200), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("made_in", sa.String(36), nullable=False),
        sa.Column("kept_ms", sa.BigInteger(), nullable=True),
        sa.Column("kept_by", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_appointment_lead", "appointment", ["lead_id"])
    op.create_index("ix_appointment_at", "appointment", ["campaign_id", "at_ms"])


def downgrade() -> None:
    """Back to 0010."""
    op.drop_table("appointment")
    op.drop_table("rate")
    op.drop_index("ix_lead_segment", table_name="lead")
    op.drop_index("ix_lead_hour", table_name="lead")
    op.drop_column("lead", "segment")
    op.drop_column("lead", "hour_ms")
