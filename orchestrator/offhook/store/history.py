"""What became of earlier calls to a number, over all campaigns."""

from __future__ import annotations

from typing import TypedDict

from sqlalchemy import Connection, select

from offhook.calls.disposition import Disposition
from offhook.store.models import LeadRow
from offhook.store.store import Store


class History(TypedDict):
    """Calls to one number."""

    reached: int  # that somebody or something answered
    vacant: int  # that had a sign of a vacant number (空号)


async def number_history(store: Store, e164: str) -> History:
    """Calls to *e164* so far, by the leads that have it. StoreError when the database cannot be read."""

    def work(connection: Connection) -> History:
        found = History(reached=0, vacant=0)
        for (tries,) in connection.execute(select(LeadRow.tries).where(LeadRow.e164 == e164)):
            for name, count in tries.items():
                what = Disposition(name)
                found["reached"] += count if what.reached else 0
                found["vacant"] += count if what in (Disposition.VACANT, Disposition.SUSPECT_VACANT) else 0
        return found

    return await store.read(work)
