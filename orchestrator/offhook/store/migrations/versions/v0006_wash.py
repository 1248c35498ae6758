"""What a wash took out, the deadline of a line, and how an import that was cut off is taken up again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Widen the tables of imports."""
    op.add_column("import_staged", sa.Column("deadline_ms", sa.BigInteger(), nullable=True))
    op.add_column("import_report", sa.Column("restricted", sa.Integer(), server_default="0", nullable=False))
    op.add_column("import_report", sa.Column("fingerprint", sa.String(length=64), server_default="", nullable=False))
    op.add_column("import_report", sa.Column("beat_ms", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    """Back to 0005."""
    for column in ("beat_ms", "fingerprint", "restricted"):
        op.drop_column("import_report", column)
    op.drop_column("import_staged", "deadline_ms")
