"""Alembic's scripts, one a schema change, oldest first. Run by :meth:`offhook.store.Store.open`; there is no alembic.ini."""
