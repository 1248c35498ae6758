"""National tone plans as the bench sees them, and which of their tones can be told apart.

Truth must not depend on the detector: two rows of one plan that sound the same (French busy and congestion) count as either, and a decision
is premature only when it comes before any listener could have known. Both follow from the rows alone, and are worked out here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

#: Countries whose tones two public zone lists agree to carry (DAHDI and Asterisk); the set that the figures of the README speak of.
ZONES = (
    *("ae", "ar", "at", "au", "be", "bg", "br", "ch", "cl", "cn", "cr", "cz", "de", "dk", "ee", "es", "fi", "fr", "gb", "gr", "hu", "id"),
    *("il", "in", "it", "jp", "lt", "mo", "mx", "my", "nl", "no", "nz", "pa", "ph", "pl", "pt", "ru", "se", "sg", "th", "tr", "tw", "us"),
    *("ve", "za"),
)

#: The tones that decide the result of a call.
CALL_RESULT = ("ringback", "busy", "congestion", "unobtainable", "sit")

#: Names that offhook gives to tones; other names in a source (route, pay, negative ...) are not detected and not scored.
_KNOWN = (
    "dial dial_special dial_second dial_recall ringback busy congestion unobtainable sit call_waiting record confirmation payphone "
    "intrusion howler holding warning"
)
KNOWN = frozenset(_KNOWN.split())


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of a cadence: summed sines (none: silence) for ms milliseconds (0: for ever), am_hz modulating a single carrier."""

    hz: tuple[float, ...]
    ms: int
    am_hz: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One tone of a plan: segments played once, then segments repeated for ever."""

    country: str
    index: int
    tone: str
    once: tuple[Segment, ...]
    loop: tuple[Segment, ...]
    conflict: bool = False
    filler: bool = False

    def unrolled(self, seconds: float) -> list[Segment]:
        """The cadence laid out in time for at least *seconds*; a continuous segment ends it."""
        out = list(self.once)
        total = sum(s.ms for s in out) / 1000
        while self.loop and total < seconds:
            for s in self.loop:
                out.append(s)
                if s.ms == 0:
                    return out
                total += s.ms / 1000
        return out

    @property
    def period_ms(self) -> int:
        """Length of one repetition, 0 when the tone is continuous or plays once."""
        return 0 if any(s.ms == 0 for s in self.loop) else sum(s.ms for s in self.loop)

    @property
    def frequencies(self) -> tuple[float, ...]:
        """Every frequency of the tone, rising."""
        return tuple(sorted({f for s in self.once + self.loop for f in s.hz}))


Plans = dict[str, tuple[Row, ...]]


def load_json(path: Path) -> Plans:
    """Plans of a ``tone-plans/1`` file: the preferred row (rank 0) of each tone of each country.

    Raises:
        ValueError: The file is not of that format.
    """
    data = json.loads(path.read_text(encoding="utf-8"))
    if data.get("format") != "tone-plans/1":
        raise ValueError(f"{path}: not a tone-plans/1 file; give the file that the built-in plans are made from")
    plans: Plans = {}
    for code, country in data["countries"].items():
        rows: list[Row] = []
        for tone in country["tones"]:
            if tone["rank"] or tone["type"] not in KNOWN or tone.get("outside_voiceband"):
                continue
            if not tone.get("once") and not tone.get("loop"):  # an announcement, no tone
                continue
            once, loop = (
                tuple(Segment(tuple(map(float, s["hz"])), s["ms"] or 0, float(s.get("am_hz", 0))) for s in tone.get(part, ()))
                for part in ("once", "loop")
            )
            flags = bool(tone.get("conflict")), bool(tone.get("filler"))
            rows.append(Row(code.lower(), len(rows), tone["type"], once, loop, *flags))
        plans[code.lower()] = tuple(rows)
    return plans


def load_library() -> Plans:
    """Plans built into liboffhook."""
    from offhook_core import _native

    lib, ffi = _native.lib, _native.ffi
    plans: Plans = {}
    for i in range(lib.oh_plan_count()):
        plan = lib.oh_plan_at(i)
        name = ffi.string(plan.name).decode()
        rows = []
        for k in range(plan.count):
            spec = plan.tones[k]
            segments = [
                Segment(tuple(float(f) for f in s.hz if f), s.duration_ms, float(s.am_hz))
                for s in (spec.segments[j] for j in range(spec.once + spec.loop))
            ]
            tone = ffi.string(lib.oh_tone_name(spec.tone)).decode()
            conflict, filler = bool(spec.flags & lib.OH_SPEC_CONFLICT), bool(spec.flags & lib.OH_SPEC_FILLER)
            rows.append(Row(name, k, tone, tuple(segments[: spec.once]), tuple(segments[spec.once :]), conflict, filler))
        plans[name] = tuple(rows)
    return plans


@lru_cache(maxsize=2)
def load(path: Path | None = None) -> Plans:
    """Plans of a file, or of the library when *path* is None."""
    return load_json(path) if path else load_library()


def same_sound(a: Segment, b: Segment) -> bool:
    """Equal to a listener who has one line and no reference: 10 Hz or 1.5 %, and modulated or not.

    A slow modulation is one carrier with two sides, hence not equal to the plain carrier.
    """
    if len(a.hz) != len(b.hz) or bool(a.am_hz) != bool(b.am_hz):
        return False
    return all(abs(x - y) <= max(10.0, 0.015 * x) for x, y in zip(sorted(a.hz), sorted(b.hz), strict=True))


def same_length(a: Segment, b: Segment) -> bool:
    """Equal within 30 ms or 10 %."""
    if not a.ms or not b.ms:
        return a.ms == b.ms
    return abs(a.ms - b.ms) <= max(30.0, 0.1 * max(a.ms, b.ms))


def diverge_ms(a: Row, b: Row) -> int | None:
    """Time from the onset at which *a* is first unlike *b*; None when it never is (12 s are compared)."""
    at = 0
    left, right = a.unrolled(12.0), b.unrolled(12.0)
    for x, y in zip(left, right, strict=False):
        if not same_sound(x, y):
            return at + (30 if x.hz and y.hz else 0)
        if not same_length(x, y):
            return at + min(t for t in (x.ms, y.ms) if t)
        at += x.ms
    return None if len(left) == len(right) or at >= 10000 else at


def _turned(a: Row, b: Row) -> bool:
    """The same loop begun at another place; early media may begin anywhere."""
    if a.once or b.once or len(a.loop) != len(b.loop):
        return False
    turns = (b.loop[k:] + b.loop[:k] for k in range(0, len(b.loop), 2))
    return any(all(same_sound(x, y) and same_length(x, y) for x, y in zip(a.loop, turn, strict=True)) for turn in turns)


def _rising(row: Row) -> bool:
    """Begins as the special information tone does, 950 Hz and then 1,400 Hz, whatever the source calls it."""
    sounds = [s.hz[0] for s in (*row.once, *row.loop) if len(s.hz) == 1]
    return any(890 <= x <= 1010 and 1340 <= y <= 1460 for x, y in pairwise(sounds))


def accepted(row: Row, plan: tuple[Row, ...]) -> frozenset[str]:
    """Names that are right for this row: its own, those of rows that sound the same, the kin of dial tone, and SIT by another name."""
    names = {row.tone} | {r.tone for r in plan if diverge_ms(row, r) is None or _turned(row, r)}
    if row.tone.startswith("dial"):
        # A stutter tone that has become steady is dial tone by every later listener.
        steady = Row(row.country, -1, "", (), row.loop)
        names |= {r.tone for r in plan if r.tone.startswith("dial") and diverge_ms(steady, r) is None}
    if _rising(row):
        names |= {"sit", "sit_us"} | {r.tone for r in plan if _rising(r)}
    return frozenset(names)


def knowable_ms(row: Row, plan: tuple[Row, ...]) -> int:
    """Shortest time from the onset after which no other row of the plan fits; a final decision before it is a guess.

    A call result or dial tone need only be told from its like: who waits for an answer hears no call waiting. SIT is known
    once its first tone has ended.
    """
    if _rising(row):
        return next(s.ms for s in (*row.once, *row.loop) if s.hz)
    names = accepted(row, plan)
    main = (*CALL_RESULT, "dial")
    others = [r for r in plan if r.tone not in names and (row.tone not in main or r.tone in main)]
    return max((t for r in others if (t := diverge_ms(row, r)) is not None), default=0)
