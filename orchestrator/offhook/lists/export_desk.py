"""Exports of leads to locked spreadsheets, one for each owner, and the book of who exported what (L21). A part of every desk and node."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field
from sqlalchemy import Connection, insert, select

from offhook.clock import Clock, in_thread
from offhook.lists.exports import ExportError, Sheet, hidden, new_password, number_shown, write_locked
from offhook.said import Told
from offhook.store import handing
from offhook.store import tables as t
from offhook.store.tables import instant, ms

if TYPE_CHECKING:
    from offhook.config import Settings
    from offhook.store import Store
    from offhook.store.store import Stored

AT_ONCE = 5000
"""Leads read in one piece."""
BOOK = 1000
"""Newest exports that are told."""
_COLUMNS = ("lead", "number", "name", "attempts", "last", "deadline")


class Allotment(Told):
    """One owner's sheet."""

    owner: str
    file: str
    leads: int
    whole_numbers: bool
    password: str = Field(description="Told once, kept nowhere; empty when it was given.")
    sha256: str


class Exported(Told):
    """An export that was made."""

    at: dt.datetime
    by: str
    what: str = Field(description="allotment or calls.")
    campaign: str
    owner: str = Field(description="Whose sheet; empty: nobody's.")
    file: str
    rows: int
    whole_numbers: bool
    sha256: str = Field(description="Of the file; empty for files that are not locked.")


class ExportDesk:
    """Exports of one database."""

    settings: Settings
    store: Store
    clock: Clock

    if TYPE_CHECKING:

        async def _stored(self, name: str) -> Stored:
            """The campaign, or CampaignError."""

    async def allot(
        self, campaign: str, folder: Path, by: str, owners: Sequence[str] = (), passwords: Mapping[str, str] | None = None
    ) -> list[Allotment]:
        """Write the leads that wait for each owner into a spreadsheet of that owner, locked with a password (L21).

        Args:
            campaign: Whose leads; hand them out first.
            folder: Where the sheets go: ``CAMPAIGN-OWNER.xlsx``.
            by: Who asks, for the book.
            owners: Only these; empty: all who have leads.
            passwords: By owner; who has none here gets a new one.

        Raises:
            ExportError: Nobody has leads, a password is too short, or a sheet cannot be written.
        """
        stored = await self._stored(campaign)
        found = await self.store.read(lambda connection: {one.owner for one in handing.told(connection, stored.id) if one.waiting})
        wanted = list(owners) or sorted(found)
        missing = [owner for owner in wanted if owner not in found]
        if missing or not wanted:
            whose = f"'{missing[0]}' has" if missing else "nobody has"
            raise ExportError(f"campaign '{campaign}': {whose} leads that wait; hand some out first")
        made = []
        for owner in wanted:
            columns, rows, whole = await self._sheet(stored, owner)
            given = (passwords or {}).get(owner, "")
            password = given or new_password()
            path = folder / f"{campaign}-{owner.replace(':', '-')}.xlsx"
            sheet = await in_thread(self.clock, write_locked, path, columns, rows, password)
            await self.note_export("allotment", campaign, owner, sheet, by, whole)
            told = "" if given else password
            made.append(Allotment(owner=owner, file=str(path), leads=sheet.rows, whole_numbers=whole, password=told, sha256=sheet.sha256))
        return made

    async def note_export(self, what: str, campaign: str, owner: str, sheet: Sheet, by: str, whole: bool) -> None:
        """Write an export into the book."""
        row = {
            "at_ms": ms(self.clock.now()),
            "by": by[:63],
            "what": what,
            "campaign": campaign,
            "owner": owner,
            "file": str(sheet.path)[:500],
            "entries": sheet.rows,
            "whole_numbers": whole,
            "sha256": sheet.sha256,
        }
        await self.store.work(lambda connection: connection.execute(insert(t.export_log).values(row)))

    async def exports(self, campaign: str | None = None) -> list[Exported]:
        """Who exported what and when, the newest first."""

        def work(connection: Connection) -> list[Exported]:
            query = select(t.export_log).order_by(t.export_log.c.id.desc()).limit(BOOK)
            if campaign is not None:
                query = query.where(t.export_log.c.campaign == campaign)
            return [_exported(row) for row in connection.execute(query)]

        return await self.store.read(work)

    async def _sheet(self, stored: Stored, owner: str) -> tuple[list[str], list[list[object]], bool]:
        """Columns and rows for an owner, and whether whole numbers are among them."""
        settings = self.settings.export
        whole = owner in settings.full_numbers
        hide = () if whole else settings.masked_columns
        leads: list[Any] = []
        while True:
            after = leads[-1].id if leads else 0
            some = await self.store.read(partial(handing.waiting, campaign_id=stored.id, owner=owner, after=after, limit=AT_ONCE))
            leads += some
            if len(some) < AT_ONCE:
                break
        more = sorted({column for lead in leads for column in lead.extra})
        rows: list[list[object]] = [
            [
                lead.id,
                number_shown(lead.raw, whole),
                lead.name,
                lead.attempts,
                lead.last,
                "" if lead.deadline_ms is None else instant(lead.deadline_ms).isoformat(),
                *(hidden(lead.extra.get(column, ""), column, hide) for column in more),
            ]
            for lead in leads
        ]
        return [*_COLUMNS, *more], rows, whole


def _exported(row: Any) -> Exported:
    return Exported(
        at=instant(row.at_ms),
        by=row.by,
        what=row.what,
        campaign=row.campaign,
        owner=row.owner,
        file=row.file,
        rows=row.entries,
        whole_numbers=row.whole_numbers,
        sha256=row.sha256,
    )
