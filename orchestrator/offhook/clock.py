"""Time, real or virtual.

Waiting code uses the loop's own time (``asyncio.sleep``, ``call_later``, ``asyncio.timeout``); code that needs the date uses
:meth:`Clock.now`. Under :class:`VirtualLoop` both are virtual: when nothing is ready, the loop goes straight to the next timer, and the
audio in between is run through the core as fast as it can be heard. A day of calls then takes as long as its work.

``hold()`` stops virtual time while real work (a database thread, a file) is in flight, so that work takes no virtual time at all.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

TICK_S = 0.02
"""A media tick, seconds."""
_TICK_NS = 20_000_000


class Clock(Protocol):
    """What the orchestrator knows about time."""

    virtual: bool

    def monotonic(self) -> float:
        """Seconds of the running loop's clock."""

    def now(self) -> dt.datetime:
        """The date, aware, UTC."""

    def hold(self) -> Any:
        """Context manager: virtual time stands still inside; real time does not care."""


class RealClock:
    """The machine's clock."""

    virtual = False

    def monotonic(self) -> float:
        """Seconds of the running loop's clock."""
        return asyncio.get_running_loop().time()

    def now(self) -> dt.datetime:
        """The date, aware, UTC."""
        return dt.datetime.now(dt.UTC)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Nothing to hold."""
        yield


class VirtualClock:
    """The clock of a :class:`VirtualLoop`."""

    virtual = True

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._loop.time()

    def now(self) -> dt.datetime:
        """The virtual date, aware, UTC."""
        return self._loop.start + dt.timedelta(microseconds=self._loop.now_ns // 1000)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Virtual time stands still until the block is left."""
        self._loop.held += 1
        try:
            yield
        finally:
            self._loop.held -= 1


class _VirtualSelector(selectors.BaseSelector):
    """Polls real files, and answers a wait for time by moving the loop's clock."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.loop: VirtualLoop | None = None

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or self.loop is None or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or self.loop.held:
            return self._real.select(None)  # only a thread, a file or a signal can go on from here
        self.loop.advance(timeout)
        return self._real.select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual.

    Args:
        start: The date at which virtual time begins, aware.

    Attributes:
        run_ticks: Runs up to so many media ticks and returns how many ran, at least one; it stops early after a tick that raised events.
            None while there is no audio: time then jumps. With it every timer fires on a tick.
        held: How many holders keep time still.
        now_ns: Virtual nanoseconds since the loop was made.
    """

    def __init__(self, start: dt.datetime) -> None:
        self.now_ns = 0
        self.held = 0
        self.run_ticks: Callable[[int], int] | None = None
        selector = _VirtualSelector()
        super().__init__(selector)
        if start.tzinfo is None:
            self.close()
            raise ValueError("virtual time starts at an aware datetime, e.g. datetime(2026, 3, 2, 1, tzinfo=UTC)")
        self.start = start.astimezone(dt.UTC)
        selector.loop = self

    def time(self) -> float:
        """Virtual seconds."""
        return self.now_ns / 1e9

    def advance(self, seconds: float) -> None:
        """Move time on by up to *seconds*; less when the audio on the way had something to say."""
        wanted_ns = max(1, round(seconds * 1e9))  # the loop itself forgives half a nanosecond
        if self.run_ticks is None:
            self.now_ns += wanted_ns
            return
        ticks = -(-wanted_ns // _TICK_NS)
        ran = self.run_ticks(ticks)
        if not 1 <= ran <= ticks:
            raise RuntimeError(f"the media hook ran {ran} ticks of {ticks}; virtual time cannot go on")
        self.now_ns += ran * _TICK_NS


def loop_clock() -> Clock:
    """The clock of the running loop."""
    loop = asyncio.get_running_loop()
    return VirtualClock(loop) if isinstance(loop, VirtualLoop) else RealClock()


async def in_thread(clock: Clock, work: Callable[..., T], *args: object) -> T:
    """Run blocking *work* in a thread while virtual time stands still."""
    with clock.hold():
        return await asyncio.to_thread(work, *args)


def run_virtual(main: Coroutine[Any, Any, T], start: dt.datetime) -> T:
    """Run *main* to its end in virtual time that begins at *start*."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(start)) as runner:
        return runner.run(main)


class Uuid7:
    """Makes UUIDs of version 7 (RFC 9562): their order is the order in which they were made, by the clock given.

    48 bits of Unix milliseconds, then a 12-bit counter that starts anew each millisecond, then 62 random bits.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_ms = 0
        self._count = 0
        self._lock = threading.Lock()  # the store's writer makes some in its thread

    def __call__(self) -> str:
        """The next one, as text."""
        with self._lock:
            ms = max(self._last_ms, int(self._clock.now().timestamp() * 1000))
            self._count = count = self._count + 1 if ms == self._last_ms else 0
            if count > 0xFFF:
                ms, self._count, count = ms + 1, 0, 0
            self._last_ms = ms
        tail = int.from_bytes(os.urandom(8), "big") >> 2
        value = f"{(ms << 80) | (0x7 << 76) | (count << 64) | (0b10 << 62) | tail:032x}"
        return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"
