"""What became of talks, as people say."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add their table."""
    op.create_table(
        "outcome",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("call_id", sa.String(36), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("lead_id", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.String(63), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("is_secondary", sa.Boolean(), nullable=True),
        sa.Column("right_party", sa.Boolean(), nullable=True),
        sa.Column("refusal", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(63), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("corrects", sa.String(63), nullable=False),
        sa.Column("followed", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_outcome_call", "outcome", ["call_id"])
    op.create_index("ix_outcome_campaign", "outcome", ["campaign_id"])


def downgrade() -> None:
    """Back to 0012."""
    op.drop_table("outcome")
