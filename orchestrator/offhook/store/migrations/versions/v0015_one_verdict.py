"""The core alone decides who answered: the limits of the rule that stood beside it go from campaigns and strategies."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

GONE = ("person_max_ms", "person_silence_ms", "analysis_max_ms", "core_probability")
SILENCE_MS = 4000  # default of the field that is now the core's own setting


def upgrade() -> None:
    """A silence_ms that was not the default goes on as the core's."""
    _each(sa.table("campaign", sa.column("id", sa.BigInteger), sa.column("spec", sa.JSON)), "spec", ["id"])
    strategy = sa.table("strategy", sa.column("kind", sa.String), sa.column("name", sa.String), sa.column("settings", sa.JSON))
    _each(strategy, "settings", ["kind", "name"])


def downgrade() -> None:
    """What is gone has defaults in 0014."""


def _each(table: sa.TableClause, field: str, key: list[str]) -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(table)).mappings().all():
        answer = row[field].get("answer")
        if not isinstance(answer, dict):
            continue
        after = {name: value for name, value in answer.items() if name not in GONE}
        silence_ms = after.pop("silence_ms", SILENCE_MS)
        if silence_ms != SILENCE_MS:
            after["core"] = {"silence_ms": silence_ms, **after.get("core", {})}
        if after != answer:
            same = sa.and_(*(table.c[name] == row[name] for name in key))
            connection.execute(sa.update(table).where(same).values({field: {**row[field], "answer": after}}))
