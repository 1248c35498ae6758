"""Are the probabilities of results honest? Calls of the software card, in virtual time with audio, against what the card knows.

    python -m bench.results                              # the built-in scenario cn, 240 s of dialling on 4 spans
    python -m bench.results examples/scenarios/bad-lines.toml --seconds 120 --json r.json

A probability is right when, of all calls with it, that share is. The card's callees are as regular as its scenario makes them: this finds
weights that are wrong, not how sure one may be on a real network. Cancelled calls and behaviours without a plain truth are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import itertools
import json
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from offhook.calls.why import explain, text
from offhook.cli.truth import agrees
from offhook.clock import run_virtual
from offhook.config import Settings
from offhook.messages import CallRecord, CampaignSpec
from offhook.node import Node

START = dt.datetime(2026, 3, 2, 1, tzinfo=dt.UTC)
BINS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0001)


@dataclass(frozen=True, slots=True)
class Judged:
    """A call whose truth is known."""

    record: CallRecord  # with its evidence when it is wrong
    right: bool
    truth: str


async def calls(folder: Path, scenario: str, spans: int, seconds: float, seed: int | None) -> list[Judged]:
    """Dial for so long; every call that can be judged."""
    settings = Settings.model_validate(
        {
            "node": {"name": "results", "data_dir": folder},
            "database": {"durable": False},
            "control": {"mode": "off"},
            "approval": {"numbers": 0},
            "driver": {"name": "simulator", "scenario": scenario, "spans": spans, "seed": seed, "realtime": False},
        }
    )
    numbers = folder / "numbers.csv"
    numbers.write_text("number\n" + "".join(f"+86139{at:08}\n" for at in range(round(seconds * spans * 5))), encoding="utf-8")
    async with Node(settings) as node:
        with resources.as_file(resources.files("offhook_drivers").joinpath("clips", "prompt-zh-notice.wav")) as prompt:
            spec = CampaignSpec.model_validate({"name": "results", "prompt": str(prompt), "calls_per_second": 50, "retry": {"rules": {}}})
            await node.create_campaign(spec)
        await node.import_list("results", numbers)
        await node.start_campaign("results")
        await asyncio.sleep(seconds)
        await node.pause_campaign("results")
        await asyncio.sleep(60)
        judged = []
        for record in await node.calls("results", 10_000):
            truth = node.driver.truth(record.id)  # type: ignore[attr-defined]
            right = None if truth is None or record.disposition is None else agrees(truth.behaviour, truth.meaning, record.disposition)
            if truth is not None and right is not None:
                judged.append(Judged(record if right else await node.call(record.id), right, truth.name))
        return judged


def reliability(judged: Sequence[Judged]) -> dict[str, Any]:
    """Said against true, by bins of the probability; ``error`` is the mean distance (expected calibration error)."""
    rows = []
    error = 0.0
    for low, high in itertools.pairwise(BINS):
        inside = [one for one in judged if one.record.probability is not None and low <= one.record.probability < high]
        if inside:
            said = sum(one.record.probability or 0 for one in inside) / len(inside)
            true = sum(one.right for one in inside) / len(inside)
            error += abs(said - true) * len(inside) / len(judged)
            rows.append({"from": low, "calls": len(inside), "said": round(said, 3), "true": round(true, 3)})
    return {"calls": len(judged), "right": sum(one.right for one in judged), "error": round(error, 4), "bins": rows}


def by_rule(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """Said against true, by result and rule, the most frequent first."""
    groups: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for one in judged:
        groups[str(one.record.disposition), one.record.rule].append(one)
    return [
        {
            "result": result,
            "rule": rule,
            "calls": len(group),
            "said": round(sum(one.record.probability or 0 for one in group) / len(group), 3),
            "true": round(sum(one.right for one in group) / len(group), 3),
        }
        for (result, rule), group in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="?", default="cn")
    parser.add_argument("--spans", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--wrong", type=int, default=0, help="explain so many of the wrong ones")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    scenario = str(Path(given.scenario).absolute()) if given.scenario.endswith(".toml") else given.scenario
    with tempfile.TemporaryDirectory() as folder:
        judged = run_virtual(calls(Path(folder), scenario, given.spans, given.seconds, given.seed), START)
    found = {"scenario": given.scenario, **reliability(judged), "rules": by_rule(judged)}
    print(f"{found['calls']} calls, {found['right']} right, calibration error {found['error']:.3f}")
    for row in found["bins"]:
        print(f"  from {row['from']:.2f}: {row['calls']:6} calls, said {row['said']:.3f}, true {row['true']:.3f}")
    for row in found["rules"]:
        print(f"  {row['result']:16} {row['rule']:40} {row['calls']:6} calls, said {row['said']:.3f}, true {row['true']:.3f}")
    for one in [one for one in judged if not one.right][: given.wrong]:
        print(f"\n{one.truth} taken for {one.record.disposition}", *text(explain(one.record)), sep="\n")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
