"""Lists that come by themselves: a watched folder, and a query of another database (L13, L14, D31).

Both end in the same import as a list given by hand: all lines or none, every refused line with its reason. A crash between the import and
the move of the file imports it once more; its numbers are then duplicates and change nothing.
"""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from offhook.campaigns.windows import load_zone
from offhook.clock import Clock, in_thread
from offhook.errors import OffhookError
from offhook.feeds.settings import FolderSettings, QuerySettings
from offhook.messages import ImportReport

log = logging.getLogger(__name__)
_ROWS = 5000
"""Rows of a query fetched at once."""


class Importer(Protocol):
    """The part of a node that takes lists."""

    async def import_list(self, campaign: str, path: Path, mapping: Mapping[str, str] | None = None) -> ImportReport:
        """All good lines, or an error."""


class FolderFeed:
    """Imports every list that is put into a folder, the oldest first.

    Args:
        settings: Which folder, which campaign.
        importer: Takes the lists.
        clock: Held while the disk works.
        complain: Told about what failed.
    """

    def __init__(self, settings: FolderSettings, importer: Importer, clock: Clock, complain: Callable[[str], None]) -> None:
        self.settings = settings
        self._importer = importer
        self._clock = clock
        self._complain = complain
        self._seen: dict[Path, tuple[int, int, float]] = {}  # size, mtime in ns, when it was first seen so

    async def run(self) -> None:
        """Watch until cancelled. A folder that is away is said once and waited for."""
        missing = False
        while True:
            try:
                for path in await in_thread(self._clock, self._settled):
                    await self.take(path)
                missing = False
            except OSError as error:
                if not missing:
                    self._complain(f"feed {self.settings.name}: {self.settings.folder}: {error.strerror or error}")
                missing = True
            await asyncio.sleep(self.settings.poll_s)

    def _settled(self) -> list[Path]:
        """Files that have not changed for a while, the oldest first."""
        now = time.monotonic()
        found: dict[Path, tuple[int, int, float]] = {}
        for path in self.settings.folder.glob(self.settings.pattern):
            if path.name.startswith(".") or path.suffix in (".part", ".tmp") or not path.is_file():
                continue
            status = path.stat()
            size, changed, since = self._seen.get(path, (-1, -1, now))
            same = (size, changed) == (status.st_size, status.st_mtime_ns)
            found[path] = (status.st_size, status.st_mtime_ns, since if same else now)
        self._seen = found
        ripe = [path for path, (_, _, since) in found.items() if now - since >= self.settings.settle_s]
        return sorted(ripe, key=lambda path: (found[path][1], path.name))

    async def take(self, path: Path) -> bool:
        """Import one file and put it away: into ``done``, or into ``failed`` beside a file that says why."""
        try:
            report = await self._importer.import_list(self.settings.campaign, path, self.settings.mapping or None)
        except OffhookError as error:
            await in_thread(self._clock, self._put, path, "failed", str(error))
            self._complain(f"feed {self.settings.name}: {path.name}: {error}")
            return False
        log.info("feed %s: %s: %d of %d lines taken", self.settings.name, path.name, report.accepted, report.read)
        await in_thread(self._clock, self._put, path, "done", "")
        return True

    def _put(self, path: Path, where: str, why: str) -> None:
        folder = path.parent / where
        folder.mkdir(exist_ok=True)
        to = folder / path.name
        for n in range(2, 10_000):
            if not to.exists():
                break
            to = folder / f"{path.stem}-{n}{path.suffix}"
        if why:
            to.with_name(to.name + ".why.txt").write_text(why + "\n", encoding="utf-8")
        path.rename(to)
        self._seen.pop(path, None)


class QueryFeed:
    """Imports the rows of a query.

    Args:
        settings: What to ask, where and when.
        importer: Takes the rows.
        clock: Date, and held while the other database works.
        folder: Where the rows wait as a file while they are imported.
        complain: Told about what failed.
    """

    def __init__(self, settings: QuerySettings, importer: Importer, clock: Clock, folder: Path, complain: Callable[[str], None]) -> None:
        self.settings = settings
        self._importer = importer
        self._clock = clock
        self._folder = folder
        self._complain = complain

    async def run(self) -> None:
        """Ask at the times set, until cancelled."""
        while True:
            await asyncio.sleep(self.wait_s(self._clock.now()))
            await self.ask()

    def wait_s(self, now: dt.datetime) -> float:
        """Seconds from *now* to the next time to ask."""
        if self.settings.every_s is not None:
            return self.settings.every_s
        zone = load_zone(self.settings.zone)
        local = now.astimezone(zone)
        days = (local.date(), local.date() + dt.timedelta(days=1))
        times = [dt.datetime.combine(day, at, zone) for day in days for at in self.settings.at]
        return min((at - now).total_seconds() for at in times if at > now)

    async def ask(self) -> ImportReport | None:
        """Ask once. None when there were no rows, or it failed and that was said."""
        path = self._folder / f"{self.settings.name}.csv"
        try:
            rows = await in_thread(self._clock, self._fetch, path)
            if rows == 0:
                log.info("feed %s: no rows", self.settings.name)
                return None
            report = await self._importer.import_list(self.settings.campaign, path, self.settings.mapping or None)
        except (OffhookError, SQLAlchemyError, OSError, ImportError, ValueError) as error:
            self._complain(f"feed {self.settings.name}: {_first_line(error)}")
            return None
        finally:
            path.unlink(missing_ok=True)
        log.info("feed %s: %d of %d rows taken", self.settings.name, report.accepted, report.read)
        return report

    def _fetch(self, path: Path) -> int:
        """Write the rows into a file; how many."""
        path.parent.mkdir(parents=True, exist_ok=True)
        count = 0
        engine = create_engine(self.settings.url)
        try:
            with engine.connect() as connection, path.open("w", encoding="utf-8", newline="") as file:
                result = connection.execution_options(stream_results=True).execute(text(self.settings.query))
                lines = csv.writer(file)
                lines.writerow(result.keys())
                while rows := result.fetchmany(_ROWS):
                    lines.writerows(["" if cell is None else cell for cell in row] for row in rows)
                    count += len(rows)
        finally:
            engine.dispose()
        return count


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
