"""Score detectors on graded signals: recall, false alarms per hour, premature and late decisions, latency.

    python -m bench.score                      full sweep, under ten minutes on one core
    python -m bench.score --set quick          a tenth of it
    python -m bench.score --case tone:cn:busy:mix:d3:7 [--wav FILE]   one signal: its truth, its line, and what each detector said

Output: a table; ``--json`` with every figure, ``--failures`` with every case that went wrong, ``--plots`` with PNG files.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import plans, report, signals, sweep
from bench.peers import Detector, Offhook, Spandsp
from bench.signals import Case
from bench.synth import RATE


def detectors_here(names: Sequence[str], all_plans: plans.Plans, isa: str | None = None, profile: str | None = None) -> list[Detector]:
    """The detectors asked for that are on this machine; says on stderr which are not."""
    out: list[Detector] = []
    for name in names:
        try:
            out.append(Offhook(isa, profile) if name == "offhook" else Spandsp(all_plans))
        except (OSError, ImportError) as missing:
            print(f"{name} is not here and is left out: {missing}", file=sys.stderr)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.score", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--set", default="full", help="full, quick, or one part of the sweep")
    parser.add_argument("--draw", type=int, default=0, help="number of the sweep, each on lines of its own; 0 to 9 are for tuning")
    parser.add_argument("--plans", type=Path, help="a tone-plans/1 file; default: the plans built into the library")
    parser.add_argument("--detectors", default="offhook,spandsp")
    parser.add_argument("--profile", help="arm this OH_PROFILE_ on every signal instead of the one of its phase: ALL")
    parser.add_argument("--isa", help="vector code to force: base, avx2, avx512, neon")
    parser.add_argument("--json", type=Path, help="write every figure here")
    parser.add_argument("--failures", type=Path, help="write every case that went wrong here, one JSON object a line")
    parser.add_argument("--plots", type=Path, help="folder for PNG files")
    parser.add_argument("--case", help="score one signal by name")
    parser.add_argument("--wav", help="with --case: save its samples")
    options = parser.parse_args(argv)
    all_plans = plans.load(options.plans)
    found = detectors_here(options.detectors.split(","), all_plans, options.isa, options.profile)
    if not found:
        print("no detector to measure", file=sys.stderr)
        return 1
    try:
        if options.case:
            return _one(Case.parse(options.case), found, all_plans, options.wav)
        cases = sweep.cases(all_plans, options.set, options.draw)
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    began = time.monotonic()
    results = sweep.run(cases, found, all_plans, progress=sys.stderr.isatty())
    summary = {
        "machine": report.machine(),
        "set": options.set,
        "draw": options.draw,
        "signals": len(cases),
        "audio_hours": round(sum(s.seconds for s in results[found[0].name]) / 3600, 2),
        "elapsed_s": round(time.monotonic() - began, 1),
        "detector_cpu_s": {d.name: round(d.seconds_run, 1) for d in found},
        "detectors": {d.name: report.figures(results[d.name]) for d in found},
    }
    for d in found:
        if isinstance(d, Offhook):
            summary["isa"], summary["events_sha256"] = d.isa, d.digest.hexdigest()
            print(f"{d.isa}: sha256 of all events {d.digest.hexdigest()}")
    print(report.table(summary))
    print(f"\n{len(cases)} signals, {summary['audio_hours']} h of audio, {summary['elapsed_s']} s; {summary['machine']}")
    if options.json:
        options.json.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.failures:
        with options.failures.open("w", encoding="utf-8") as out:
            for d in found:
                for item in report.failures(results[d.name]):
                    out.write(json.dumps({"detector": d.name, **item}, ensure_ascii=False) + "\n")
    if options.plots:
        report.plot(summary, options.plots)
    return 0


def _one(case: Case, found: Sequence[Detector], all_plans: plans.Plans, wav: str | None) -> int:
    signal = signals.render(case, all_plans)
    if wav:
        signals.write_wav(signal, wav)
    print(case, f"{signal.seconds:.2f} s", {k: getattr(signal.line, k) for k in signal.line.__slots__ if getattr(signal.line, k)})
    for t in signal.truths:
        span = f"{t.onset / RATE:.3f} to {t.end / RATE:.3f} s, knowable {t.knowable / RATE:.3f} s"
        print(f"  truth {t.tone} {t.detail} {span}, right: {sorted(t.accept)}")
    for d in found:
        for r in d.hear([signal])[0]:
            kind = "provisional " if r.provisional else ""
            heard = f"{kind}{r.tone} {r.detail} onset {r.onset / RATE:.3f} s {r.level_dbm0:.1f} dBm0 {r.confidence} %"
            print(f"  {d.name}: {r.at / RATE:.3f} s {heard}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
