"""A row of a plan measured from a recording.

The spectrum tells where one steady tone sounds and how much of all sound it is; its band alone then gives the edges (half of the mean
amplitude, to 2-3 ms), a long transform of the stretches its frequencies (to 1 Hz) and the modulation, and the edges
the cadence. The core has the last
word: a row counts only when the core, given it, recognises the recording.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from offhook_core import CallAnalyzer, Detect, EventKind, Plan, Segment, Tone, TonePlan, ToneSpec, plans
from offhook_core.plan_auto import HEARD
from offhook_core.plan_distance import same_pattern

Audio = NDArray[np.float64]

RATE = 8000
_HOP, _WINDOW = 40, 512
_FULL_SCALE = 22827.0 / np.sqrt(2)  # root mean square of 0 dBm0
_QUIETEST = -50.0  # dBm0
_PURE = 0.8  # share of a hop's power in its strongest peaks that makes it tonal
_STEADY = 0.7  # share of all sound that must be tonal
_SHORTEST_S, _LONGEST_S = 0.3, 120.0
_CONTINUOUS_MS = 2000
_SHORTEST_GAP_MS = 8  # less is no gap but the edge between two pitches
_MOST_BURSTS = 6  # of one round of a cadence


class LearnError(ValueError):
    """The recording holds no tone that can be learnt. The message says why and what helps."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """A measured row.

    Args:
        row: For the plan, with rounded values.
        guessed: The tone's name is a guess from the cadence.
        hz: Frequencies of each kind of burst.
        level_dbm0: While it is on.
        cadence_ms: Mean on, off, on, off ... of one round; none when continuous.
        spread_ms: Largest minus smallest of each over the rounds.
        rounds: How many were measured whole; 0 for three rising tones that come once.
    """

    row: ToneSpec
    guessed: bool
    hz: tuple[tuple[float, ...], ...]
    level_dbm0: float
    cadence_ms: tuple[float, ...]
    spread_ms: tuple[float, ...]
    rounds: int


@dataclass(frozen=True, slots=True)
class _Sound:
    hz: tuple[float, ...]
    am_hz: int


@dataclass(frozen=True, slots=True)
class _Burst:
    kind: int
    start: int  # samples
    end: int


def learn(samples: NDArray[np.int16], source: str, tone: Tone | None = None) -> Learnt:
    """Measure the tone of a recording.

    Args:
        samples: 8 kHz; one tone, two rounds of its cadence at least.
        source: Goes into the row.
        tone: What it means; None guesses.

    Raises:
        LearnError: Silence, speech, music, noise, an irregular cadence, too short; or the core does not recognise it by what was measured.
    """
    if samples.size < _SHORTEST_S * RATE:
        raise LearnError(f"only {samples.size / RATE:.2f} s; a tone needs two rounds of its cadence, 5 to 20 s")
    x = samples[: int(_LONGEST_S * RATE)].astype(np.float64) / _FULL_SCALE
    x = x - x.mean()
    sounds, bursts, level = _bursts(x)
    kinds, times, spread, rounds = _cadence(bursts, x.size)
    hz = tuple(sounds[kind].hz for kind in kinds)
    segments: list[Segment] = []
    for n, kind in enumerate(kinds):
        one = sounds[kind]
        segments.append(Segment(tuple(round(value) for value in one.hz), one.am_hz, round(times[2 * n]) if times else 0))
        if times and times[2 * n + 1] >= _SHORTEST_GAP_MS:
            segments.append(Segment((), 0, round(times[2 * n + 1])))
    guess = _guess(tuple(segments)) if tone is None else tone
    if rounds:
        row = ToneSpec(guess, (), tuple(segments), source, False, False)
    else:
        row = ToneSpec(guess, tuple(segments), (), source, False, False)
    _prove(row, samples)
    return Learnt(row, tone is None, hz, round(level, 1), tuple(round(ms, 1) for ms in times), tuple(round(ms, 1) for ms in spread), rounds)


def _power(x: Audio) -> Audio:
    """Spectra of power, one row for each 5 ms."""
    window = np.hanning(_WINDOW + 1)[:-1]
    padded = np.pad(x, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    return np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 / (window.sum() ** 2 / 4) / 2  # type: ignore[no-any-return]


def _bursts(x: Audio) -> tuple[list[_Sound], list[_Burst], float]:
    """Kinds of sound, the bursts of them in order, and the mean level in dBm0."""
    spectrum = _power(x)
    step = RATE / _WINDOW
    low, high = round(200 / step), round(3450 / step)
    spectrum[:, :low] = spectrum[:, high:] = 0
    total = spectrum.sum(axis=1) / 1.5  # a Hann window spreads a sine's power over three bins, half as much again
    loud = 10 * np.log10(total + 1e-12) > max(_QUIETEST, 10 * np.log10(np.quantile(total, 0.98) + 1e-12) - 20)
    if not loud.any() or 10 * np.log10(total.max() + 1e-12) <= _QUIETEST:
        raise LearnError(f"nothing louder than {_QUIETEST:.0f} dBm0; record the line at its own level")
    centre, pure = _hops(spectrum, step)
    kinds = _pitches(centre[loud & pure])
    kind_of = np.full(loud.size, -1)
    for number, hz in enumerate(kinds):
        kind_of[loud & pure & (np.abs(centre - hz) < 30 + 0.02 * hz)] = number
    steady = float((kind_of >= 0)[loud].mean())
    if steady < _STEADY:
        raise LearnError(f"only {100 * steady:.0f} % of the sound is steady tone: speech, music or noise; cut out the tone alone")
    sounds: list[_Sound] = []
    bursts: list[_Burst] = []
    for number, hz in enumerate(kinds):
        one, found = _one_kind(x, kind_of == number, hz, number)
        if found:
            bursts += [_Burst(len(sounds), burst.start, burst.end) for burst in found]
            sounds.append(one)
    if not bursts:
        raise LearnError("no burst of 30 ms or more; this is no tone")
    bursts.sort(key=lambda burst: burst.start)
    powers = np.concatenate([x[burst.start : burst.end] ** 2 for burst in bursts])
    return sounds, bursts, 10 * float(np.log10(powers.mean() + 1e-12))


def _hops(spectrum: Audio, step: float) -> tuple[Audio, NDArray[np.bool_]]:
    """Middle frequency of each hop's strongest peaks, and whether these are most of it."""
    count, bins = spectrum.shape
    rest = spectrum.copy()
    hold = np.zeros_like(spectrum)
    at = np.arange(count)
    strongest = spectrum.max(axis=1)
    for _ in range(3):  # two sines, or a carrier and its side lines that the window parts
        top = rest.argmax(axis=1)
        worth = rest[at, top] > strongest * 0.03
        for shift in (-2, -1, 0, 1, 2):
            place = np.clip(top + shift, 0, bins - 1)
            hold[at, place] = np.where(worth, spectrum[at, place], hold[at, place])
            rest[at, place] = 0
    power = hold.sum(axis=1) + 1e-15
    centre = (hold * np.arange(bins)).sum(axis=1) / power * step
    spread = np.sqrt((hold * (np.arange(bins) * step - centre[:, None]) ** 2).sum(axis=1) / power)
    return centre, (power > _PURE * (spectrum.sum(axis=1) + 1e-15)) & (spread < 250)


