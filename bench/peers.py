"""The detectors that are measured, behind one face: offhook's own core, and libspandsp when Debian's package is there.

A detector takes a list of signals and gives back one list of reports for each. Both run over the same samples in 20 ms blocks.
"""

from __future__ import annotations

import ctypes
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bench import plans
from bench.line import FRAME
from bench.signals import SIT_CODES, Signal
from offhook_core.plan_choice import resolve
from offhook_core.tone_plan import TonePlan


@dataclass(frozen=True, slots=True)
class Report:
    """One thing a detector said. Samples count from the start of the signal."""

    at: int
    onset: int
    tone: str  # name of enum oh_tone; "music" and "speech" for those kinds
    detail: str = ""
    provisional: bool = False
    level_dbm0: float = 0.0
    confidence: int = 100


class Detector(Protocol):
    """What the scorer asks of a detector."""

    name: str
    seconds_run: float  # CPU s spent in the detector itself

    def hear(self, signals: Sequence[Signal]) -> list[list[Report]]:
        """Reports of each signal, in time order."""


def interleave(signals: Sequence[Signal]) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
    """Signals side by side: samples[tick, signal, 160] and valid[tick, signal], silence after the end of the shorter ones."""
    ticks = max(-(-s.audio.size // FRAME) for s in signals)
    audio = np.zeros((ticks, len(signals), FRAME), dtype=np.int16)
    valid = np.ones((ticks, len(signals)), dtype=np.uint8)
    for i, s in enumerate(signals):
        whole = s.audio.size // FRAME
        audio[:whole, i] = s.audio[: whole * FRAME].reshape(whole, FRAME)
        rest = s.audio.size - whole * FRAME
        if rest:
            audio[whole, i, :rest] = s.audio[whole * FRAME :]
        valid[: s.heard.valid.size, i] = s.heard.valid
    return audio, valid


class Offhook:
    """liboffhook: every signal a channel of one core, all channels heard in one tick."""

    name = "offhook"

    def __init__(self, isa: str | None = None, profile: str | None = None, plan_of: Callable[[str], str] | None = None) -> None:
        """*isa* forces vector code (oh_isa_force); *profile* replaces the profile of the signals (``ALL``).

        *plan_of* tells by which plan a country is heard (``auto:europe``); by its own when None.

        Raises:
            RuntimeError: The processor lacks that vector code.
        """
        from offhook_core import _native

        self.lib, self.ffi = _native.lib, _native.ffi
        self.seconds_run = 0.0
        self.profile = profile
        self.plan_of = plan_of
        self._plans: dict[str, TonePlan] = {}
        self.digest = hashlib.sha256()  # over every octet of every event: equal digests mean the same verdicts
        if isa and self.lib.oh_isa_force(isa.encode()):
            raise RuntimeError(f"vector code {isa!r} cannot run here; leave it out or name base, avx2, avx512 or neon")
        self.isa = self.ffi.string(self.lib.oh_isa()).decode()

    def _report(self, event: Any) -> Report | None:
        lib = self.lib
        if event.kind == lib.OH_EVENT_MUSIC:
            return Report(event.at_sample, event.onset_sample, "music")
        if event.kind == lib.OH_EVENT_SPEECH:
            return Report(event.at_sample, event.onset_sample, "speech")
        if event.kind != lib.OH_EVENT_TONE:
            return None
        tone = self.ffi.string(lib.oh_tone_name(event.tone)).decode()
        detail = ""
        if tone == "dtmf":
            detail = chr(event.detail)
        elif tone == "sit_us":
            detail = SIT_CODES[event.detail]
        elif tone.startswith("r2"):
            detail = str(event.detail)
        provisional = bool(event.flags & lib.OH_FLAG_PROVISIONAL)
        return Report(event.at_sample, event.onset_sample, tone, detail, provisional, event.level_cdbm0 / 100, event.confidence)

    def _plan(self, country: str) -> Any:
        if self.plan_of is None:
            return self.lib.oh_plan_find(country.encode())
        which = self.plan_of(country)
        if which not in self._plans:
            self._plans[which] = resolve(which)
        return self._plans[which].pointer

    def hear(self, signals: Sequence[Signal]) -> list[list[Report]]:
        """Reports of each signal, in time order."""
        lib, ffi = self.lib, self.ffi
        audio, valid = interleave(signals)
        default = lib.oh_plan_find(b"us")
        config = ffi.new(
            "oh_config *",
            {"channels": len(signals), "law": lib.OH_LAW_LINEAR, "layout": lib.OH_LAYOUT_CHANNEL, "plan": default, "ring_events": 1 << 16},
        )
        core = lib.oh_core_new(config)
        if core == ffi.NULL:
            raise MemoryError(f"oh_core_new({len(signals)} channels) failed")
        out: list[list[Report]] = [[] for _ in signals]
        events = ffi.new("oh_event[]", 4096)
        idle = np.zeros(audio.shape[1:], dtype=np.int16)
        try:
            # Orders travel in a queue of fixed size: give a few, let a silent tick take them, and start the count anew with the last reset.
            plan_of = [self._plan(s.case.plan) for s in signals]
            masks = [getattr(lib, "OH_PROFILE_" + (self.profile or s.case.profile)) for s in signals]
            starts = np.zeros(len(signals), dtype=np.int64)
            tick = 0
            for i in range(len(signals)):
                if plan_of[i] == ffi.NULL:
                    raise ValueError(f"{signals[i].case}: liboffhook has no plan {signals[i].case.plan!r}")
                while (rc := lib.oh_core_reset(core, i, plan_of[i], masks[i])) == -11:
                    lib.oh_core_tick(core, ffi.from_buffer(idle), ffi.NULL, ffi.NULL, 0)
                    tick += 1
                if rc:
                    raise RuntimeError(f"oh_core_reset(channel {i}): {rc}")
                starts[i] = tick
            # A channel reset before the last wait has heard (tick - start) silent ticks already.
            ahead = (tick - starts) * FRAME
            before = time.process_time()
            for t in range(audio.shape[0]):
                lib.oh_core_tick(core, ffi.from_buffer(audio[t]), ffi.from_buffer(valid[t]), ffi.NULL, 0)
                while n := lib.oh_core_poll(core, events, 4096):
                    self.digest.update(bytes(ffi.buffer(events, n * ffi.sizeof("oh_event"))))
                    for k in range(n):
                        e = events[k]
                        if report := self._report(e):
                            lead = int(ahead[e.channel])
                            if lead:
                                report = Report(
                                    report.at - lead,
                                    report.onset - lead,
                                    report.tone,
                                    report.detail,
                                    report.provisional,
                                    report.level_dbm0,
                                    report.confidence,
                                )
                            out[e.channel].append(report)
            self.seconds_run += time.process_time() - before
        finally:
            lib.oh_core_free(core)
        return out


_TONE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int)
_DIGITS = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
_MODEM = {1: "fax_cng", 2: "fax_ced", 3: "ans_pr", 4: "ansam", 5: "ansam_pr", 6: "v21_preamble", 8: "bell_ans"}
_R2_DIGITS = "1234567890BCDEF"


class Spandsp:
    """libspandsp 0.0.6: super_tone_rx with the plan's call-result tones, dtmf_rx, modem_connect_tones_rx; r2_mf_rx for register signals."""

    name = "spandsp"

    def __init__(self, all_plans: plans.Plans) -> None:
        """Raises OSError when libspandsp.so.2 is not installed (Debian package libspandsp2)."""
        self.lib = ctypes.CDLL("libspandsp.so.2")
        for maker in (
            "super_tone_rx_make_descriptor",
            "super_tone_rx_init",
            "dtmf_rx_init",
            "modem_connect_tones_rx_init",
            "r2_mf_rx_init",
        ):
            getattr(self.lib, maker).restype = ctypes.c_void_p
        self.plans = all_plans
        self.seconds_run = 0.0
        self._descriptors: dict[str, tuple[int, list[str]]] = {}

    def descriptor(self, plan: str) -> tuple[int, list[str]]:
        """Address of the super tone descriptor of a plan, and its tones by number."""
        if plan in self._descriptors:
            return self._descriptors[plan]
        lib = self.lib
        d = lib.super_tone_rx_make_descriptor(None)
        names: list[str] = []
        known: list[float] = []

        def number(hz: float) -> int:
            for i, f in enumerate(known):
                if abs(f - hz) <= 10:
                    return i
            known.append(hz)
            return len(known) - 1

        for row in self.plans.get(plan, ()):
            if row.tone not in (*plans.CALL_RESULT, "dial"):
                continue
            tone = lib.super_tone_rx_add_tone(ctypes.c_void_p(d))
            names.append(row.tone)
            for s in row.unrolled(0.1)[:8]:
                # A pair is only matched in the order in which its frequencies were first named (a defect of 0.0.6); the first two count.
                pair = sorted(s.hz[:2], key=number)
                f1, f2 = (int(pair[0]) if pair else 0), (int(pair[1]) if len(pair) > 1 else 0)
                low, high = (int(s.ms * 0.85), int(s.ms * 1.15)) if s.ms else (1000, 0)
                lib.super_tone_rx_add_element(ctypes.c_void_p(d), tone, f1, f2, low, high)
        self._descriptors[plan] = d, names
        return d, names

    def hear(self, signals: Sequence[Signal]) -> list[list[Report]]:
        """Reports of each signal, in time order."""
        before = time.process_time()
        out = [self._one(s) for s in signals]
        self.seconds_run += time.process_time() - before
        return out

    def _one(self, signal: Signal) -> list[Report]:
        lib = self.lib
        reports: list[Report] = []
        now = 0

        def say(tone: str, detail: str = "") -> None:
            reports.append(Report(now, now, tone, detail))

        keep: list[Any] = []
        running: list[tuple[Any, ctypes.c_void_p, Any]] = []
        if signal.case.family in ("r2f", "r2b"):
            forward = signal.case.family == "r2f"
            tone = "r2_fwd" if forward else "r2_bwd"

            def number_of(_data: Any, code: int, _level: int, _delay: int) -> None:
                if code and chr(code) in _R2_DIGITS:
                    say(tone, str(_R2_DIGITS.index(chr(code)) + 1))

            heard = _TONE(number_of)
            state = ctypes.c_void_p(lib.r2_mf_rx_init(None, int(forward), heard, None))
            keep.append(heard)
            running.append((lib.r2_mf_rx, state, lib.r2_mf_rx_free))
        else:
            descriptor, names = self.descriptor(signal.case.plan)
            if names:
                super_tone = _TONE(lambda _d, code, _l, _t: say(names[code]) if 0 <= code < len(names) else None)
                keep.append(super_tone)
                state = ctypes.c_void_p(lib.super_tone_rx_init(None, ctypes.c_void_p(descriptor), super_tone, None))
                running.append((lib.super_tone_rx, state, lib.super_tone_rx_free))

            def keys(_data: Any, text: bytes, n: int) -> None:
                for key in text[:n].decode():
                    say("dtmf", key)

            digits = _DIGITS(keys)
            keep.append(digits)
            running.append((lib.dtmf_rx, ctypes.c_void_p(lib.dtmf_rx_init(None, digits, None)), lib.dtmf_rx_free))
            for kind in (1, 3, 6, 8):
                modem = _TONE(lambda _d, code, _l, _t: say(_MODEM[code]) if code in _MODEM else None)
                keep.append(modem)
                state = ctypes.c_void_p(lib.modem_connect_tones_rx_init(None, kind, modem, None))
                running.append((lib.modem_connect_tones_rx, state, lib.modem_connect_tones_rx_free))
        samples = np.ascontiguousarray(signal.audio)
        address = samples.ctypes.data
        for start in range(0, samples.size, FRAME):
            n = min(FRAME, samples.size - start)
            now = start + n
            pointer = ctypes.c_void_p(address + 2 * start)
            for feed, state, _free in running:
                feed(state, pointer, n)
        for _feed, state, free in running:
            free(state)
        return [r for i, r in enumerate(reports) if i == 0 or r != reports[i - 1]]
