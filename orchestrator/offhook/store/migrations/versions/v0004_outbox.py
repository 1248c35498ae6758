"""Results that wait to be sent to feeds."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "outbox",
        sa.Column("feed", sa.String(length=31), nullable=False),
        sa.Column("call_id", sa.String(length=36), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("feed", "call_id"),
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("outbox")