def _pitches(centre: Audio) -> list[float]:
    """Middle frequencies that hops gather at, most used first."""
    found: list[float] = []
    left = centre
    while left.size >= max(6, 0.04 * centre.size) and len(found) < 6:
        counts, edges = np.histogram(left, bins=np.arange(180, 3500, 20))
        peak = edges[counts.argmax()] + 10
        near = np.abs(left - peak) < 40
        hz = float(np.median(left[near]))
        if near.sum() >= max(6, 0.04 * centre.size):
            found.append(hz)
        left = left[np.abs(left - hz) >= 30 + 0.02 * hz]
    return found


def _one_kind(x: Audio, hops: NDArray[np.bool_], hz: float, number: int) -> tuple[_Sound, list[_Burst]]:
    """Frequencies of one kind of burst, and its bursts with exact edges."""
    rough = _runs(hops, 8, 6)  # holes up to 40 ms are bridged
    if not rough:
        return _Sound((hz,), 0), []
    one = _measure(x, [(a * _HOP, b * _HOP) for a, b in rough], hz)
    low, high = min(one.hz) - max(80, 2 * one.am_hz), max(one.hz) + max(80, 2 * one.am_hz)
    spectrum = np.fft.fft(x)
    freqs = np.fft.fftfreq(x.size, 1 / RATE)
    spectrum[(freqs < low) | (freqs > high)] = 0
    amplitude = np.abs(np.fft.ifft(2 * np.where(freqs > 0, spectrum, 0)))
    beat = one.am_hz or (min(np.diff(sorted(one.hz))) if len(one.hz) > 1 else 0)
    width = min(round(RATE / max(beat, 8)), x.size) if beat else 80
    smooth = np.convolve(amplitude, np.ones(width) / width, "same")
    inside = np.zeros(x.size, bool)
    for a, b in rough:
        inside[max(0, a * _HOP - 400) : b * _HOP + 400] = True
    limit = np.median(smooth[np.repeat(hops, _HOP)[: x.size]]) / 2
    return one, [_Burst(number, a, b) for a, b in _runs((smooth > limit) & inside, max(160, width), 240)]


