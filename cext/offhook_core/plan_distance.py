"""How far two rows of a plan lie apart for the core's ear; the figures are those of ``core/src/cadence.c``."""

from __future__ import annotations

import math

from offhook_core.plans import Segment, ToneSpec

_STEPS = 12  # of a pattern are compared, its loop unrolled
_SAME_HZ, _SAME_HZ_SHARE = 10, 0.015
_SAME_MS, _SAME_MS_SHARE = 30, 0.1
_SLACK_HZ, _SLACK_HZ_SHARE = 27, 0.018
_SLACK_MS, _SLACK_MS_SHARE = 14, 0.1


def same_segment(a: Segment, b: Segment) -> bool:
    """Nobody could tell the two apart by ear."""
    if len(a.hz) != len(b.hz) or bool(a.am_hz) != bool(b.am_hz) or bool(a.duration_ms) != bool(b.duration_ms):
        return False
    if any(abs(x - y) > max(_SAME_HZ, _SAME_HZ_SHARE * x) for x, y in zip(a.hz, b.hz, strict=True)):
        return False
    return abs(a.duration_ms - b.duration_ms) <= max(_SAME_MS, _SAME_MS_SHARE * a.duration_ms)


def steps(row: ToneSpec, turned: int = 0) -> list[Segment]:
    """The first segments of a row with its loop unrolled; *turned*: the loop begins at this segment of it."""
    loop = row.loop[turned:] + row.loop[:turned]
    rounds = math.ceil(max(0, _STEPS - len(row.once)) / len(loop)) if loop else 0
    return list((row.once + loop * rounds)[:_STEPS])


def same_pattern(a: ToneSpec, b: ToneSpec) -> bool:
    """The two rows sound alike from their beginning on; the core gives them one verdict, in the order of :data:`FIRST`."""
    return _alike(steps(a), steps(b))


def _alike(a: list[Segment], b: list[Segment]) -> bool:
    for x, y in zip(a, b, strict=False):
        if not same_segment(x, y):
            return False
        if x.duration_ms == 0:
            return True
    return len(a) == len(b)


def turned_round(a: ToneSpec, b: ToneSpec) -> bool:
    """The loop of *b* is that of *a*, begun at another place: only the beginning of the tone tells which it is."""
    if a.once or b.once or len(a.loop) != len(b.loop) or len(a.loop) <= 2:
        return False
    return any(_alike(steps(a), steps(b, turned)) for turned in range(2, len(b.loop), 2))


def apart(a: ToneSpec, b: ToneSpec) -> float:
    """Where the two rows differ most, in units of the core's tolerance (1.8 % + 27 Hz, 10 % + 14 ms).

    Below 1 a tone that is exactly *a* is also accepted as *b*, and the nearer row wins; infinite when sound meets silence, or one sine two.
    """
    most = 0.0
    for x, y in zip(steps(a), steps(b), strict=False):
        most = max(most, _segments_apart(x, y))
        if x.duration_ms == 0 or y.duration_ms == 0:
            return most
    return most if len(steps(a)) == len(steps(b)) else math.inf


def _segments_apart(x: Segment, y: Segment) -> float:
    if len(x.hz) != len(y.hz) or bool(x.am_hz) != bool(y.am_hz) or bool(x.duration_ms) != bool(y.duration_ms):
        return math.inf
    most = abs(x.duration_ms - y.duration_ms) / (_SLACK_MS_SHARE * y.duration_ms + _SLACK_MS) if y.duration_ms else 0.0
    for one, other in zip(sorted(x.hz), sorted(y.hz), strict=True):
        most = max(most, abs(one - other) / (_SLACK_HZ_SHARE * other + _SLACK_HZ))
    return most
