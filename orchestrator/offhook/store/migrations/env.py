"""What Alembic runs: the connection comes from :mod:`offhook.store.schema`."""

from alembic import context

from offhook.store import contact_models

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=contact_models.Base.metadata, render_as_batch=connection.dialect.name == "sqlite")
with context.begin_transaction():
    context.run_migrations()
