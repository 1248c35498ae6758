"""Virtual time: it passes only when nothing else is to do, and never while real work is in flight."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading

import pytest

from offhook.clock import TICK_S, RealClock, Uuid7, VirtualClock, VirtualLoop, in_thread, loop_clock, run_virtual

START = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC)


def test_a_day_passes_at_once() -> None:
    async def main() -> tuple[float, dt.datetime]:
        await asyncio.sleep(86_400)
        clock = loop_clock()
        return clock.monotonic(), clock.now()

    seconds, date = run_virtual(main(), START)
    assert seconds == pytest.approx(86_400, abs=1e-6)
    assert date == START + dt.timedelta(days=1)


def test_timers_fire_in_order_and_at_their_time() -> None:
    async def main() -> list[tuple[float, str]]:
        loop = asyncio.get_running_loop()
        fired: list[tuple[float, str]] = []
        for delay, name in ((3.0, "c"), (1.0, "a"), (2.0, "b")):
            loop.call_later(delay, lambda n=name: fired.append((round(loop.time(), 6), n)))
        await asyncio.sleep(4)
        return fired

    assert run_virtual(main(), START) == [(1.0, "a"), (2.0, "b"), (3.0, "c")]


def test_time_stands_still_while_a_thread_works() -> None:
    async def main() -> tuple[float, list[str]]:
        clock = loop_clock()
        loop = asyncio.get_running_loop()
        order: list[str] = []
        loop.call_later(0.001, order.append, "timer")
        gate = threading.Event()

        def work() -> None:
            gate.wait(0.05)  # a real wait: a timer of 1 ms virtual must not fire meanwhile
            order.append("thread")

        await in_thread(clock, work)
        held_at = loop.time()
        await asyncio.sleep(1)
        return held_at, order

    held_at, order = run_virtual(main(), START)
    assert held_at == 0.0
    assert order == ["thread", "timer"]


def test_with_audio_every_timer_fires_on_a_tick_and_events_interrupt_the_wait() -> None:
    async def main() -> tuple[list[float], int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        ran = 0
        seen: list[float] = []

        def ticks(wanted: int) -> int:
            nonlocal ran
            now = min(wanted, 7 - ran % 7)  # a core that has something to say every seventh tick
            ran += now
            if ran % 7 == 0:
                loop.call_soon(lambda: seen.append(loop.time()))
            return now

        loop.run_ticks = ticks
        await asyncio.sleep(0.5)
        assert loop.time() == pytest.approx(0.5)
        await asyncio.sleep(0.001)
        assert loop.time() == pytest.approx(0.52)
        return seen, ran

    seen, ran = run_virtual(main(), START)
    assert ran == 26
    assert seen == pytest.approx([7 * TICK_S, 14 * TICK_S, 21 * TICK_S])


def test_a_media_hook_that_runs_nothing_is_an_error_and_not_an_endless_loop() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.run_ticks = lambda wanted: 0
        await asyncio.sleep(1)

    with pytest.raises(RuntimeError, match="ran 0 ticks"):
        run_virtual(main(), START)


def test_virtual_time_begins_at_an_aware_date() -> None:
    with pytest.raises(ValueError, match="aware"):
        VirtualLoop(dt.datetime(2026, 1, 1))


def test_the_loop_tells_which_clock_it_has() -> None:
    async def kind() -> bool:
        return loop_clock().virtual

    assert run_virtual(kind(), START) is True
    assert asyncio.run(kind()) is False
    assert RealClock().now().tzinfo is dt.UTC


def test_ids_are_version_7_unique_and_in_order() -> None:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        make = Uuid7(VirtualClock(loop))
        ids = [make() for _ in range(5000)]  # more than a millisecond's counter holds
        await asyncio.sleep(1)
        return [*ids, make()]

    ids = run_virtual(main(), START)
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert all(i[14] == "7" and i[19] in "89ab" and len(i) == 36 for i in ids)
