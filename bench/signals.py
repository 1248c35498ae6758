"""Graded signals with their truth: tones of every plan, DTMF, SIT, fax and modem tones, TTY, R2, beeps, and what is none of them.

A case is a name, ``family:plan:what:impairment:dG:seed``, and the same name gives the same samples: ``tone:cn:busy:mix:d3:7``. Samples are
int16 at 8 kHz where a sine of peak 22827 is 0 dBm0, already coded in A-law or u-law and decoded again. The meaning of the grades is the
table of :mod:`bench.line`; each family may narrow it to what its standard allows (NARROW).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench import line as lines
from bench import negatives, plans, synth
from bench.line import PEAK, Heard
from bench.plans import Row, Segment
from bench.synth import RATE, Audio

ROWS, COLS = (697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0, 1633.0)
KEYS = "123A456B789C*0#D"
R2_FORWARD = (1380.0, 1500.0, 1620.0, 1740.0, 1860.0, 1980.0)
R2_BACKWARD = (1140.0, 1020.0, 900.0, 780.0, 660.0, 540.0)
R2_PAIRS = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3), (0, 4), (1, 4), (2, 4), (3, 4), (0, 5), (1, 5), (2, 5), (3, 5), (4, 5))
#: US codings of the special information tone: frequency and length of the three tones.
SIT_US = {
    "IC": ((913.8, 1370.6, 1776.7), (274, 274, 380)),
    "VC": ((985.2, 1370.6, 1776.7), (380, 274, 380)),
    "RO": ((913.8, 1428.5, 1776.7), (274, 380, 380)),
    "NC": ((985.2, 1428.5, 1776.7), (380, 380, 380)),
    "RO2": ((985.2, 1370.6, 1776.7), (274, 380, 380)),
    "NC2": ((913.8, 1370.6, 1776.7), (380, 380, 380)),
    "IO": ((913.8, 1428.5, 1776.7), (380, 274, 380)),
    "FU": ((985.2, 1428.5, 1776.7), (274, 274, 380)),
}
SIT_CODES = ("NONE", *SIT_US)  # by enum oh_sit
FAX = ("fax_cng", "fax_ced", "ans_pr", "ansam", "ansam_pr", "v21_preamble", "bell_ans")

#: What a standard allows less than the common line: factors on the entries of GRADES.
NARROW: dict[str, dict[str, float]] = {
    "fax": {"frequency": 0.35, "cadence": 0.6, "cut": 0.15},
    "tty": {"frequency": 0.3, "cadence": 0.1, "cut": 0.0},
    "cot": {"frequency": 0.15, "cut": 0.2},
    "r2f": {"frequency": 0.3, "cut": 0.0, "twist": 0.7, "cadence": 0.0},
    "r2b": {"frequency": 0.3, "cut": 0.0, "twist": 0.7, "cadence": 0.0},
    "dtmf": {"frequency": 0.55, "twist": 0.6, "cut": 0.0, "cadence": 0.0, "hum": 2.4, "music": 1.5},
    "sit": {"frequency": 0.6},
    "beep": {"cadence": 0.0, "cut": 0.0, "jitter": 0.0},
}
#: Levels a standard allows, dBm0 of the whole signal by grade, where they are not those of GRADES.
LEVELS: dict[str, tuple[tuple[float, float], ...]] = {
    "dtmf": ((-12, -4), (-16, -3), (-19, -2), (-21, 0), (-23, 0)),
    "fax": ((-20, -8), (-28, -6), (-33, -5), (-38, -4), (-43, -3)),
    "r2f": ((-12, -7), (-16, -6), (-22, -5), (-27, -3), (-32, -2)),
    "r2b": ((-12, -7), (-16, -6), (-22, -5), (-27, -3), (-32, -2)),
    "cot": ((-14, -8), (-18, -8), (-22, -6), (-24, -5), (-28, -4)),
}
#: Faults drawn by grade where a signal lasts for so short that four at once leave nothing of it.
FEW_FAULTS = {"dtmf": (0, 0, 1, 1, 2), "r2f": (0, 0, 1, 1, 2), "r2b": (0, 0, 1, 1, 2), "sit": (0, 1, 2, 2, 3)}
#: Which detectors a family is heard with (profiles of offhook.h).
PROFILE = {
    "tone": "PRE_ANSWER",
    "sit": "PRE_ANSWER",
    "dtmf": "ANSWERED",
    "q24": "ANSWERED",
    "fax": "ANSWERED",
    "tty": "ANSWERED",
    "cot": "PRE_ANSWER",
    "r2f": "REGISTER",
    "r2b": "REGISTER",
    "beep": "ANSWERED",
    "neg": "PRE_ANSWER",
    "post": "ANSWERED",
}
#: Time in s from the onset (of a beep and a SIT: the end) after which a decision is late. A cadence: one period and 1 s after it is known.
LATE_S = {
    "dtmf": 0.06,
    "sit": 0.1,
    "sit_us": 0.1,
    "fax_cng": 0.45,
    "fax_ced": 0.6,
    "ans_pr": 1.5,
    "ansam": 1.0,
    "ansam_pr": 1.5,
    "v21_preamble": 0.5,
    "bell_ans": 0.6,
    "tty": 2.0,
    "cot2010": 0.5,
    "cot2000": 0.5,
    "r2_fwd": 0.06,
    "r2_bwd": 0.06,
    "beep": 0.1,
}
EARLY, LATE = 0.35, 0.6  # s of line before and after a signal


@dataclass(frozen=True, slots=True)
class Case:
    """One signal by name. ``what`` is the tone, the keys, the coding or the kind of negative."""

    family: str
    plan: str
    what: str
    impairment: str = "mix"
    grade: int = 0
    seed: int = 0

    def __str__(self) -> str:
        """The name that reproduces it."""
        return f"{self.family}:{self.plan}:{self.what}:{self.impairment}:d{self.grade}:{self.seed}"

    @classmethod
    def parse(cls, text: str) -> Case:
        """A case from its name.

        Raises:
            ValueError: It is not one.
        """
        parts = text.split(":")
        if len(parts) != 6 or not parts[4].startswith("d"):
            raise ValueError(f"{text!r} names no signal; write family:plan:what:impairment:dG:seed, as in tone:cn:busy:mix:d3:7")
        case = cls(parts[0], parts[1], parts[2], parts[3], int(parts[4][1:]), int(parts[5]))
        if case.family not in PROFILE or case.impairment not in (*lines.IMPAIRMENTS, "none") or not 0 <= case.grade <= 4:
            known = f"family is one of {sorted(PROFILE)}, impairment one of {sorted(lines.IMPAIRMENTS)} or none, grade 0 to 4"
            raise ValueError(f"{text!r}: {known}")
        return case

    @property
    def profile(self) -> str:
        """Name of the OH_PROFILE_ that is armed."""
        return PROFILE[self.family]

    def rng(self) -> np.random.Generator:
        """Numbers that depend on the name alone."""
        return np.random.default_rng(zlib.crc32(str(self).encode()))


@dataclass(slots=True)
class Truth:
    """One thing to be heard. Times are samples of the signal as it arrives."""

    tone: str
    onset: int
    end: int
    accept: frozenset[str]
    detail: str = ""  # key, coding or R2 signal that must come with it; empty when any will do
    knowable: int = 0  # a final event before this sample is a guess
    due: int = 0  # one after this sample is late
    may_repeat: bool = False  # a tone that comes again after a pause may be told again
    optional: bool = False  # neither a miss nor a false alarm
    conflict: bool = False  # sources of the plan disagree about this row


@dataclass(slots=True)
class Signal:
    """Samples, validity marks and truth of one case."""

    case: Case
    heard: Heard
    truths: list[Truth]
    line: lines.Line
    speech_seconds: float = 0.0

    @property
    def audio(self) -> npt.NDArray[np.int16]:
        """The samples."""
        return self.heard.audio

    @property
    def seconds(self) -> float:
        """Length in s."""
        return self.heard.audio.size / RATE


def _tone_piece(segment: Segment, n: int, start: int, line: lines.Line, depth: float, phases: Audio) -> Audio:
    """Samples start to start + n of a segment's sound, its components of equal level apart from twist, total power 0 dBm0."""
    if not segment.hz:
        return np.zeros(n)
    t = (start + np.arange(n)) / RATE
    k = len(segment.hz)
    pitch = 1 + line.frequency / 100
    order = np.argsort(segment.hz)
    gains = np.ones(k)
    if k > 1:
        gains[order[-1]], gains[order[0]] = 10 ** (line.twist / 40), 10 ** (-line.twist / 40)
    gains /= np.sqrt(np.sum(gains**2))
    out = np.zeros(n)
    for i, hz in enumerate(segment.hz):
        carrier = np.sin(2 * np.pi * hz * pitch * t + phases[i])
        if line.harmonics is not None:
            h = 10 ** (line.harmonics / 20)
            carrier = carrier + h * np.sin(4 * np.pi * hz * pitch * t + 1) + h * np.sin(6 * np.pi * hz * pitch * t + 2)
        if segment.am_hz:
            carrier = carrier * (1 + depth * np.sin(2 * np.pi * segment.am_hz * t)) / np.sqrt(1 + depth**2 / 2)
        out += gains[i] * carrier
    return out


