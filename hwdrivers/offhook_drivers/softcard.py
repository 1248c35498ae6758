"""The audio of a software card: Python's handle on ``oh_sim``.

Sounds of :mod:`~offhook_drivers.callees` become scripts of the C card here. Nothing in this module runs once per tick.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from . import callees
from ._native import ffi, lib
from .audio import PEAK_0DBM0, RATE, Clip, Samples, builtin_names, load_builtin
from .callees import CallPlan, Path, Sound, Step
from .contract import SpanErrors

NOISE_SEED = 20  # the tables are the same in every run
# What a network gives instead of a tone that its plan does not have.
INSTEAD = {"congestion": ("busy",), "unobtainable": ("sit",)}
_NOISES = {"white": 1, "pink": 2, "babble": 3}
_NO_LOOP = 255


class SoftCardError(RuntimeError):
    """The card could not be made or refused a script; the text says why."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What we sent in a call so far: ticks (20 ms) with voice, and seconds since the last of them (inf when there was none)."""

    voice_ticks: int
    quiet_s: float


class SoftCard:
    """Owns one ``oh_sim``.

    Args:
        channels: B-channels over all spans.
        channels_per_span: 30 on an E1.
        realtime: Ticks follow the clock; else they are ready at once.
        capture_s: Room for what we send, per channel.
        clips: All clips that will be played.
        plan: Tone plan that must be known.
        noises: Names of the noises that will be heard.

    Raises:
        SoftCardError: Out of memory, or an unknown plan.
    """

    def __init__(
        self,
        channels: int,
        channels_per_span: int,
        *,
        realtime: bool,
        capture_s: float = 0.0,
        clips: Iterable[Clip] = (),
        plan: str | None = None,
        noises: Iterable[str] = (),
    ) -> None:
        if plan is not None and not lib.oh_sim_plan_known(plan.encode()):
            raise SoftCardError(f"tone plan {plan!r} is not built in: see `offhook tones list`")
        self.channels = channels
        self._sim: Any = lib.oh_sim_new(channels, channels_per_span, int(realtime), round(capture_s * RATE))
        if self._sim == ffi.NULL:
            raise SoftCardError(f"oh_sim_new({channels}, {channels_per_span}): {os.strerror(ffi.errno)}")
        self._script: Any = ffi.new("oh_sim_script *")
        self._heard: Any = ffi.new("oh_sim_heard *")
        self._capture: Any = ffi.new("uint8_t[]", max(1, round(capture_s * RATE)))
        self._loop: Any = ffi.new("int *")
        self._numbers: dict[int, int] = {}
        self._clips: list[Clip] = []  # keeps id() of each clip its own
        try:
            for clip in clips:
                self._add(clip)
            self._add(load_builtin(callees.FAX_PREAMBLE))
            for name in noises:
                self._check(lib.oh_sim_noise_set(self._sim, _NOISES[name], ffi.from_buffer("int16_t[]", noise_table(name))), "noise")
        except BaseException:
            self.close()
            raise

    def _add(self, clip: Clip) -> None:
        if id(clip) not in self._numbers:
            number = lib.oh_sim_clip_add(self._sim, ffi.from_buffer("int16_t[]", clip.samples), len(clip.samples))
            self._numbers[id(clip)] = self._check(number, f"clip {clip.name}")
            self._clips.append(clip)

    @property
    def media(self) -> int:
        """Address of the ``oh_media``; valid until :meth:`close`."""
        return int(lib.oh_sim_media(self._sim))

    def now(self) -> int:
        """Number of the tick that comes next."""
        return int(lib.oh_sim_now(self._sim))

    def begin(self, channel: int, serial: int, seed: int) -> None:
        """A new call, numbered *serial* (1 to 2**32 - 1): silence, nothing heard yet."""
        self._blank(serial, seed)
        self._hand_over(channel)

    def play(self, channel: int, serial: int, plan: CallPlan, sound: Sound) -> None:
        """From the next tick on the far end gives *sound* over the call's line.

        Raises:
            SoftCardError: The sound has too many steps, or the plan lacks a tone.
        """
        self._blank(serial, plan.media_seed)
        _fill_line(self._script.line, plan.path)
        count, loop = 0, _NO_LOOP
        for index, step in enumerate(sound.steps):
            if index == sound.loop_from:
                loop = count
            if step.plan_tone:
                added, tone_loop = self._fill_tone(count, step, plan)
                loop = _NO_LOOP if tone_loop == _NO_LOOP else count + tone_loop
                count += added
            else:
                if count == lib.OH_SIM_STEPS:
                    raise SoftCardError(f"a sound has more than {lib.OH_SIM_STEPS} steps: use fewer repeats")
                self._fill_step(self._script.step[count], step, plan.path)
                count += 1
        self._script.steps = count
        self._script.loop_from = loop
        self._hand_over(channel)

    def end(self, channel: int) -> None:
        """No call any more: idle code."""
        self._blank(0, 0)
        self._hand_over(channel)

    def heard(self, channel: int, serial: int) -> Heard:
        """What we sent in that call; nothing when the card has not begun it yet."""
        self._check(lib.oh_sim_heard_get(self._sim, channel, self._heard), "heard")
        heard = self._heard
        if heard.call != serial or heard.voice_ticks == 0:
            return Heard(0, float("inf"))
        return Heard(heard.voice_ticks, max(0, self.now() - 1 - heard.last_voice_tick) * 0.02)

    def captured(self, channel: int, serial: int) -> bytes:
        """A-law octets that we sent from the capturing step on."""
        count = self._check(lib.oh_sim_captured(self._sim, channel, serial, self._capture, len(self._capture)), "captured")
        return bytes(ffi.buffer(self._capture, count))

    def set_alarm(self, span: int, bits: int) -> None:
        """Put a span into alarm."""
        self._check(lib.oh_sim_alarm_set(self._sim, span, bits), f"span {span}")

    def set_errors(self, span: int, slip_every: int, crc4_every: int) -> None:
        """Let a span slip, and have CRC4 errors, every so many ticks; 0 for none."""
        self._check(lib.oh_sim_errors_set(self._sim, span, slip_every, crc4_every), f"span {span}")

    def errors(self, span: int) -> SpanErrors:
        """What these have come to."""
        slips, crc4 = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        self._check(lib.oh_sim_errors_get(self._sim, span, slips, crc4), f"span {span}")
        return SpanErrors(slips=slips[0], crc4=crc4[0])

    def close(self) -> None:
        """Free the card; the core must have stopped using it. Twice is allowed."""
        if self._sim != ffi.NULL:
            lib.oh_sim_free(self._sim)
            self._sim = ffi.NULL

    def _blank(self, serial: int, seed: int) -> None:
        ffi.memmove(self._script, _BLANK, ffi.sizeof("oh_sim_script"))
        self._script.seed = seed
        self._script.call = serial
        self._script.loop_from = _NO_LOOP

    def _hand_over(self, channel: int) -> None:
        self._check(lib.oh_sim_script_set(self._sim, channel, self._script), f"channel {channel}")

    def _fill_step(self, target: Any, step: Step, path: Path) -> None:
        target.samples = 0 if step.seconds is None else max(1, round(step.seconds * RATE))
        target.flags = lib.OH_SIM_CAPTURE if step.capture else 0
        if step.clip is not None:
            target.kind = lib.OH_SIM_CLIP
            target.clip = self._numbers[id(step.clip)]
            target.gain = 1.0 if step.as_it_is else 10 ** ((step.dbm0 - step.clip.level_dbm0) / 20)
        elif step.hz:
            target.kind = lib.OH_SIM_TONE
            target.gain = _peak(step.dbm0) / len(step.hz) ** 0.5
            target.am_hz, target.am_depth = step.am_hz, step.am_depth
            target.reverse_every = round(step.reverse_s * RATE)
            for n, hz in enumerate(step.hz):
                target.hz[n] = hz * path.tone_hz_factor
        else:
            target.kind = lib.OH_SIM_SILENCE

    def _fill_tone(self, first: int, step: Step, plan: CallPlan) -> tuple[int, int]:
        """Steps of a tone of the plan from *first* on: how many, and which of them the repeated part begins with."""
        where, room = self._script.step + first, lib.OH_SIM_STEPS - first
        names = [step.plan_tone, *INSTEAD.get(step.plan_tone, ())]
        for name in names:
            count = lib.oh_sim_plan_tone(plan.plan.encode(), name.encode(), _peak(step.dbm0), where, room, self._loop)
            if count >= 0:
                break
        else:
            steps = _itu_tone(names[-1], step.dbm0)
            for n, tone in enumerate(steps):
                self._fill_step(where[n], tone, plan.path)
            return len(steps), 0
        for n in range(count):
            where[n].samples = round(where[n].samples * plan.path.cadence_factor)
            for k in range(4):
                where[n].hz[k] *= plan.path.tone_hz_factor
        return count, self._loop[0]

    def _check(self, result: int, what: str) -> int:
        if result < 0:
            raise SoftCardError(f"{what}: {os.strerror(-result)}")
        return result