def _runs(mask: NDArray[np.bool_], bridge: int, shortest: int) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    joined: list[tuple[int, int]] = []
    for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if joined and a - joined[-1][1] <= bridge:
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    return [(a, b) for a, b in joined if b - a >= shortest]


def _measure(x: Audio, stretches: list[tuple[int, int]], hz: float) -> _Sound:
    """One or two sines, or a modulated one, from the mean spectrum of the stretches."""
    size = 1 << 17
    whole = np.zeros(size // 2 + 1)
    usable = sorted(((b - a, a, b) for a, b in stretches), reverse=True)[:20]
    longest = usable[0][0]
    for length, a, b in usable:
        if length < 0.7 * longest:
            continue
        trim = min(160, length // 8)
        piece = x[a + trim : b - trim][: size // 2]
        whole += np.abs(np.fft.rfft(piece * np.hanning(piece.size), size)) ** 2
    freqs = np.fft.rfftfreq(size, 1 / RATE)
    whole[np.abs(freqs - hz) > 250] = 0
    lobe = 4 * RATE / max(longest, 1)
    peaks: list[tuple[float, float]] = []
    rest = whole.copy()
    for _ in range(3):
        top = int(rest.argmax())
        if peaks and rest[top] < 0.05 * peaks[0][1]:
            break
        a, b, c = np.log(whole[top - 1 : top + 2] + 1e-30)
        bend = a - 2 * b + c
        peaks.append((float(freqs[top] + (0.5 * (a - c) / bend if bend else 0) * freqs[1]), float(rest[top])))
        rest[np.abs(freqs - freqs[top]) < max(8.0, 0.6 * lobe)] = 0
    found = sorted(peak for peak, _ in peaks)
    if len(found) == 3 and abs(found[2] + found[0] - 2 * found[1]) < 4 + lobe / 4 and abs(peaks[0][0] - found[1]) < 1:
        return _Sound((found[1],), round((found[2] - found[0]) / 2))
    return _Sound(tuple(sorted(peak for peak, _ in peaks[:2])), 0)


def _cadence(bursts: list[_Burst], size: int) -> tuple[list[int], list[float], list[float], int]:
    """Kinds of one round, mean on and off times in ms, their spread, rounds measured."""
    edge = 24 * RATE // 1000
    cut_start, cut_end = bursts[0].start < edge, bursts[-1].end > size - edge
    if len(bursts) == 1:
        length = (bursts[0].end - bursts[0].start) * 1000 / RATE
        if length >= _CONTINUOUS_MS or (length >= 1000 and cut_start and cut_end):
            return [bursts[0].kind], [], [], 1
        raise LearnError(f"one burst of {length:.0f} ms and no second; record two rounds of the cadence at least")
    whole = bursts[1:] if cut_start else bursts
    on = [(b.end - b.start) * 1000 / RATE for b in whole]
    off = [(b.start - a.end) * 1000 / RATE for a, b in pairwise(whole)]
    on = on[: len(off)] if cut_end or len(on) > len(off) + 1 else on
    kinds = [burst.kind for burst in whole]
    if len(set(kinds)) == len(kinds) == 3 and not cut_start and max(off) < 50:  # special information tones, played once
        return kinds, [on[0], off[0], on[1], off[1], (whole[2].end - whole[2].start) * 1000 / RATE, 0.0], [0.0] * 6, 0
    for period in range(1, _MOST_BURSTS + 1):
        if len(off) < period or (period > 1 and len(off) < 2 * period - 1):
            break
        if any(kinds[n] != kinds[n % period] for n in range(len(kinds))):
            continue
        columns: list[list[float]] = []
        for n in range(period):
            columns += [on[n::period], off[n::period]]
        means = [float(np.mean(column)) for column in columns]
        spread = [max(column) - min(column) for column in columns]
        if all(wide <= max(24.0, 0.12 * mean) for wide, mean in zip(spread, means, strict=True)):
            return kinds[:period], [max(0.0, ms) for ms in means], spread, len(off) // period
    if min(off, default=0) < -_SHORTEST_GAP_MS:
        raise LearnError(f"sounds of {len(set(kinds))} pitches overlap: speech or music; cut out the tone alone")
    raise LearnError(
        f"no regular cadence in {len(bursts)} bursts (on {_list(on)} ms, off {_list(off)} ms): "
        "speech, music, several tones, or less than two rounds"
    )


def _list(times: list[float]) -> str:
    return " ".join(f"{ms:.0f}" for ms in times[:6]) + (" ..." if len(times) > 6 else "")


def _guess(segments: tuple[Segment, ...]) -> Tone:
    """The name that most of the built-in plans give to this pattern; without one, what its cadence is like."""
    wanted = ToneSpec(Tone.BUSY, (), segments, "", False, False)
    votes = Counter(row.tone for name in plans.names() for row in plans.plan(name).tones if row.tone in HEARD and same_pattern(wanted, row))
    if votes:
        return min(votes, key=lambda tone: (-votes[tone], tone))
    sounds = {one.hz for one in segments if one.hz}
    if len(sounds) >= 3:
        return Tone.SIT
    if segments[0].duration_ms == 0:
        return Tone.DIAL
    on, off = segments[0].duration_ms, segments[-1].duration_ms
    if off >= 1500 and on >= 200:
        return Tone.RINGBACK
    return Tone.CONGESTION if on < 280 else Tone.BUSY


def _prove(row: ToneSpec, samples: NDArray[np.int16]) -> None:
    with CallAnalyzer(TonePlan(Plan("learnt", "", (row,))), law="linear", detectors=Detect.TONES | Detect.SIT) as analyzer:
        events = analyzer.push(samples) + analyzer.flush()
    if not any(event.kind is EventKind.TONE and event.tone is row.tone and not event.provisional for event in events):
        segments = ", ".join(f"{'+'.join(map(str, one.hz)) or 'off'} {one.duration_ms or ''}".strip() for one in row.loop)
        raise LearnError(f"measured {segments}, but the core does not recognise the recording by it; record it longer and cleaner")
