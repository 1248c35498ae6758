"""Two signalling daemons back to back for the tests of E1: a card's end and an exchange's end, and random histories over them.

python -m tests.pri_lines --histories 100000 --seed 1
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from offhook_drivers.contract import Answered, Cleared, Dial, Event, Hangup, SendDigits
from offhook_drivers.pri import PriDriver
from offhook_drivers.prid import Daemon, Line, PriError, find, value

E = TypeVar("E", bound=Event)
WAIT_S = 20.0  # generous: a busy machine is no fault


def daemon_missing() -> str:
    """Why the tests cannot run, empty when they can."""
    try:
        find()
    except PriError as error:
        return str(error)
    return ""


class Lines:
    """*spans* spans between a :class:`PriDriver` and a daemon as the exchange; both ends' events are kept."""

    def __init__(
        self, spans: int = 1, *, trace: bool = False, digit_timer_s: float = 0.0, bend: Callable[[bytes], bytes] | None = None
    ) -> None:
        self.sockets = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(spans)]
        self._bend = bend  # what becomes of the exchange's frames on their way; one span
        self._relay: list[socket.socket] = []
        if bend is not None:
            (near, here), (there, far) = self.sockets[0], socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.sockets, self._relay = [(near, far)], [here, there]
        self.near = PriDriver([near.fileno() for near, _ in self.sockets], trace=trace)
        options = ["--network"] + (["--digit-timer", str(round(digit_timer_s * 10))] if digit_timer_s else [])
        self.far = Daemon([far.fileno() for _, far in self.sockets], self._far_line, self._far_gone, options=options)
        self.events: list[Event] = []
        self.lines: list[Line] = []
        self.serial: dict[int, int] = {}  # calls that the exchange has
        self.on_offered: Callable[[int, int, str], None] = lambda channel, serial, called: None
        self.on_event: Callable[[Event], None] = lambda event: None
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        if self._bend is not None:
            bend, (here, there) = self._bend, self._relay
            loop = asyncio.get_running_loop()
            loop.add_reader(here, lambda: there.send(here.recv(4096)))
            loop.add_reader(there, lambda: here.send(bend(there.recv(4096))))
        await self.far.start()
        await self.near.start(self._near_event)
        await self.until(lambda: len(self.near._up) == len(self.sockets))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.near.close()
        await self.far.close()
        for end in self._relay:
            asyncio.get_running_loop().remove_reader(end)
        for end in (*self._relay, *(end for pair in self.sockets for end in pair)):
            end.close()

    def _near_event(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()
        self.on_event(event)

    def _far_line(self, words: Line) -> None:
        self.lines.append(words)
        self._news.set()
        if words[0] == "offered":
            channel, serial = int(words[1]), int(words[2])
            self.serial[channel] = serial
            self.on_offered(channel, serial, value(words, "called"))
        elif words[0] == "cleared" and self.serial.get(int(words[1])) == int(words[2]):
            del self.serial[int(words[1])]

    def _far_gone(self) -> None:
        self.serial.clear()
        self._news.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until it is true, looking after every event."""
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def event(self, kind: type[E], call_id: str) -> E:
        """The first event of that kind of a call."""
        found: list[E] = []

        def look() -> bool:
            found.extend(e for e in self.events if isinstance(e, kind) and getattr(e, "call_id", None) == call_id)
            return bool(found)

        await self.until(look)
        return found[0]

    def cleared(self, call_id: str) -> list[Cleared]:
        """All ``Cleared`` of a call."""
        return [e for e in self.events if isinstance(e, Cleared) and e.call_id == call_id]

    def say(self, verb: str, channel: int, more: str = "") -> None:
        """An order to the exchange for its call on *channel*."""
        self.far.say(f"{verb} {channel} {self.serial.get(channel, 0)} {more}".rstrip())

    def answers(self) -> None:
        """From now on the exchange answers every call at once."""
        self.on_offered = lambda channel, serial, called: [self.say(verb, channel) for verb in ("proceeding", "alerting", "answer")][-1]

    async def talk(self, channel: int, call_id: str) -> None:
        """Call, be answered, hang up."""
        self.near.send(Dial(channel, call_id, "13800000000"))
        await self.event(Answered, call_id)
        self.near.send(Hangup(channel))
        await self.event(Cleared, call_id)


class Histories:
    """Random calls on one pair of lines. Each end does what it likes when it likes, sense or nonsense."""

    def __init__(self, lines: Lines, count: int, seed: int, disasters: bool) -> None:
        self.lines, self.count, self.disasters = lines, count, disasters
        self.random = random.Random(seed)
        self.began = 0
        self.ended: Counter[str] = Counter()
        self.open: dict[int, str] = {}
        self.causes: Counter[int] = Counter()
        self.done = asyncio.Event()

    async def run(self) -> None:
        lines = self.lines
        loop = asyncio.get_running_loop()
        lines.on_offered = self.offered
        lines.on_event = self.event
        for channel in range(lines.near.channels):
            loop.call_soon(self.dial, channel)
        trouble = loop.create_task(self.trouble()) if self.disasters else None
        await self.done.wait()
        if trouble is not None:
            trouble.cancel()
        lines.on_offered = lambda channel, serial, called: None
        lines.on_event = lambda event: None

    def later(self, act: Callable[[], None]) -> None:
        """Now or some milliseconds later."""
        loop = asyncio.get_running_loop()
        if self.random.random() < 0.5:
            loop.call_soon(act)
        else:
            loop.call_later(self.random.random() * 0.01, act)

    def dial(self, channel: int) -> None:
        if self.began == self.count:
            if not self.open:
                self.done.set()
            return
        if channel in self.open:
            return
        call_id = f"h{self.began}"
        self.began += 1
        self.open[channel] = call_id
        called = self.random.choice(["13800138000", "+8613800138000", "110", "12x34", "", "1" * 60, "*#0123456789"])
        self.lines.near.send(Dial(channel, call_id, called, self.random.choice(["", "0755123"]), overlap=self.random.choice([0, 0, 0, 2])))
        self.later(lambda: self.near_acts(channel, call_id))

    def near_acts(self, channel: int, call_id: str) -> None:
        if self.open.get(channel) != call_id:
            return
        near, act = self.lines.near, self.random.random()
        if act < 0.25:
            near.send(Hangup(channel, self.random.choice([1, 16, 17, 34, 44, 82, 88, 127, 0, -5, 999])))
        elif act < 0.4:
            near.send(SendDigits(channel, self.random.choice(["1", "123#", "", "xyz"])))
        elif act < 0.45:
            near.daemon.say(
                self.random.choice(["hangup", f"dial {channel} 1 called=1", f"answer {channel} 7", "block 99999", "\x00\x01", "x" * 2000])
            )
        self.later(lambda: self.near_acts(channel, call_id))

    def offered(self, channel: int, serial: int, called: str) -> None:
        self.later(lambda: self.far_acts(channel, serial))

    def far_acts(self, channel: int, serial: int) -> None:
        if self.lines.serial.get(channel) != serial:
            return
        verb = self.random.choice(["proceeding", "progress", "alerting", "answer", "hangup", "hangup", "digits"])
        more = {"progress": "inband=1 cause=1", "alerting": "inband=0", "digits": "12", "hangup": f"cause={self.random.randrange(1, 128)}"}
        self.lines.say(verb, channel, more.get(verb, ""))
        self.later(lambda: self.far_acts(channel, serial))

    def event(self, event: Event) -> None:
        self.lines.events.clear()
        self.lines.lines.clear()
        match event:
            case Cleared(channel=channel, call_id=call_id, cause=cause):
                self.ended[call_id] += 1
                self.causes[int(cause)] += 1
                if self.open.get(channel) == call_id:
                    del self.open[channel]
                if cause == 38:  # the link is away: not at once again
                    asyncio.get_running_loop().call_later(0.05, self.dial, channel)
                else:
                    self.later(lambda: self.dial(channel))
            case _:
                pass

    async def trouble(self) -> None:
        """Kills, alarms and rubbish on the D-channel."""
        while True:
            await asyncio.sleep(self.random.random() * 1.5)
            kind = self.random.random()
            lines = self.lines
            span = self.random.randrange(len(lines.sockets))
            if kind < 0.25 and lines.near.daemon.pid is not None:
                os.kill(lines.near.daemon.pid, signal.SIGKILL)
            elif kind < 0.35 and lines.far.pid is not None:
                os.kill(lines.far.pid, signal.SIGKILL)
            elif kind < 0.6:
                for bits in (8, 0):
                    lines.near.set_alarm(span, bits)
                    lines.far.say(f"alarm {span} {bits}")
                    await asyncio.sleep(0.02)
            else:
                for _ in range(20):
                    near, far = lines.sockets[span]
                    rubbish = self.random.randbytes(self.random.randrange(1, 60))
                    if self.random.random() < 0.7:  # looks like an information frame with a message
                        rubbish = bytes([0, 1, self.random.randrange(0, 256, 2), 0, 8, 2, 0, 1]) + rubbish
                    try:
                        (near if self.random.random() < 0.5 else far).send(rubbish, socket.MSG_DONTWAIT)
                    except BlockingIOError:
                        break


async def histories(count: int, seed: int, disasters: bool, spans: int = 1) -> dict[str, object]:
    """Run *count* random calls, then use every channel once in an ordinary call; raises AssertionError when anything is wrong."""
    began = time.monotonic()
    async with Lines(spans) as lines:
        story = Histories(lines, count, seed, disasters)
        await story.run()
        wrong = {call_id: times for call_id, times in story.ended.items() if times != 1}
        assert not wrong and len(story.ended) == count, f"{count - len(story.ended)} without Cleared, more than one: {wrong}"
        took = time.monotonic() - began
        lines.answers()
        for span in range(spans):
            lines.near.set_alarm(span, 0)
            lines.far.say(f"alarm {span} 0")
        async with asyncio.timeout(60):
            await lines.until(lambda: len(lines.near._up) == spans)
            for channel in range(lines.near.channels):
                for attempt in range(50):  # the exchange may still be busy clearing its half
                    call_id = f"after-{channel}-{attempt}"
                    lines.near.send(Dial(channel, call_id, "13800000000"))
                    await lines.until(
                        lambda c=call_id: any(getattr(e, "call_id", "") == c and isinstance(e, Answered | Cleared) for e in lines.events)
                    )  # type: ignore[misc]
                    answered = any(isinstance(e, Answered) and e.call_id == call_id for e in lines.events)
                    if answered:
                        lines.near.send(Hangup(channel))
                        await lines.event(Cleared, call_id)
                        break
                    await asyncio.sleep(0.1)
                else:
                    raise AssertionError(f"channel {channel} leaked: {lines.cleared(call_id)}")
                lines.events.clear()
        return {
            "histories": count,
            "seconds": round(took, 1),
            "starts_near": lines.near.daemon.starts,
            "starts_far": lines.far.starts,
            "causes": len(story.causes),
        }


def main() -> None:
    """Print what was run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--histories", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--spans", type=int, default=2)
    parser.add_argument("--calm", action="store_true", help="no kills, alarms or rubbish")
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    print(json.dumps(asyncio.run(histories(options.histories, options.seed, not options.calm, options.spans))))


if __name__ == "__main__":
    main()
