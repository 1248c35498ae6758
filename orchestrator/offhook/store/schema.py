"""Bringing a database to the schema of this offhook, by Alembic, when it is opened."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from offhook.errors import StoreError

HEAD = "0007"
"""Newest migration. Known here so that Alembic is loaded only when there is something to do."""


def upgrade(connection: Connection) -> None:
    """Create or migrate the tables, in the transaction that *connection* is in.

    Raises:
        StoreError: The database belongs to a newer offhook, or to something else.
    """
    tables = set(inspect(connection).get_table_names())
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if "alembic_version" in tables else None
    if found == HEAD:
        return
    if found is None and tables & {"campaign", "lead", "call"}:
        raise StoreError("the database has tables of another program; give offhook a database of its own in [database] url")
    if found is not None and found > HEAD:
        raise StoreError(f"the database was made by a newer offhook (schema {found}, this one knows {HEAD}); update offhook")
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