_BLANK: Any = ffi.new("oh_sim_script *")


def _peak(dbm0: float) -> float:
    return float(PEAK_0DBM0 * 10 ** (dbm0 / 20))


def _itu_tone(name: str, dbm0: float) -> tuple[Step, ...]:
    """What ITU-T E.180 recommends, for the few plans without a tone of that name."""
    if name == "sit":
        return callees.sit("ITU", dbm0)
    on_s, off_s = {"ringback": (1.0, 4.0), "busy": (0.5, 0.5)}[name]
    return Step(on_s, hz=(425.0,), dbm0=dbm0), Step(off_s)


def _fill_line(line: Any, path: Path) -> None:
    line.noise = _NOISES[path.noise] if path.noise_dbm0 > -90 else 0
    line.noise_gain = 10 ** ((path.noise_dbm0 + 20) / 20)
    line.one_way = path.one_way
    line.echo_delay = round(path.echo_ms * RATE / 1000)
    line.echo_gain = 10 ** (-path.echo_loss_db / 20)
    for target, bad in ((line.lost, path.lost), (line.repeated, path.repeated), (line.dropped, path.dropped)):
        target.rate, target.length = bad.rate, bad.length
    line.slip = path.slip_samples
    line.slip_every = round(path.slip_every_s * RATE)
    line.dc = path.dc
    line.hum_hz = path.hum_hz
    line.hum_peak = _peak(path.hum_dbm0) if path.hum_dbm0 > -90 else 0.0
    line.drive = 10 ** (path.drive_db / 20)


@cache
def noise_table(name: str) -> Samples:
    """``OH_SIM_NOISE_SAMPLES`` of white, pink or babble noise at -20 dBm0, without a seam."""
    count: int = lib.OH_SIM_NOISE_SAMPLES
    rng = np.random.Generator(np.random.PCG64(NOISE_SEED))
    if name == "babble":
        wave = np.zeros(count)
        for voice in (n for n in builtin_names() if "machine" in n or "announce" in n):
            samples = load_builtin(voice).samples.astype(np.float64)
            np.add.at(wave, (int(rng.integers(count)) + np.arange(len(samples))) % count, samples)
    else:
        wave = rng.standard_normal(count)
    if name == "pink":
        spectrum = np.fft.rfft(wave)
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        spectrum[0] = 0
        wave = np.fft.irfft(spectrum, count)
    wave *= lib.OH_SIM_NOISE_RMS / np.sqrt(np.mean(wave**2))
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)
