"""Results that reached the primary goal, counted by segment and hour like the others."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Count successes from now on; those from before count once the campaign's segment is set anew."""
    op.add_column("rate", sa.Column("successes", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    """Back to 0013."""
    op.drop_column("rate", "successes")
