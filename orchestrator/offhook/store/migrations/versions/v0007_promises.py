"""Calls that were promised for a time."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_SET = sa.text("promised_ms IS NOT NULL")


def upgrade() -> None:
    """Widen lead, with an index of the few leads that have a promise."""
    op.add_column("lead", sa.Column("promised_ms", sa.BigInteger(), nullable=True))
    op.create_index("ix_lead_promised", "lead", ["campaign_id", "promised_ms"], sqlite_where=_SET, postgresql_where=_SET)


def downgrade() -> None:
    """Back to 0006."""
    op.drop_index("ix_lead_promised", table_name="lead")
    op.drop_column("lead", "promised_ms")
