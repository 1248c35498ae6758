"""Agents: who talked in a call, and what each agent did when."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is missing."""
    op.add_column("call", sa.Column("agent", sa.String(length=63), server_default="", nullable=False))
    op.add_column("call", sa.Column("queued_ms", sa.Integer(), nullable=True))
    op.add_column("call", sa.Column("connected_ms", sa.Integer(), nullable=True))
    op.add_column("call", sa.Column("talk_ms", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "agent_log",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("node", sa.String(length=63), nullable=False),
        sa.Column("agent", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("campaign", sa.String(length=63), nullable=False),
        sa.Column("call_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_agent_log_from", "agent_log", ["from_ms"])


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("agent_log")
    for column in ("talk_ms", "connected_ms", "queued_ms", "agent"):
        op.drop_column("call", column)
