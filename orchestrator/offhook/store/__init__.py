"""The database: campaigns, leads, the journal of attempts, calls and imports, on SQLite or PostgreSQL."""

from offhook.store.leads import Lead
from offhook.store.store import Store
from offhook.store.writer import StoreStatus

__all__ = ["Lead", "Store", "StoreStatus"]
