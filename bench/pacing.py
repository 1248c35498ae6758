"""Pacing: utilisation and abandonment of every policy over team sizes, answer rates and hard shifts; tables and plots for the docs.

    python -m bench.pacing run                    # what is missing of the whole sweep (hours); may be stopped and started again
    python -m bench.pacing run --part hard --seeds 5
    python -m bench.pacing tables                 # writes the tables into docs/pacing.md and the plots into docs/img
    python -m bench.pacing speed                  # time of a decision and of a shift
    python -m bench.pacing limits --agents 10     # what the budget of the rule costs: predictive beside limits that never move
    python -m bench.pacing optimum --answer-s 15  # what the memoryless model allows at best, when people answer after 15 s on average

Every run is one line of ``build/pacing.jsonl``, named by policy, shift and seed. A change of the policies calls for a new file.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "orchestrator"))

from offhook import pacing  # noqa: E402
from offhook.shift import Report, Scenario, Simulator, load, parse  # noqa: E402
from offhook.shift.cli import draw, mean_and_width  # noqa: E402

TEAMS = (5, 10, 20, 50, 100)
SHARES = (0.1, 0.25, 0.4)
POLICIES: dict[str, tuple[str, dict[str, Any]]] = {
    "preview": ("preview", {}),
    "progressive": ("progressive", {}),
    "precise": ("precise", {}),
    "2 per free agent": ("ratio", {"calls_per_agent": 2.0}),
    "1.5 lines per agent": ("ratio", {"calls_per_agent": 1.5, "per": "logged_in"}),
    "level, average": ("level", {"limiter": "average"}),
    "level, tapered": ("level", {"limiter": "tapered"}),
    "level, hard limit": ("level", {"limiter": "hard_limit"}),
    "sum of weights": ("weights", {}),
    "**predictive**": ("predictive", {}),
}
REACH = {  # utilisation in %, the optimum of the memoryless model; at 100 agents and 10 % the 240 lines bind
    0.1: (73, 81, 87, 93, 91),
    0.25: (78, 84, 88, 93, 95),
    0.4: (82, 86, 89, 94, 96),
}
HARD = (
    "doubling-at-noon",
    "list-collapse",
    "lunch-at-once",
    "mass-login",
    "long-ring",
    "bimodal-talk",
    "tiny-team",
    "line-starved",
    "calls-per-second",
    "machine-heavy",
    "cold-start",
    "oscillating-list",
    "end-of-shift",
)
OURS = "**predictive**"


def steady(agents: int, share: float) -> Scenario:
    """Return the reference shift: eight hours, talk 120 s, wrap-up 20 s, 240 lines."""
    return parse({"shift": {"name": f"{agents}/{share:g}"}, "list": {"person": share}, "agents": {"group": [{"count": agents}]}})


def hard(name: str) -> Scenario:
    """Return one of the example shifts."""
    return load(ROOT / "examples" / "shifts" / f"{name}.toml")


def wanted(part: str, seeds: int, policies: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    """Yield policy, shift and seed of every run, the engine's own policy first and seed by seed, so that a stopped sweep is of use."""
    for seed in range(1, seeds + 1):
        for policy in sorted(policies, key=lambda p: p != OURS):
            if part in ("all", "hard") and policy in (OURS, "progressive", "level, average", "sum of weights"):
                yield from ((policy, name, seed) for name in HARD)
            if part in ("all", "steady"):
                yield from ((policy, f"{team}/{share:g}", seed) for share in SHARES for team in TEAMS)


def run(policy: str, shift: str, seed: int, **kwargs: Any) -> Report:
    """Run one shift of the sweep."""
    scenario = steady(int(shift.split("/")[0]), float(shift.split("/")[1])) if "/" in shift else hard(shift)
    mode, settings = POLICIES[policy]
    return Simulator(scenario, pacing.make(mode, **settings), seed, **kwargs).run()


