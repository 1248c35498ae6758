"""Leads that are handed out, teams of agents, and the book of exports."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OWNED = sa.text("owner <> ''")


def upgrade() -> None:
    """Widen lead, with an index of the leads that have an owner, and add the tables of teams and of exports."""
    op.add_column("lead", sa.Column("owner", sa.String(80), nullable=False, server_default=""))
    columns = ["campaign_id", "state", "owner", "zones", "due_ms"]
    op.create_index("ix_lead_owner", "lead", columns, sqlite_where=_OWNED, postgresql_where=_OWNED)
    op.create_table(
        "team",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("agent", sa.String(63), nullable=False),
        sa.PrimaryKeyConstraint("name", "agent"),
    )
    op.create_table(
        "export_log",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(63), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("campaign", sa.String(63), nullable=False),
        sa.Column("owner", sa.String(80), nullable=False),
        sa.Column("file", sa.String(500), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("whole_numbers", sa.Boolean(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    """Back to 0011; leads that were handed out are everybody's."""
    op.execute("UPDATE lead SET state = 'open' WHERE state = 'handed'")
    op.drop_table("export_log")
    op.drop_table("team")
    op.drop_index("ix_lead_owner", table_name="lead")
    op.drop_column("lead", "owner")
