"""Reading beside the writer: plain connections in a few threads of their own.

A driver that hands every statement to a thread and back costs ten times what SQLite does, and a node reads many times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from offhook.clock import Clock
from offhook.errors import StoreError

T = TypeVar("T")
THREADS = 4


class Reader:
    """Owns the reading connections.

    Args:
        engine: Where to read.
        clock: Held while the database works.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, "store reader")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run *work*, which only reads. StoreError when the database cannot be read; else what *work* raised."""
        try:
            return await self._in_thread(self._read, work)
        except SQLAlchemyError as error:
            raise StoreError(f"the database cannot be read: {getattr(error, 'orig', None) or error}") from error

    async def once(self, work: Callable[[Connection], T]) -> T:
        """Run *work* in a transaction, before anybody else writes."""
        return await self._in_thread(self._once, work)

    async def close(self) -> None:
        """Let what still reads end, then close every connection."""
        await self._in_thread(self._engine.dispose)
        self._threads.shutdown()

    async def _in_thread(self, work: Callable[..., T], *given: object) -> T:
        with self._clock.hold():
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return work(connection)

    def _once(self, work: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            return work(connection)
