"""Drivers by name: the ``[driver]`` table of a configuration."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .dahdi import DahdiDriver
from .exchange import PriSimulator
from .replay import Recording, Replay
from .scenario import Scenario
from .simulator import MAX_SPANS, Simulator


class SimulatorSettings(BaseModel):
    """``name = "simulator"``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["simulator"] = "simulator"
    scenario: str = Field("cn", min_length=1, description="Built-in scenario, or path of a scenario file (.toml).")
    spans: int = Field(8, ge=1, le=MAX_SPANS, description="E1 spans of 30 B-channels.")
    realtime: bool = Field(True, description="Ticks follow the clock; false: virtual time.")
    audio: bool = Field(True, description="False runs the signalling alone.")
    seed: int | None = Field(None, ge=0, description="Replaces the scenario's seed.")
    capture_s: float = Field(0.0, ge=0, le=120, description="Seconds kept of what we send after a machine's beep, per channel.")
    signalling: Literal["direct", "pri"] = Field("direct", description="pri: calls cross real Q.931 between two offhook-prid daemons.")
    trace: bool = Field(False, description="With signalling pri: keep every Q.931 message with its call.")

    @model_validator(mode="after")
    def _pri_has_a_clock(self) -> SimulatorSettings:
        if self.signalling == "pri" and not self.realtime:
            raise ValueError('signalling "pri" runs in real time: set realtime = true or signalling = "direct"')
        return self


class ReplaySettings(BaseModel):
    """``name = "replay"``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["replay"]
    recordings: tuple[Recording, ...] = Field(min_length=1, description="Tables with path, proceeding_ms, answered_ms and cause.")
    pick: Literal["channel", "next"] = Field("channel", description="Channel n plays file n, or every call plays the next file.")
    channels: int | None = Field(None, ge=1, le=960, description="B-channels; none: one for each file.")
    realtime: bool = Field(True, description="Ticks follow the clock; false: virtual time.")


class PriSettings(BaseModel):
    """``name = "pri"``: E1 cards with DAHDI drivers and ISDN PRI."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["pri"]
    first_channels: tuple[int, ...] = Field(
        (1,), min_length=1, max_length=32, description="DAHDI's number of timeslot 1 of each E1: 1, 32, 63 ..."
    )
    audio: bool = Field(True, description="False runs the signalling alone.")
    buffers: int = Field(8, ge=2, le=32, description="Blocks of 20 ms kept each way: what a stall of the machine may last.")
    prefill: int = Field(4, ge=0, le=31, description="Blocks sent ahead; below buffers.")
    trace: bool = Field(False, description="Keep every Q.931 message with its call.")
    speech: bool = Field(False, description="Bearer speech instead of 3.1 kHz audio.")
    daemon: str = Field("", description="Program of the signalling daemon; empty looks for offhook-prid.")

    @model_validator(mode="after")
    def _fits(self) -> PriSettings:
        if self.prefill >= self.buffers:
            raise ValueError(f"prefill {self.prefill} leaves no room in {self.buffers} buffers: choose less")
        if any(first < 1 for first in self.first_channels) or any(
            later - first < 31 for first, later in pairwise(sorted(self.first_channels))
        ):
            raise ValueError("first_channels are 1 or more and at least 31 apart, as cat /proc/dahdi/* shows")
        return self


AnyDriver = Simulator | PriSimulator | Replay | DahdiDriver


def open_driver(settings: SimulatorSettings | ReplaySettings | PriSettings, folder: Path | None = None) -> AnyDriver:
    """Make the driver that *settings* describe; paths in them are relative to *folder* (None: the working directory).

    Raises:
        ScenarioError: The scenario cannot be used.
        ClipError: A recording cannot be used.
        PriError: The signalling daemon is missing.
        ValueError: Values that do not go together.
    """
    base = folder or Path()
    if isinstance(settings, PriSettings):
        return DahdiDriver(
            settings.first_channels,
            audio=settings.audio,
            buffers=settings.buffers,
            prefill=settings.prefill,
            trace=settings.trace,
            speech=settings.speech,
            daemon=settings.daemon or None,
        )
    if isinstance(settings, ReplaySettings):
        recordings = [recording.model_copy(update={"path": base / recording.path}) for recording in settings.recordings]
        return Replay(recordings, pick=settings.pick, channels=settings.channels, realtime=settings.realtime)
    is_file = settings.scenario.endswith(".toml") or "/" in settings.scenario
    scenario = Scenario.load(base / settings.scenario) if is_file else Scenario.builtin(settings.scenario)
    simulator = Simulator(
        scenario,
        spans=settings.spans,
        realtime=settings.realtime,
        audio=settings.audio,
        seed=settings.seed,
        capture_s=settings.capture_s,
    )
    return PriSimulator(simulator, trace=settings.trace) if settings.signalling == "pri" else simulator
