"""What the merged plans cost: tones of the 46 countries heard by their own plan, by ``auto:REGION`` and by ``auto``.

    python -m bench.auto [--draw 20]

Right: the name that the country's own plan gives. Other: another name of a call result or dial tone, which for a merged plan may be the
name that most countries give to that pattern. Dial tone is left out: a merged plan tells it after 2.9 s, and these signals last 2.4 s. The
cost is CPU time of one channel with the detectors of the phase before the answer.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from bench import plans, sweep
from bench.judge import Scored
from bench.peers import Offhook
from offhook_core import plan_auto
from offhook_core.plan_choice import resolve

MAIN = frozenset(sweep.MAIN)


def region_of(country: str) -> str:
    """``auto:europe`` for ``de``."""
    return "auto:" + next(name for name, members in plan_auto.REGIONS.items() if country in members.split())


KINDS: dict[str, Callable[[str], str]] = {"own": lambda country: country, "region": region_of, "auto": lambda _: "auto"}


def row(kind: str, scored: Sequence[Scored], seconds_run: float) -> str:
    """One line of the table."""
    cells = []
    for grades in ((0, 1, 2), (3, 4)):
        items = [s for s in scored if s.case.grade in grades]
        right = sum(s.verdicts[0].found for s in items)
        other = sum(not s.verdicts[0].found and any(r.tone in MAIN for r in s.false) for s in items)
        cells.append(f"{right / len(items):7.3f} {other / len(items):6.3f} {1 - (right + other) / len(items):6.3f}")
    late = [s.verdicts[0].latency_ms for s in scored if s.verdicts[0].found]
    largest = max(len(resolve(KINDS[kind](c)).tones) for c in {s.case.plan for s in scored})
    cost = seconds_run / sum(s.seconds for s in scored)
    p50, p95 = np.percentile(late, [50, 95])
    return f"{kind:8s}{largest:6d}   {cells[0]}   {cells[1]}   {p50:6.0f} {p95:6.0f}   {cost * 1e6:8.1f}"


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.auto", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--draw", type=int, default=0, help="number of the sweep; 0 to 9 are for tuning")
    options = parser.parse_args(argv)
    all_plans = plans.load()
    ears = {kind: Offhook(plan_of=choose) for kind, choose in KINDS.items()}
    for kind, ear in ears.items():
        ear.name = kind
    played = [c for c in sweep.cases(all_plans, "tones", options.draw) if c.what in plans.CALL_RESULT]
    results = sweep.run(played, list(ears.values()), all_plans, progress=sys.stderr.isatty())
    print(f"{'':14s}   {'grades 0 to 2':^21s}   {'grades 3 and 4':^21s}   {'ms to the name':^13s}   us CPU for 1 s")
    print(f"{'plan':8s}{'rows':>6s}   " + "  right  other   none   " * 2 + f"{'p50':>6s} {'p95':>6s}   of a channel")
    for kind, ear in ears.items():
        print(row(kind, results[kind], ear.seconds_run))
    for kind in ("region", "auto"):
        swaps = Counter(
            f"{s.case.what} told as {s.false[0].tone}" for s in results[kind] if not s.verdicts[0].found and s.false and s.case.grade < 3
        )
        print(f"{kind}, grades 0 to 2: " + ", ".join(f"{what} {n}" for what, n in swaps.most_common(8)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