def sweep(path: Path, part: str, seeds: int, policies: Sequence[str]) -> None:
    """Run what is not yet in *path*."""
    done = {(r["policy"], r["shift"], r["seed"]) for r in results(path)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as out:
        for policy, shift, seed in wanted(part, seeds, policies):
            if (policy, shift, seed) in done:
                continue
            figures = run(policy, shift, seed).as_dict()
            out.write(json.dumps({**figures, "policy": policy, "shift": shift, "seed": seed}) + "\n")
            out.flush()


def results(path: Path) -> list[dict[str, Any]]:
    """Return the runs made so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]


# ---- tables


def cell(runs: Sequence[dict[str, Any]]) -> str:
    """Return ``utilisation ± half-width / abandoned %``, with ``!`` where the mean breaks the rule; no half-width for one run."""
    if not runs:
        return "-"
    u, width = mean_and_width([100 * r["utilisation"] for r in runs])
    a, _ = mean_and_width([100 * r["abandon_share"] for r in runs])
    spread = f"±{width:.1f}" if len(runs) > 1 else ""
    return f"{u:.1f}{spread} / {a:.2f}" + (" !" if a > 3.0 else "")


def at_least(kept: int, runs: int, confidence: float = 0.95) -> float:
    """Return the lower confidence bound (Clopper-Pearson, by bisection) of a share of which *kept* of *runs* were seen."""
    if kept == 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        tail = sum(
            math.exp(_log_choose(runs, k) + k * math.log(max(p, 1e-300)) + (runs - k) * math.log1p(-min(p, 1 - 1e-16)))
            for k in range(kept, runs + 1)
        )
        low, high = (p, high) if tail < 1 - confidence else (low, p)
    return low


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def tables(path: Path) -> str:
    """Return all tables as Markdown."""
    runs = results(path)
    by: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for r in runs:
        by.setdefault((r["policy"], r["shift"]), []).append(r)
    out = []
    for share in SHARES:
        out.append(f"**Answered by people: {100 * share:g} %**\n")
        out.append("| policy | " + " | ".join(f"N={n}" for n in TEAMS) + " |")
        out.append("|---|" + "---|" * len(TEAMS))
        for policy in POLICIES:
            out.append(f"| {policy} | " + " | ".join(cell(by.get((policy, f"{n}/{share:g}"), [])) for n in TEAMS) + " |")
        out.append("| *to reach* | " + " | ".join(f"*{u}*" for u in REACH[share]) + " |")
        ratios = []
        for n in TEAMS:
            ours, preview = by.get((OURS, f"{n}/{share:g}"), []), by.get(("preview", f"{n}/{share:g}"), [])
            mean = [np.mean([r["connects_per_agent_h"] for r in x]) if x else math.nan for x in (ours, preview)]
            ratios.append("-" if math.isnan(mean[0] / mean[1]) else f"{mean[0] / mean[1]:.1f}×")
        out.append("| *connects per agent hour against preview* | " + " | ".join(f"*{r}*" for r in ratios) + " |\n")
    shown = [p for p in POLICIES if any((p, name) in by for name in HARD)]
    out.append("| hard shift | " + " | ".join(shown) + " | worst run of predictive, abandoned % |")
    out.append("|---|" + "---|" * (len(shown) + 1))
    for name in HARD:
        worst = max((100 * r["abandon_share"] for r in by.get((OURS, name), [])), default=math.nan)
        out.append(f"| {name} | " + " | ".join(cell(by.get((p, name), [])) for p in shown) + f" | {worst:.2f} |")
    ours = [r for r in runs if r["policy"] == OURS]
    kept = sum(r["abandon_share"] <= 0.03 for r in ours)
    if ours:
        out.append(
            f"\nRuns of predictive that kept 3 %: {kept} of {len(ours)} ({100 * kept / len(ours):.1f} %; with 95 % confidence at least "
            f"{100 * at_least(kept, len(ours)):.1f} %). Seeds per cell: {min(len(by[k]) for k in by if k[0] == OURS)} to "
            f"{max(len(by[k]) for k in by if k[0] == OURS)}."
        )
    return "\n".join(out) + "\n"


def write(path: Path) -> None:
    """Put the tables between the markers of docs/pacing.md and draw the plots."""
    page = ROOT / "docs" / "pacing.md"
    text = page.read_text("utf-8")
    start, end = "<!-- tables: python -m bench.pacing tables -->", "<!-- end of tables -->"
    if start not in text or end not in text:
        raise SystemExit(f"{page}: the markers of the tables are missing")
    text = re.sub(re.escape(start) + ".*?" + re.escape(end), lambda _: f"{start}\n{tables(path)}{end}", text, flags=re.S)
    page.write_text(text, "utf-8")
    images = ROOT / "docs" / "img"
    images.mkdir(parents=True, exist_ok=True)
    frontier(results(path), images / "pacing-frontier.png")
    for name in ("doubling-at-noon", "list-collapse"):
        draw(run(OURS, name, 1), images / f"pacing-{name}.png")


def frontier(runs: Sequence[dict[str, Any]], image: Path) -> None:
    """Draw utilisation against abandonment, one panel for each answer rate, one line of team sizes for each policy."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(SHARES), figsize=(11, 3.8), sharey=True, constrained_layout=True)
    for panel, share in zip(panels, SHARES, strict=True):
        for policy in POLICIES:
            points = []
            for n in TEAMS:
                these = [r for r in runs if r["policy"] == policy and r["shift"] == f"{n}/{share:g}"]
                if these:
                    points.append([np.mean([100 * r[k] for r in these]) for k in ("abandon_share", "utilisation")])
            if points:
                x, y = zip(*points, strict=True)
                ours = policy == OURS
                panel.plot(
                    x, y, "o-", markersize=5 if ours else 3, linewidth=2 if ours else 0.7, label=policy.strip("*"), zorder=3 if ours else 2
                )
        panel.axvline(3.0, color="tab:red", linewidth=0.8, linestyle=":")
        panel.set_xlim(-0.3, 12)
        panel.set_title(f"{100 * share:g} % answered by people, 5 to 100 agents", fontsize=9)
        panel.set_xlabel("abandoned, % of people")
        panel.grid(alpha=0.2)
    panels[0].set_ylabel("utilisation, %")
    panels[-1].legend(fontsize=7, loc="lower right")
    figure.savefig(image, dpi=80)
    plt.close(figure)


def optimum(
    agents: int, share: float, answer_s: float, handling_s: float = 140.0, limit: float = 0.03, rounds: int = 4000
) -> tuple[float, float]:
    """Return utilisation and abandoned share of the best policy in a world without memory.

    Talk with wrap-up is exponential with mean *handling_s*. A call ends after an exponential time with mean *answer_s* and is then a person
    with chance *share*; a person who meets no free agent is abandoned at once. Value iteration over free agents and calls in flight,
    with a price on an abandoned call that is raised until the limit is kept. Two policies are not mixed, so the share may end up under it.
    """
    most = min(400, int(3.0 + 1.6 * agents / share / max(1.0, handling_s / answer_s / 3)))
    free, calls = np.arange(agents + 1)[:, None], np.arange(most + 1)[None, :]
    ends, comes = (agents - free) / handling_s, calls / answer_s
    total = agents / handling_s + most / answer_s
    stay = 1.0 - (ends + comes) / total
    busy = np.broadcast_to((agents - free) / total, stay.shape)
    fewer, freed = np.maximum(calls - 1, 0), np.minimum(free + 1, agents)
    taken, lost = np.maximum(free - 1, 0), (free == 0) & (calls > 0)

    def step(v: np.ndarray, gain: np.ndarray, per_loss: float) -> np.ndarray:
        arrives = share * v[taken, fewer] + (1 - share) * v[free, fewer] + share * per_loss * lost
        return np.asarray(gain + (ends * v[freed, calls] + comes * arrives) / total + stay * v)

    low, high, best = 10.0, 5000.0, (0.0, 0.0)
    for _ in range(9):
        price = math.sqrt(low * high)
        value, talk, gone = (np.zeros(stay.shape) for _ in range(3))
        rates = (0.0, 0.0)
        for _ in range(rounds):
            kept = step(value, busy, -price)
            talk, gone = step(talk, busy, 0.0), step(gone, np.zeros(stay.shape), 1.0)
            # Launching is at once: the best of this many calls and of any more.
            backwards = kept[:, ::-1]
            top = np.maximum.accumulate(backwards, axis=1)
            at = np.maximum.accumulate(np.where(backwards >= top, calls, 0), axis=1)[:, ::-1]
            where = most - at
            value, talk, gone = top[:, ::-1], np.take_along_axis(talk, where, 1), np.take_along_axis(gone, where, 1)
            rates = (float(talk[agents, 0]) * total, float(gone[agents, 0]) * total)
            value, talk, gone = (x - x[agents, 0] for x in (value, talk, gone))
        abandoned = rates[1] / max(1e-12, rates[0] / handling_s + rates[1])
        if abandoned > limit:
            low = price
        else:
            high, best = price, (rates[0] / agents, abandoned)
    return best


class Unmoved(pacing.Predictive):
    """Predictive without the budget: the same risk limit on every call, whatever was abandoned."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self._limit = limit

    def risk_limit(self, state: pacing.PacingState, logged_in: int) -> float:
        """Return the limit, always the same."""
        return self._limit


def limits(agents: int, share: float, seeds: int) -> Iterator[str]:
    """Yield utilisation and abandoned share with the budget of the rule, and at limits that never move; with seeds that no sweep uses."""
    policies: list[tuple[str, Callable[[], pacing.Predictive]]] = [("with the budget", pacing.Predictive)]
    policies += [(f"limit {limit:.3f}", partial(Unmoved, limit)) for limit in (0.020, 0.025, 0.030)]
    for name, make in policies:
        runs = [Simulator(steady(agents, share), make(), 101 + n).run() for n in range(seeds)]
        over = sum(r.abandon_share > 0.03 for r in runs)
        u, width = mean_and_width([100 * r.utilisation for r in runs])
        a, _ = mean_and_width([100 * r.abandon_share for r in runs])
        yield f"{agents} agents, {100 * share:g} %, {name}: {u:.2f}±{width:.2f} at {a:.2f} % abandoned, {over} of {seeds} runs over 3 %"


def speed() -> dict[str, float]:
    """Return how long decisions and shifts take."""
    big = parse({"shift": {"hours": 1.0, "lines": 240}, "list": {"person": 0.25}, "agents": {"group": [{"count": 200}]}})
    decisions = np.array(Simulator(big, pacing.make("predictive"), 1, time_decisions=True).run().decision_s) * 1e3
    started = time.process_time()
    run(OURS, "50/0.25", 1)
    quarter = time.process_time() - started
    started = time.process_time()
    run(OURS, "50/0.1", 1)
    return {
        "decision_200_agents_240_lines_ms_median": float(np.median(decisions)),
        "decision_200_agents_240_lines_ms_p99": float(np.percentile(decisions, 99)),
        "shift_8h_50_agents_25_percent_cpu_s": quarter,
        "shift_8h_50_agents_10_percent_cpu_s": time.process_time() - started,
    }


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.pacing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("run", "tables", "speed", "optimum", "limits"))
    parser.add_argument("--file", type=Path, default=ROOT / "build" / "pacing.jsonl")
    parser.add_argument("--part", choices=("all", "steady", "hard"), default="all")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--policy", choices=[p.strip("*") for p in POLICIES], action="append")
    parser.add_argument("--agents", type=int, action="append", help="of optimum and limits; 5, 10 and 20 without it")
    parser.add_argument("--answer-s", type=float, default=15.0, help="of optimum; mean time from launch to the verdict of a person")
    parser.add_argument("--share", type=float, default=0.1, help="of limits; share of calls answered by people")
    args = parser.parse_args()
    if args.what == "run":
        sweep(args.file, args.part, args.seeds, [p for p in POLICIES if not args.policy or p.strip("*") in args.policy])
    elif args.what == "tables":
        write(args.file)
    elif args.what == "optimum":
        for share in SHARES:
            for agents in args.agents or (5, 10, 20):
                utilisation, abandoned = optimum(agents, share, args.answer_s)
                print(f"{agents} agents, {100 * share:g} %: {100 * utilisation:.1f} at {100 * abandoned:.2f} % abandoned", flush=True)
    elif args.what == "limits":
        for agents in args.agents or (5, 10, 20):
            for line in limits(agents, args.share, min(args.seeds, 8)):
                print(line, flush=True)
    else:
        print(json.dumps(speed(), indent=2))


if __name__ == "__main__":
    main()
