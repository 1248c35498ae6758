"""How sure a call's result is, and what agents say that it really was."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Widen call, make label."""
    op.add_column("call", sa.Column("probability", sa.Float(), nullable=True))
    op.create_table(
        "label",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("call_id", sa.String(length=36), nullable=False),
        sa.Column("truth", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=63), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_label_call", "label", ["call_id"])


def downgrade() -> None:
    """Back to 0002; labels and probabilities are lost."""
    op.drop_index("ix_label_call", "label")
    op.drop_table("label")
    op.drop_column("call", "probability")
