"""The life of campaigns: their stage, their trial, and the journal of who ordered what."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Widen campaign and give every campaign the stage that it had by what was wanted of it."""
    op.add_column("campaign", sa.Column("stage", sa.String(length=16), server_default="draft", nullable=False))
    op.add_column("campaign", sa.Column("trial", sa.JSON(), nullable=True))
    op.execute("UPDATE campaign SET stage = wanted WHERE wanted <> 'idle'")
    op.execute("UPDATE campaign SET stage = 'data_ready' WHERE wanted = 'idle' AND id IN (SELECT campaign_id FROM lead)")
    op.create_table(
        "campaign_life",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("by", sa.String(length=63), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("before", sa.String(length=16), nullable=True),
        sa.Column("after", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("data", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_campaign_life", "campaign_life", ["campaign_id", "what"])


def downgrade() -> None:
    """Back to 0009."""
    op.drop_table("campaign_life")
    op.drop_column("campaign", "trial")
    op.drop_column("campaign", "stage")
