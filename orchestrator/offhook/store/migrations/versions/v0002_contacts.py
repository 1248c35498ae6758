"""Contacts, lists, the ledger, suppressions and the contact policy; what the journal needs to hold a person while a call is open."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = sa.text("result_ms IS NULL")


def upgrade() -> None:
    """Make the tables, and widen lead and journal."""
    op.create_table(
        "contact",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("ref", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("level", sa.String(length=24), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("consent", sa.JSON(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ref"),
    )
    op.create_table(
        "contact_number",
        sa.Column("e164", sa.String(length=24), nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("raw", sa.String(length=500), nullable=False),
        sa.Column("region", sa.String(length=3), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("zones", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"]),
        sa.PrimaryKeyConstraint("e164"),
    )
    op.create_index("ix_contact_number_contact_id", "contact_number", ["contact_id"])
    op.create_table(
        "listed",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("person", sa.BigInteger(), nullable=False),
        sa.Column("list", sa.String(length=8), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=24), nullable=False),
        sa.Column("scope", sa.String(length=8), server_default="person", nullable=False),
        sa.Column("kinds", sa.String(length=120), nullable=False),
        sa.Column("campaign", sa.String(length=63), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("batch", sa.String(length=200), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("added_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("person", "list", "category", "campaign", name="uq_listed"),
    )
    op.create_table(
        "ledger",
        sa.Column("person", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("department", sa.String(length=63), nullable=False),
        sa.Column("result", sa.String(length=24), nullable=False),
        sa.PrimaryKeyConstraint("person", "at_ms", "campaign_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "suppression",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=64), server_default="", nullable=False),
        sa.Column("ref", sa.String(length=64), server_default="", nullable=False),
        sa.Column("category", sa.String(length=40), server_default="suppressed", nullable=False),
        sa.Column("reason", sa.String(length=200), server_default="", nullable=False),
        sa.Column("kinds", sa.String(length=120), server_default="", nullable=False),
        sa.Column("campaign", sa.String(length=63), server_default="", nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("person", sa.BigInteger(), nullable=True),
        sa.Column("done_ms", sa.BigInteger(), nullable=True),
        sa.Column("leads", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.String(length=200), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_suppression_done", "suppression", ["done_ms"])
    op.create_table(
        "contact_policy",
        sa.Column("version", _ID, autoincrement=True, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    # Plain additions: SQLite makes them without copying the table, however many rows it has.
    op.add_column("lead", sa.Column("deadline_ms", sa.BigInteger(), nullable=True))
    op.add_column("lead", sa.Column("agent", sa.String(length=63), server_default="", nullable=False))
    op.create_index("ix_lead_number", "lead", ["e164"])
    op.add_column("journal", sa.Column("person", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("journal", sa.Column("policy", sa.Integer(), server_default="0", nullable=False))
    op.add_column("journal", sa.Column("screen", sa.JSON(), nullable=True))
    op.create_index("ix_journal_person", "journal", ["person"], sqlite_where=_OPEN, postgresql_where=_OPEN)


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("ix_journal_person", table_name="journal")
    for column in ("screen", "policy", "person"):
        op.drop_column("journal", column)
    op.drop_index("ix_lead_number", table_name="lead")
    op.drop_column("lead", "agent")
    op.drop_column("lead", "deadline_ms")
    for table in ("contact_policy", "suppression", "ledger", "listed", "contact_number", "contact"):
        op.drop_table(table)
