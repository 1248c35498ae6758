"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "campaign",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("wanted", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "import_staged",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("raw", sa.String(length=500), nullable=False),
        sa.Column("e164", sa.String(length=24), nullable=False),
        sa.Column("region", sa.String(length=3), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("zones", sa.String(length=500), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "line"),
    )
    op.create_table(
        "journal",
        sa.Column("call_id", sa.String(length=36), nullable=False),
        sa.Column("node", sa.String(length=63), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("lead_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("dialled", sa.String(length=64), nullable=False),
        sa.Column("intent_ms", sa.BigInteger(), nullable=False),
        sa.Column("seized_ms", sa.BigInteger(), nullable=True),
        sa.Column("result_ms", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("call_id"),
    )
    op.create_index(
        "ix_journal_open",
        "journal",
        ["node"],
        unique=False,
        sqlite_where=sa.text("result_ms IS NULL"),
        postgresql_where=sa.text("result_ms IS NULL"),
    )
    op.create_table(
        "import_report",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("encoding", sa.String(length=16), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("mended", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "lead",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("raw", sa.String(length=500), nullable=False),
        sa.Column("e164", sa.String(length=24), nullable=False),
        sa.Column("region", sa.String(length=3), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("zones", sa.String(length=500), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tries", sa.JSON(), nullable=False),
        sa.Column("last", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign_id", "e164", name="uq_lead_campaign_number"),
    )
    op.create_index("ix_lead_due", "lead", ["campaign_id", "state", "zones", "due_ms"], unique=False)
    op.create_table(
        "call",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("lead_id", _ID, nullable=False),
        sa.Column("number", sa.String(length=500), nullable=False),
        sa.Column("dialled", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("span", sa.Integer(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=False),
        sa.Column("proceeding_ms", sa.Integer(), nullable=True),
        sa.Column("ringing_ms", sa.Integer(), nullable=True),
        sa.Column("answered_ms", sa.Integer(), nullable=True),
        sa.Column("verdict_ms", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("billed_ms", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Integer(), nullable=True),
        sa.Column("location", sa.Integer(), nullable=True),
        sa.Column("ended_by", sa.String(length=8), nullable=True),
        sa.Column("disposition", sa.String(length=16), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("digits", sa.String(length=64), nullable=False),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.Column("prompt_played_ms", sa.Integer(), nullable=False),
        sa.Column("message_left", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"]),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_call_campaign", "call", ["campaign_id", "disposition"], unique=False)
    op.create_index("ix_call_lead", "call", ["lead_id"], unique=False)
    op.create_table(
        "reject",
        sa.Column("import_id", _ID, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("value", sa.String(length=500), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("mend", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["import_report.id"]),
        sa.PrimaryKeyConstraint("import_id", "line"),
    )


def downgrade() -> None:
    """Drop every table."""
    op.drop_table("reject")
    op.drop_index("ix_call_lead", table_name="call")
    op.drop_index("ix_call_campaign", table_name="call")
    op.drop_table("call")
    op.drop_index("ix_lead_due", table_name="lead")
    op.drop_table("lead")
    op.drop_table("import_report")
    op.drop_index(
        "ix_journal_open", table_name="journal", sqlite_where=sa.text("result_ms IS NULL"), postgresql_where=sa.text("result_ms IS NULL")
    )
    op.drop_table("journal")
    op.drop_table("import_staged")
    op.drop_table("campaign")
