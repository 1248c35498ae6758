"""The one writer: many small writes become one transaction, and a database that is away for a while loses nothing.

SQLite syncs once a transaction, so the cost of durability is paid per group, not per write. Writes are plain rows (a kind and a dict),
which is what lets results wait in a spool file while the database is locked, full or gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from offhook.clock import Clock, in_thread
from offhook.errors import StoreError
from offhook.store.spool import Row, Spool

log = logging.getLogger(__name__)
T = TypeVar("T")

Apply = Callable[[Connection, dict[str, list[Row]]], None]
"""Writes rows, by kind, into the transaction of the connection."""

MAX_GROUP = 2000
_PROBE = text("UPDATE campaign SET updated_ms = updated_ms")  # really writes, so a full disk shows
PROBE_S = 1.0
"""How often a database that is away is tried."""
VIRTUAL_GATHER_S = 0.02
"""Virtual time stands still while the disk works, so that no two writes would ever meet; they gather for a tick instead."""


class StoreStatus(StrEnum):
    """Is the database there?"""

    UP = "up"
    DOWN = "down"  # writes fail; results are spooled


@dataclass(slots=True)
class _Job:
    rows: list[tuple[str, Row]]  # kind and row; empty when work is given
    done: asyncio.Future[Any] | None  # None: nobody waits, the rows must not be lost
    work: Callable[[Connection], Any] | None = None


def is_outage(error: BaseException) -> bool:
    """Is it the database that failed (locked, full, gone), and not what we asked of it?"""
    if isinstance(error, OperationalError | OSError | PoolTimeoutError):
        return True
    return isinstance(error, DBAPIError) and (error.connection_invalidated or "malformed" in str(error.orig))


class Writer:
    """Owns the writing connection.

    It writes with a plain connection from a thread of its own: a driver that hands every statement to a thread and back costs more than
    SQLite does. Work given to it runs in that thread, one piece at a time.

    Args:
        engine: Where to write.
        apply: Writes rows by kind.
        clock: Held while the database works.
        spool: File for results that cannot be written.
        retry_s: How long a failed group is tried again before the store is DOWN.
        linger_s: How long results nobody waits for may gather.
        on_status: Called when the status changes, with the reason.
    """

    def __init__(
        self,
        engine: Engine,
        apply: Apply,
        clock: Clock,
        spool: Path,
        retry_s: float,
        linger_s: float,
        on_status: Callable[[StoreStatus, str], None],
    ) -> None:
        self._engine = engine
        self._apply = apply
        self._clock = clock
        self._spool = Spool(spool)
        self._retry_s = retry_s
        self._linger_s = 1.0 if clock.virtual else linger_s
        self._on_status = on_status
        self._jobs: deque[_Job] = deque()
        self._urgent = asyncio.Event()
        self._some = asyncio.Event()
        self._connection: Connection | None = None
        self._thread = ThreadPoolExecutor(1, "store writer")
        self._spooled: list[tuple[str, Row]] = []
        self._closing = False
        self.status = StoreStatus.UP
        self.commits = 0

    @property
    def spooled(self) -> int:
        """Rows kept outside the database."""
        return len(self._spooled)

    # -- asking ---------------------------------------------------------------------------------------------------------------------

    async def write(self, rows: list[tuple[str, Row]]) -> None:
        """Return when *rows* are on disk. StoreError when the database is away."""
        await self._ask(_Job(rows, asyncio.get_running_loop().create_future()))

    async def work(self, work: Callable[[Connection], T]) -> T:
        """Run *work* in a transaction of its own kind, among the others' writes; its result, or what it raised."""
        result: T = await self._ask(_Job([], asyncio.get_running_loop().create_future(), work))
        return result

    def keep(self, rows: list[tuple[str, Row]]) -> None:
        """Write *rows* soon. Never fails, never loses them."""
        self._jobs.append(_Job(rows, None))
        self._some.set()

    async def _ask(self, job: _Job) -> Any:
        if self.status is StoreStatus.DOWN:
            raise StoreError("the database is away; nothing was written")
        assert job.done is not None
        self._jobs.append(job)
        self._some.set()
        self._urgent.set()
        return await job.done

    # -- writing --------------------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write until :meth:`close`; everything asked for by then is written, or spooled."""
        try:
            while not (self._closing and not self._jobs):
                await self._wait()
                group = self._take()
                if group:
                    await self._group(group)
        finally:
            if self._spool.unwritten:
                log.error("store: %d results could be kept nowhere; the next start stores their calls as unknown", self._spool.unwritten)
            await self._drop_connection()
            self._thread.shutdown()

    def close(self) -> None:
        """Ask :meth:`run` to finish."""
        self._closing = True
        self._some.set()
        self._urgent.set()

    async def _wait(self) -> None:
        await self._some.wait()
        if not self._urgent.is_set():
            try:
                async with asyncio.timeout(self._linger_s):
                    await self._urgent.wait()
            except TimeoutError:
                pass
        if self._clock.virtual and not self._closing:
            await asyncio.sleep(VIRTUAL_GATHER_S)
        self._some.clear()
        self._urgent.clear()
        if self._closing:
            self._some.set()
            self._urgent.set()

    def _take(self) -> list[_Job]:
        group: list[_Job] = []
        while self._jobs and len(group) < MAX_GROUP:
            group.append(self._jobs.popleft())
        if self._jobs:
            self._some.set()
            self._urgent.set()
        return group

    async def _group(self, group: list[_Job]) -> None:
        deadline = self._clock.monotonic() + self._retry_s
        pause = 0.05
        while True:
            try:
                await self._commit(group)
                self._up()
                return
            except Exception as error:
                await self._drop_connection()
                if not is_outage(error):
                    await self._one_by_one(group, error)
                    return
                reason = str(getattr(error, "orig", None) or error)
                if self.status is StoreStatus.UP and self._clock.monotonic() < deadline and not self._closing:
                    log.warning("store: write failed, trying again: %s", reason)
                    await asyncio.sleep(pause)
                    pause = min(1.0, pause * 2)
                    continue
                await self._away(group, reason)
                if self._closing:
                    return
                group = []
                await self._sleep_until_probe()

    async def _sleep_until_probe(self) -> None:
        """Wait while the database is away; what arrives meanwhile is spooled."""
        end = self._clock.monotonic() + PROBE_S
        while not self._closing and (left := end - self._clock.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._some.wait()
            except TimeoutError:
                break
            self._some.clear()
            await self._away(self._take(), "still away")

    async def _commit(self, group: list[_Job]) -> None:
        """One transaction for the whole group, with what was spooled first."""
        with self._clock.hold():
            results = await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, group)
        self.commits += 1
        if self._spooled:
            self._spooled.clear()
            await in_thread(self._clock, self._spool.remove)
        for job, result in zip(group, results, strict=True):
            if job.done is not None and not job.done.done():
                job.done.set_result(result)

    def _transact(self, group: list[_Job]) -> list[Any]:
        if self._connection is None:
            self._connection = self._engine.connect()
        with self._connection.begin():
            return self._write_group(self._connection, group)

    def _write_group(self, connection: Connection, group: list[_Job]) -> list[Any]:
        if connection.dialect.name == "sqlite":  # its driver begins with the first write: what was read before could be another's by then
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        if self.status is StoreStatus.DOWN:
            connection.execute(_PROBE)
        if self._spooled:
            self._apply(connection, by_kind(self._spooled))
        rows = [row for job in group for row in job.rows]
        if rows:
            self._apply(connection, by_kind(rows))
        return [job.work(connection) if job.work is not None else None for job in group]

    async def _one_by_one(self, group: list[_Job], error: Exception) -> None:
        """The group holds something the database refuses: give each job its own transaction and its own answer."""
        if len(group) == 1:
            job = group[0]
            if job.done is not None:
                if not job.done.done():
                    job.done.set_exception(error)
            else:
                log.error("store: a row is refused and kept in %s: %s", self._spool.path.with_suffix(".refused"), error)
                self._spool.refuse(job.rows)
            return
        for job in group:
            await self._group([job])

    # -- outages --------------------------------------------------------------------------------------------------------------------

    def _up(self) -> None:
        if self.status is StoreStatus.DOWN:
            self.status = StoreStatus.UP
            self._on_status(StoreStatus.UP, "")

    async def _away(self, group: list[_Job], reason: str) -> None:
        kept = [row for job in group if job.done is None for row in job.rows]
        for job in group:
            if job.done is not None and not job.done.done():
                job.done.set_exception(StoreError(f"the database is away: {reason}"))
        if kept:
            self._spooled += kept
            await in_thread(self._clock, self._spool.append, kept)
        if self.status is StoreStatus.UP:
            self.status = StoreStatus.DOWN
            self._on_status(StoreStatus.DOWN, reason)

    async def _drop_connection(self) -> None:
        with self._clock.hold():
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                connection.invalidate()
                connection.close()
            self._engine.dispose()
        except Exception as error:
            log.debug("store: closing a failed connection: %s", error)


def by_kind(rows: list[tuple[str, Row]]) -> dict[str, list[Row]]:
    """Rows gathered by kind, each kind in the order given."""
    found: dict[str, list[Row]] = {}
    for kind, row in rows:
        found.setdefault(kind, []).append(row)
    return found
