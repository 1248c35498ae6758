"""The software card in tests: scenarios of one behaviour, and one call to its end, with audio or without."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
from softline import SoftLine, decoded, follow, in_virtual_time

from offhook_drivers import Scenario, Simulator, Truth
from offhook_drivers.contract import (
    Answered,
    Cleared,
    Dial,
    Event,
    Hangup,
    Link,
)

RED, YELLOW = 8, 4
QUIET_LINE = 'plan = "cn"\nseed = 5\n[line]\npost_dial_s = 0.5\nnoise_dbm0 = -90\ntone_dbm0 = -12\nlevel_dbm0 = -20\n'


def one(kind: str, **keys: object) -> Scenario:
    """A scenario of one behaviour."""

    def toml(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
        if isinstance(value, list):
            return "[" + ", ".join(toml(item) for item in value) + "]"
        return f'"{value}"' if isinstance(value, str) else str(value)

    lines = "".join(f"{key} = {toml(value)}\n" for key, value in keys.items())
    return Scenario.parse(f'{QUIET_LINE}[[behaviour]]\nkind = "{kind}"\nshare = 1\n{lines}')


PERSON = {"greeting": ["person-zh-nihao"], "ring_s": 2, "pause_s": 0.5}
MACHINE = {
    "greeting": ["machine-zh-company"],
    "ring_s": 1,
    "pause_s": 0.5,
    "before_beep_s": 0.5,
    "beep_hz": 1000,
    "beep_ms": 400,
    "record_s": 12,
}


@dataclass
class Run:
    """What came of one call."""

    events: list[Event]
    truth: Truth

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    @property
    def cleared(self) -> Cleared:
        event = self.events[-1]
        assert isinstance(event, Cleared)
        return event

    def at(self, kind: type[Event]) -> float:
        return next(event.at.seconds for event in self.events if isinstance(event, kind))


def call_without_audio(scenario: Scenario, called: str = "13800000001", *, spans: int = 1, channel: int = 0) -> Run:
    """One call to its end."""
    runs: list[Run] = []

    async def main() -> None:
        simulator = Simulator(scenario, spans=spans, audio=False)
        events: list[Event] = []
        over = asyncio.Event()

        def on_event(event: Event) -> None:
            if not isinstance(event, Link):
                events.append(event)
            if isinstance(event, Cleared):
                over.set()

        await simulator.start(on_event)
        simulator.send(Dial(channel, "a", called))
        await over.wait()
        truth = simulator.truth("a")
        assert truth is not None
        assert simulator.truth("a") is None
        runs.append(Run(events, truth))
        await simulator.close()

    in_virtual_time(main)
    return runs[0]


@dataclass
class Heard:
    """A call with audio: its events, its truth, and what came on the channel from the Dial on."""

    run: Run
    audio: np.ndarray

    def after(self, kind: type[Event], seconds: float, length_s: float) -> np.ndarray:
        """The octets from *seconds* after an event on; sounds begin with the tick after their event."""
        start = round((self.run.at(kind) + seconds) * 8000)
        return self.audio[start : start + round(length_s * 8000)]


def call_with_audio(
    scenario: Scenario,
    say: bytes = b"",
    say_at_s: float = 0.0,
    *,
    called: str = "13800000001",
    stop_s: float = 200,
    channel: int = 0,
    capture_s: float = 0,
) -> Heard:
    """One call on a channel; *say* is sent *say_at_s* after the answer."""
    found: list[Heard] = []

    async def main() -> None:
        simulator = Simulator(scenario, spans=1, realtime=False, capture_s=capture_s)
        assert simulator.media is not None
        line = SoftLine(simulator.media, listen=(channel,))
        follow(line)
        loop = asyncio.get_running_loop()
        events: list[Event] = []
        over = asyncio.Event()

        def on_event(event: Event) -> None:
            if not isinstance(event, Link):
                events.append(event)
            if isinstance(event, Answered):
                loop.call_later(say_at_s, line.say, channel, say)
            if isinstance(event, Cleared):
                over.set()

        await simulator.start(on_event)
        simulator.send(Dial(channel, "a", called))
        loop.call_later(stop_s, simulator.send, Hangup(channel))
        await over.wait()
        truth = simulator.truth("a")
        assert truth is not None
        found.append(Heard(Run(events, truth), line.audio(channel)))
        line.close()
        await simulator.close()

    in_virtual_time(main)
    return found[0]


def speech(seconds: float) -> bytes:
    """Something that we say: a tone of 500 Hz at -13 dBm0, in A-law."""
    wave = 5000 * np.sin(2 * np.pi * 500 * np.arange(round(seconds * 8000)) / 8000)
    table = decoded(np.arange(256, dtype=np.uint8))
    return bytes(np.abs(table[None, :] - wave[:, None]).argmin(axis=1).astype(np.uint8))
