"""What is played in a sweep, and the loop that plays it to detectors.

Every part of the full sweep answers one row of the figures: zones, China in depth, single impairments, the other plans, DTMF and its
Q.24 corners, SIT codings, fax and modem tones, register and text signals, beeps, negatives. The quick sweep is a tenth of it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench import negatives, plans, signals
from bench.judge import Scored, judge
from bench.line import GRADES
from bench.peers import Detector
from bench.signals import Case

BATCH = 240
DRAW = 1000  # seeds in one draw
MAIN = ("dial", *plans.CALL_RESULT)


def tone_cases(all_plans: plans.Plans, countries: Sequence[str], tones: Sequence[str], grades: Sequence[int], repeat: int) -> list[Case]:
    """Rows of plans on mixed lines."""
    return [
        Case("tone", c, t, "mix", g, k)
        for c in countries
        for t in tones
        if any(r.tone == t for r in all_plans[c])
        for g in grades
        for k in range(repeat)
    ]


def cases(all_plans: plans.Plans, size: str, draw: int = 0) -> list[Case]:
    """All cases of a sweep: ``full``, ``quick``, or one part: ``tones cn impairments others dtmf q24 sit fax misc beep negatives``.

    *draw* numbers the sweep: another one has the same make-up on other lines, and no signal in common. Draws 0 to 9 are for tuning.

    Raises:
        ValueError: No such part.
    """
    few = size == "quick"
    zones = [z for z in plans.ZONES if z in all_plans]
    countries = ["cn", "us", "gb", "de", "fr"] if few else zones
    rest = sorted(set(all_plans) - set(zones))
    rng = np.random.default_rng(7 + draw)
    grades = range(5)
    keys = ["".join(rng.permutation(list(signals.KEYS))[:8]) for _ in range(8 if few else 40)]
    numbers = ["+".join(map(str, rng.permutation(15)[:8] + 1)) for _ in range(4 if few else 16)]
    n = 1 if few else 4
    parts: dict[str, list[Case]] = {
        "tones": tone_cases(all_plans, countries, MAIN, grades, 2),
        "cn": [c for c in tone_cases(all_plans, ["cn"], MAIN, grades, 5 if few else 16) if c.seed >= 2],
        "impairments": [
            Case("tone", c, t, i, g, 0)
            for i in GRADES
            for g in (2, 4)
            for c in (("cn",) if few else ("cn", "us", "gb", "de", "fr", "es", "jp", "in"))
            for t in MAIN
            if any(r.tone == t for r in all_plans[c])
        ],
        "others": tone_cases(all_plans, rest[:: 10 if few else 1], MAIN, (0, 2), 1)
        + [
            Case("tone", c, r.tone, "mix", g, 0)
            for c in countries
            for r in {r.tone: r for r in all_plans[c]}.values()
            if r.tone not in MAIN and r.period_ms < 8000
            for g in (0, 2)
        ],
        "dtmf": [Case("dtmf", "us", k, "mix", g, 0) for k in keys for g in grades],
        "q24": [Case("q24", signals.q24_plan(p), p, "none", 0, k) for p in signals.Q24 for k in range(n)],
        "sit": [Case("sit", p, w, "mix", g, k) for p in ("us", "de") for w in ("ITU", *signals.SIT_US) for g in grades for k in range(n)],
        "fax": [Case("fax", "us", w, "mix", g, k) for w in signals.FAX for g in grades for k in range(n * 5)],
        "misc": [Case("tty", "us", "tty", "mix", g, k) for g in grades for k in range(n * 4)]
        + [Case("cot", "us", w, "mix", g, k) for w in ("cot2010", "cot2000") for g in grades for k in range(n * 2)]
        + [Case(f, "cn", w, "mix", g, 0) for f in ("r2f", "r2b") for w in numbers for g in grades],
        "beep": [
            Case("beep", p, w, "mix", g, k)
            for p in ("us", "cn")
            for w in ("single", "double", "pair")
            for g in grades
            for k in range(n * 6)
        ]
        + [Case("beep", "us", w, "white", 4, k) for w in ("single", "double") for k in range(n * 12)],
        "negatives": [
            Case(f, c, kind, "mix", g, k)
            for f, kinds in (("neg", negatives.BEFORE), ("post", negatives.AFTER))
            for kind in kinds
            for k, (c, g) in enumerate([(c, g) for c in ("cn", "us", "gb", "de", "es", "in") for g in ((1,) if few else (0, 1, 2, 3))])
        ],
    }
    if size not in ("full", "quick", *parts):
        raise ValueError(f"no set is called {size!r}; there are full, quick, {', '.join(parts)}")
    played = parts[size] if size in parts else [c for part in parts.values() for c in part]
    return [replace(c, seed=c.seed + DRAW * draw) for c in played]


def run(played: Sequence[Case], detectors: Sequence[Detector], all_plans: plans.Plans, progress: bool = False) -> dict[str, list[Scored]]:
    """Render every case once and let every detector hear it. Returns scored cases by detector, in the order given."""
    out: dict[str, list[Scored]] = {d.name: [] for d in detectors}
    for start in range(0, len(played), BATCH):
        batch = [signals.render(c, all_plans) for c in played[start : start + BATCH]]
        for d in detectors:
            out[d.name] += [judge(s, r) for s, r in zip(batch, d.hear(batch), strict=True)]
        if progress:
            print(f"\r{start + len(batch)} of {len(played)} signals", end="", file=sys.stderr, flush=True)
    if progress:
        print(file=sys.stderr)
    return out
