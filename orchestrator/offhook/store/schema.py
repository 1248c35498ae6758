"""Bringing a database to the schema of this offhook when it is opened: a new one from the models, an older one by Alembic."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from offhook.errors import StoreError
from offhook.store.contact_models import Base

HEAD = "0015"
"""Newest migration. Known here so that Alembic is loaded only for a database that is older."""


def upgrade(connection: Connection) -> None:
    """Create or migrate the tables, in the transaction that *connection* is in.

    Raises:
        StoreError: The database belongs to a newer offhook, or to something else.
    """
    tables, found = _look(connection)
    if (
        found != HEAD and connection.dialect.name == "sqlite"
    ):  # its driver begins no transaction for tables: a crash would leave half of them
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        tables, found = _look(connection)  # another process may have been faster
    if found == HEAD:
        return
    if found is None and tables & {"campaign", "lead", "call"}:
        raise StoreError("the database has tables of another program; give offhook a database of its own in [database] url")
    if found is not None and found > HEAD:
        raise StoreError(f"the database was made by a newer offhook (schema {found}, this one knows {HEAD}); update offhook")
    if found is None:
        Base.metadata.create_all(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _look(connection: Connection) -> tuple[set[str], str | None]:
    """The tables that are there, and the newest migration that was made."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        return tables, None
    return tables, connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