def cadence(
    segments: list[Segment], seconds: float, line: lines.Line, rng: np.random.Generator, lead: float = EARLY
) -> tuple[Audio, list[tuple[int, int]], int]:
    """Lay segments out in time with the line's cadence, jitter and cut.

    Returns: samples with power 0 dBm0 while on (after *lead* s of nothing); the bursts as (first, last + 1) sample; the sample at which
    the first burst would have begun had it not been cut.
    """
    n = int((seconds + lead + LATE) * RATE)
    x = np.zeros(n)
    at = int(lead * RATE)
    stop = at + int(seconds * RATE)
    depth = 0.9 if line.grade == 0 else float(rng.uniform(0.6, 1.0))
    phases = rng.uniform(0, 2 * np.pi, 4)
    restart = rng.random() < 0.5
    bursts: list[tuple[int, int]] = []
    virtual = at
    for i, s in enumerate(segments):
        length = stop - at
        if s.ms:
            wobble = rng.uniform(-1, 1) * max(line.jitter / 100 * s.ms, line.jitter and line.grade)
            ms = s.ms * (1 + line.cadence / 100) + wobble
            full = max(int(ms * RATE / 1000), 8)
            if i == 0 and s.hz and line.cut:
                kept = max(int(full * (1 - line.cut)), 40)
                virtual -= full - kept
                full = kept
            length = min(full, stop - at)
        if stop - at < 16:
            break
        if s.hz:
            piece = _tone_piece(s, length, 0 if restart else at, line, depth, phases)
            ramp = min(12, length // 2)
            rise = np.sin(np.linspace(0, np.pi / 2, ramp)) ** 2
            follows = bursts and bursts[-1][1] == at
            if not follows:
                piece[:ramp] *= rise
            piece[-ramp:] *= rise[::-1]
            x[at : at + length] = piece
            bursts.append((at, at + length))
        at += length
    return x[: max(at, stop) + int(LATE * RATE)], bursts, virtual


def _row(case: Case, all_plans: plans.Plans) -> Row:
    if case.plan not in all_plans:
        raise ValueError(f"{case}: no plan {case.plan!r}")
    rows = [r for r in all_plans[case.plan] if r.tone == case.what]
    if not rows:
        raise ValueError(f"{case}: plan {case.plan!r} has no tone {case.what!r}")
    return rows[0]


def length_of(row: Row, plan: tuple[Row, ...]) -> float:
    """Seconds of a tone that let a careful listener decide: three short periods, two long ones, or past the longest lookalike."""
    sure = plans.knowable_ms(row, plan) / 1000
    if not row.period_ms:
        once = sum(s.ms for s in row.once) / 1000
        return max(once + (0.3 if not row.loop else 2.4), sure * 1.15 + 1.2)
    period = row.period_ms / 1000
    cycles = 4.2 if period < 0.8 else 3.2 if period < 1.7 else 2.2 if period < 8 else 1.15
    return max(cycles * period, sure * 1.15 + 1.0) + sum(s.ms for s in row.once) / 1000


def _tone(case: Case, line: lines.Line, rng: np.random.Generator, all_plans: plans.Plans) -> tuple[Audio, list[Truth]]:
    row = _row(case, all_plans)
    plan = all_plans[case.plan]
    seconds = length_of(row, plan)
    x, bursts, virtual = cadence(row.unrolled(seconds + 5), seconds, line, rng)
    sure = virtual + int((0.9 * plans.knowable_ms(row, plan) / 1000 - 0.02) * RATE)
    truth = Truth(row.tone, bursts[0][0], bursts[-1][1], plans.accepted(row, plan), knowable=sure, may_repeat=row.period_ms > 2500)
    truth.conflict = row.conflict or row.filler
    truth.due = virtual + int((1.1 * (plans.knowable_ms(row, plan) + row.period_ms) / 1000 + 1.0) * RATE)
    # A burst that stands alone for many seconds is not yet a cadence: other rows of this kind are heard, not demanded.
    truth.optional = row.tone not in (*plans.CALL_RESULT, "dial") and row.period_ms > 8000
    return x, [truth]


def _sit(case: Case, line: lines.Line, rng: np.random.Generator, _: plans.Plans) -> tuple[Audio, list[Truth]]:
    if case.what == "ITU":
        gap = int(rng.uniform(0, 30)) if case.grade else 0
        hz, ms = (950.0, 1400.0, 1800.0), (330, 330, 330)
    else:
        gap = int(rng.uniform(0, 4)) if case.grade else 0
        hz, ms = SIT_US[case.what]
    segments: list[Segment] = []
    for f, length in zip(hz, ms, strict=True):
        segments += [Segment((f,), length)] + ([Segment((), gap)] if gap else [])
    times = int(rng.integers(1, 3))
    segments += [Segment((), 1000)] + (segments if times == 2 else [])
    total = sum(s.ms for s in segments) * (1 + line.cadence / 100) / 1000
    x, bursts, _virtual = cadence(segments, total + 0.1, line, rng)
    truth = Truth("sit", bursts[0][0], bursts[-1][1], frozenset({"sit", "sit_us"}), knowable=bursts[0][1], may_repeat=True)
    if case.what != "ITU":
        truth.tone = "sit_us"
        if line.cut < 0.05:
            truth.detail = case.what
    return x, [truth]


def _keys(case: Case, line: lines.Line, rng: np.random.Generator, _: plans.Plans) -> tuple[Audio, list[Truth]]:
    """A string of keys: lengths, pauses and twist grow harder with the grade, within what Q.24 accepts."""
    on = ((80, 120), (60, 110), (50, 100), (50, 90), (45, 80))[case.grade]
    off = ((80, 120), (60, 110), (50, 90), (45, 80), (40, 70))[case.grade]
    x = [np.zeros(int(EARLY * RATE))]
    at = x[0].size
    truths = []
    for key in case.what:
        n = int(rng.uniform(*on) * RATE / 1000)
        pause = int(rng.uniform(*off) * RATE / 1000)
        x += [key_pair(key, n, line.frequency, line.twist, rng), np.zeros(pause)]
        truths.append(Truth("dtmf", at, at + n, frozenset({"dtmf"}), key))
        at += n + pause
    return np.concatenate([*x, np.zeros(int(LATE * RATE))]), truths


def key_pair(key: str, n: int, shift_pct: float, twist_db: float, rng: np.random.Generator, high_shift_pct: float | None = None) -> Audio:
    """A DTMF key of *n* samples with 0 dBm0 total power; twist positive: high group stronger."""
    r, c = divmod(KEYS.index(key), 4)
    t = np.arange(n) / RATE
    low, high = ROWS[r] * (1 + shift_pct / 100), COLS[c] * (1 + (shift_pct if high_shift_pct is None else high_shift_pct) / 100)
    g = np.array([10 ** (-twist_db / 40), 10 ** (twist_db / 40)])
    g /= np.sqrt(np.sum(g**2))
    x = g[0] * np.sin(2 * np.pi * low * t + rng.uniform(0, 6.28)) + g[1] * np.sin(2 * np.pi * high * t + rng.uniform(0, 6.28))
    return np.asarray(x)


@dataclass(frozen=True, slots=True)
class Q24Point:
    """One corner of a Q.24 column: what is sent, and whether it must be heard. Levels are dBm0 per frequency."""

    accept: bool
    shift: float = 0.0
    high_shift: float | None = None
    level: float = -12.0
    twist: float = 0.0
    on_ms: float = 80.0
    off_ms: float = 80.0
    break_ms: float = 0.0


#: Q.24 columns, accept and reject corners. Twist is the level of the high group above the low one (NTT +-5; AT&T +4 and -8; ETSI +-6).
Q24: dict[str, Q24Point] = {
    "ntt_freq_up": Q24Point(True, 1.8),
    "ntt_freq_down": Q24Point(True, -1.8),
    "ntt_freq_split": Q24Point(True, 1.8, -1.8),
    "ntt_low_level": Q24Point(True, level=-24),
    "ntt_high_level": Q24Point(True, level=-3),
    "ntt_twist_up": Q24Point(True, twist=5),
    "ntt_twist_down": Q24Point(True, twist=-5),
    "ntt_short": Q24Point(True, on_ms=40, off_ms=80),
    "ntt_pause": Q24Point(True, on_ms=90, off_ms=30),
    "ntt_break": Q24Point(True, on_ms=100, break_ms=10),
    "ntt_velocity": Q24Point(True, on_ms=60, off_ms=60),
    "att_freq_up": Q24Point(True, 1.5),
    "att_freq_down": Q24Point(True, -1.5),
    "att_low_level": Q24Point(True, level=-25),
    "att_high_level": Q24Point(True, level=0),
    "att_twist_up": Q24Point(True, twist=4),
    "att_twist_down": Q24Point(True, twist=-8),
    "att_short": Q24Point(True, on_ms=40, off_ms=60),
    "att_pause": Q24Point(True, on_ms=60, off_ms=40),
    "att_velocity": Q24Point(True, on_ms=48, off_ms=45),
    "etsi_twist_up": Q24Point(True, twist=6),
    "etsi_twist_down": Q24Point(True, twist=-6),
    "ntt_freq_high_reject": Q24Point(False, 3.0),
    "ntt_freq_low_reject": Q24Point(False, -3.0),
    "ntt_one_high_reject": Q24Point(False, 0.0, 3.0),
    "ntt_one_low_reject": Q24Point(False, -3.0, 0.0),
    "att_freq_reject": Q24Point(False, 3.5, 3.5),
    "att_freq_low_reject": Q24Point(False, -3.5, -3.5),
    "ntt_level_reject": Q24Point(False, level=-29),
    "att_level_reject": Q24Point(False, level=-55),
    "ntt_short_reject": Q24Point(False, on_ms=24),
    "att_short_reject": Q24Point(False, on_ms=23),
}


def q24_plan(point: str) -> str:
    """Country whose column a corner belongs to: its administration's levels hold there."""
    return "jp" if point.startswith("ntt") else "de" if point.startswith("etsi") else "us"


def _q24(case: Case, line: lines.Line, rng: np.random.Generator, _: plans.Plans) -> tuple[Audio, list[Truth]]:
    """All sixteen keys at one corner of a column; a corner that must be rejected has no truth."""
    p = Q24[case.what]
    line.level = 0.0
    x = [np.zeros(int(EARLY * RATE))]
    at = x[0].size
    truths = []
    n, pause = int(p.on_ms * RATE / 1000), int(p.off_ms * RATE / 1000)
    for key in KEYS:
        y = key_pair(key, n, p.shift, p.twist, rng, p.high_shift)
        y *= 10 ** ((p.level + 3.01) / 20)  # the corner speaks of each frequency, at equal level the pair has 3 dB more
        if p.break_ms:
            half = n // 2
            y[half : half + int(p.break_ms * RATE / 1000)] = 0
        x += [y, np.zeros(pause)]
        if p.accept:
            truths.append(Truth("dtmf", at, at + n, frozenset({"dtmf"}), key))
        at += n + pause
    return np.concatenate([*x, np.zeros(int(LATE * RATE))]), truths


def _fax(case: Case, line: lines.Line, rng: np.random.Generator, _: plans.Plans) -> tuple[Audio, list[Truth]]:
    what = case.what
    pitch = 1 + line.frequency / 100
    lead = int(EARLY * RATE)
    accept = frozenset({what})
    if what == "fax_cng":
        x, bursts, _v = cadence([Segment((1100.0,), 500), Segment((), 3000), Segment((1100.0,), 500)], 4.1, line, rng)
        return x, [Truth(what, bursts[0][0], bursts[-1][1], accept, may_repeat=True)]
    if what == "v21_preamble":
        flags = np.tile(np.array([0, 1, 1, 1, 1, 1, 1, 0]), int(rng.uniform(0.85, 1.15) * 300 / 8))
        data = rng.integers(0, 2, 60)
        body = synth.fsk(np.concatenate([flags, data]), 1650.0 * pitch, 1850.0 * pitch, 300.0)
        end = int(flags.size / 300 * RATE)
        x = np.concatenate([np.zeros(lead), body, np.zeros(int(LATE * RATE))])
        return x, [Truth(what, lead, lead + end, accept)]
    seconds = float(rng.uniform(2.6, 4.0))
    n = int(seconds * RATE)
    t = np.arange(n) / RATE
    hz = (2225.0 if what == "bell_ans" else 2100.0) * pitch
    phase = 2 * np.pi * hz * t
    if what.endswith("_pr"):
        period = 0.45 * (1 + line.cadence / 100 * 0.6)
        phase = phase + np.pi * np.floor(t / period)
    y = np.sin(phase)
    if what.startswith("ansam"):
        y *= (1 + 0.2 * np.sin(2 * np.pi * 15 * t + rng.uniform(0, 6.28))) / np.sqrt(1.02)
    x = np.concatenate([np.zeros(lead), y, np.zeros(int(LATE * RATE))])
    return x, [Truth(what, lead, lead + n, accept)]


def _tty(case: Case, line: lines.Line, rng: np.random.Generator, _: plans.Plans) -> tuple[Audio, list[Truth]]:
    """Baudot text at 45.45 or 50 baud: mark carrier, start bit, five bits, one and a half stop bits."""
    baud = float(rng.choice([45.45, 50.0]))
    halves: list[int] = [1] * int(0.18 * baud * 2)
    for _i in range(int(rng.integers(8, 16))):
        halves += [0, 0] + [int(b) for b in np.repeat(rng.integers(0, 2, 5), 2)] + [1] * 3
        if rng.random() < 0.2:
            halves += [1] * int(rng.integers(2, 12))  # the typist thinks
    pitch = 1 + line.frequency / 100
    body = synth.fsk(np.array(halves), 1400.0 * pitch, 1800.0 * pitch, baud * 2)
    lead = int(EARLY * RATE)
    x = np.concatenate([np.zeros(lead), body, np.zeros(int(LATE * RATE))])
    return x, [Truth("tty", lead, lead + body.size, frozenset({"tty"}), may_repeat=True)]


def _cot(case: Case, line: lines.Line, rng: np.random.Generator, _: plans.Plans) -> tuple[Audio, list[Truth]]:
    hz = 2010.0 if case.what == "cot2010" else 2000.0
    segment = Segment((hz,), 0)
    x, bursts, _v = cadence([segment], float(rng.uniform(0.6, 2.0)), line, rng)
    close = abs(line.frequency) * 20 > 3 or case.grade > 2  # 3 Hz off, or a line that moves: 10 Hz apart cannot be told
    accept = frozenset({"cot2010", "cot2000"} if close else {case.what})
    return x, [Truth(case.what, bursts[0][0], bursts[0][1], accept)]


def _r2(case: Case, line: lines.Line, rng: np.random.Generator, _: plans.Plans) -> tuple[Audio, list[Truth]]:
    """Register signals of the numbers in *what* (joined by +), 100 to 200 ms each as in a compelled exchange."""
    hz, tone = (R2_FORWARD, "r2_fwd") if case.family == "r2f" else (R2_BACKWARD, "r2_bwd")
    x = [np.zeros(int(EARLY * RATE))]
    at = x[0].size
    truths = []
    for number in map(int, case.what.split("+")):
        n = int(rng.uniform(0.1, 0.2) * RATE)
        pause = int(rng.uniform(0.07, 0.15) * RATE)
        i, k = R2_PAIRS[number - 1]
        pair = Segment((hz[i], hz[k]), 0)
        x += [_tone_piece(pair, n, 0, line, 0.0, rng.uniform(0, 6.28, 4)), np.zeros(pause)]
        truths.append(Truth(tone, at, at + n, frozenset({tone}), str(number)))
        at += n + pause
    return np.concatenate([*x, np.zeros(int(LATE * RATE))]), truths


def _beep(case: Case, line: lines.Line, rng: np.random.Generator, _: plans.Plans) -> tuple[Audio, list[Truth]]:
    """A record beep, alone or after a greeting: ``single``, ``double`` (two bursts) or ``pair`` (two frequencies at once)."""
    while True:
        hz = float(np.exp(rng.uniform(np.log(350), np.log(2200))))
        ms = float(np.exp(rng.uniform(np.log(60), np.log(1500))))
        ms = min(ms, 400.0) if case.what == "double" else ms
        fax = (abs(hz - 1100) < 60 and 300 < ms < 750) or (abs(hz - 2100) < 60 and ms > 300) or (abs(hz - 2225) < 60 and ms > 300)
        if not fax:
            break
    frequencies = (hz, hz * float(rng.choice([1.25, 1.33, 1.5]))) if case.what == "pair" and hz < 1400 else (hz,)
    segments = [Segment(frequencies, int(ms))]
    if case.what == "double":
        burst = Segment(frequencies, int(ms))
        segments = [burst, Segment((), int(rng.uniform(60, 200))), burst]
    total = sum(s.ms for s in segments) / 1000
    x, bursts, _v = cadence(segments, total, line, rng)
    x = np.concatenate([x, np.zeros(RATE // 2)])
    if rng.random() < 0.5:
        greeting = synth.at_level(synth.speech(rng, float(rng.uniform(1.0, 3.0))), float(rng.uniform(-6, 6)))
        wait = np.zeros(int(rng.uniform(0.0, 0.8) * RATE))
        before = np.concatenate([greeting, wait])
        x = np.concatenate([before, x])
        bursts = [(a + before.size, b + before.size) for a, b in bursts]
    return x, [Truth("beep", bursts[0][0], bursts[-1][1], frozenset({"beep"}), knowable=bursts[0][0], may_repeat=case.what == "double")]


FAMILIES: dict[str, Callable[[Case, lines.Line, np.random.Generator, plans.Plans], tuple[Audio, list[Truth]]]] = {
    "tone": _tone,
    "sit": _sit,
    "dtmf": _keys,
    "q24": _q24,
    "fax": _fax,
    "tty": _tty,
    "cot": _cot,
    "r2f": _r2,
    "r2b": _r2,
    "beep": _beep,
}


def render(case: Case, all_plans: plans.Plans | None = None) -> Signal:
    """The signal of a case.

    Args:
        case: Its name, parsed.
        all_plans: Tone plans, needed by the family ``tone`` and the negatives that play with rhythm; the library's own when None.

    Raises:
        ValueError: The plan or the tone does not exist.
    """
    if all_plans is None:
        all_plans = plans.load()
    rng = case.rng()
    family = case.family
    levels, faults = LEVELS.get(family, lines.GRADES["level"]), FEW_FAULTS.get(family, lines.FAULTS_DRAWN)
    line = lines.draw(rng, case.grade, case.impairment, NARROW.get(family), levels, faults)
    if case.family in ("neg", "post"):
        x, spoken = negatives.make(case.what, rng, all_plans, case.plan)
        line.level = float(rng.uniform(-30, -8))
        line.cut = 0.0
        x = synth.at_level(x, 0.0)
        heard = lines.send(x * 10 ** (line.level / 20), line, rng)
        return Signal(case, heard, [], line, spoken)
    x, truths = FAMILIES[case.family](case, line, rng, all_plans)
    heard = lines.send(x * 10 ** (line.level / 20), line, rng)
    for at, lost in heard.slip_at:
        for t in truths:
            t.onset -= lost if t.onset > at else 0
            t.end -= lost if t.end > at else 0
    for t in truths:
        t.due = t.due or (t.end if t.tone in ("beep", "sit", "sit_us") else t.onset) + int(LATE_S[t.tone] * RATE)
    return Signal(case, heard, truths, line)


def write_wav(signal: Signal, path: str) -> None:
    """Save a signal for ears and editors: 16-bit WAV, 0 dBm0 at 3.14 dB below full scale."""
    import soundfile

    soundfile.write(path, signal.audio, RATE, subtype="PCM_16")


__all__ = ["FAX", "KEYS", "PEAK", "PROFILE", "Q24", "SIT_CODES", "SIT_US", "Case", "Signal", "Truth", "length_of", "render", "write_wav"]
