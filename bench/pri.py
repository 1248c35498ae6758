"""Calls through the PRI signalling daemon and its socket: 8 spans back to back in memory, each channel dialled again once it is free.

    python -m bench.pri --calls 100000            # calls a second
    python -m bench.pri --calls 100000 --kills 50 # the daemon of the card is killed 50 times; every Dial must have its one Cleared

The card's end is :class:`~offhook_drivers.pri.PriDriver`, the far end a second daemon (network side) that a few lines of Python answer:
CALL PROCEEDING, ALERTING, CONNECT at once; the caller clears. Both ends run in this one process, so its share is counted twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import resource
import signal
import socket
import time
from collections import Counter
from pathlib import Path

from offhook_drivers.contract import Answered, Cleared, Dial, Event, Hangup, Link
from offhook_drivers.pri import PriDriver
from offhook_drivers.prid import Daemon, Line


def resident_kib(pid: int | None) -> int:
    """Resident set of a process, 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


class Bench:
    """Dials *calls* times over *spans* spans and keeps count."""

    def __init__(self, spans: int, calls: int, kills: int, seed: int) -> None:
        self.calls, self.kills = calls, kills
        self.random = random.Random(seed)
        self.sockets = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(spans)]
        self.near = PriDriver([near.fileno() for near, _ in self.sockets])
        self.far = Daemon([far.fileno() for _, far in self.sockets], self.answer, lambda: None, options=("--network",))
        self.dialled = 0
        self.open: dict[str, int] = {}
        self.causes: Counter[int] = Counter()
        self.doubled = 0
        self.up: set[int] = set()
        self.free = set(range(self.near.channels))
        self.done = asyncio.Event()
        self.kill_at = sorted(self.random.randrange(calls) for _ in range(kills))
        self.next_kill = 0

    def answer(self, words: Line) -> None:
        if words[0] == "offered":
            _, channel, serial, *_ = words
            self.far.say(f"proceeding {channel} {serial}\nalerting {channel} {serial} inband=1\nanswer {channel} {serial}")

    def on_event(self, event: Event) -> None:
        match event:
            case Answered(channel=channel):
                self.near.send(Hangup(channel))
            case Cleared(channel=channel, call_id=call_id, cause=cause):
                self.causes[int(cause)] += 1
                if self.open.pop(call_id, None) != channel:
                    self.doubled += 1
                self.free.add(channel)
                self.dial(channel)
            case Link(span=span, up=True):
                self.up.add(span)
                for channel in [c for c in self.free if c // 30 == span]:
                    self.dial(channel)
            case Link(span=span):
                self.up.discard(span)

    def dial(self, channel: int) -> None:
        if self.dialled == self.calls:
            if not self.open:
                self.done.set()
        elif channel // 30 in self.up and channel in self.free:
            self.free.discard(channel)
            call_id = f"c{self.dialled}"
            self.dialled += 1
            self.open[call_id] = channel
            self.near.send(Dial(channel, call_id, f"138{self.dialled % 100_000_000:08d}", "075526001234"))
            if self.next_kill < self.kills and self.dialled >= self.kill_at[self.next_kill] and self.near.daemon.pid is not None:
                self.next_kill += 1
                os.kill(self.near.daemon.pid, signal.SIGKILL)

    async def run(self) -> dict[str, object]:
        await self.far.start()
        await self.near.start(self.on_event)
        began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
        await self.done.wait()
        took, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
        left = self.near._calls
        rss_kib = resident_kib(self.near.daemon.pid)
        await self.near.close()
        await self.far.close()
        daemons = resource.getrusage(resource.RUSAGE_CHILDREN)
        python_s = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        return {
            "calls": self.calls,
            "spans": len(self.sockets),
            "seconds": round(took, 2),
            "calls_per_second": round(self.calls / took),
            "cleared": sum(self.causes.values()),
            "lost": len(self.open),
            "doubled": self.doubled,
            "left_in_the_books": len(left),
            "kills": self.next_kill,
            "starts": self.near.daemon.starts,
            "causes": dict(self.causes),
            "python_us_per_call": round(python_s * 1e6 / self.calls, 1),
            "daemons_us_per_call": round((daemons.ru_utime + daemons.ru_stime) * 1e6 / self.calls, 1),
            "daemon_rss_kib": rss_kib,
        }


def main() -> None:
    """Run and print one JSON object; status 1 when a Cleared is missing or came twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--spans", type=int, default=8)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    logging.disable(logging.ERROR)

    async def run() -> dict[str, object]:
        return await Bench(options.spans, options.calls, options.kills, options.seed).run()

    found = asyncio.run(run())
    print(json.dumps(found))
    if found["lost"] or found["doubled"] or found["cleared"] != options.calls:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
