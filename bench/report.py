"""Figures of a sweep: recall, false alarms per hour, premature and late decisions, latency; as JSON, as a table, as PNG."""

from __future__ import annotations

import platform
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import plans, signals
from bench.judge import Scored
from bench.line import GRADES
from bench.sweep import DRAW, MAIN
from bench.synth import RATE

Figures = dict[str, Any]


def _recall(scored: Iterable[Scored]) -> dict[str, Any]:
    verdicts = [v for s in scored for v in s.verdicts if not v.truth.optional]
    found = [v for v in verdicts if v.found]
    late = sorted(v.latency_ms for v in found)
    early = sorted((v.provisional_at - v.truth.onset) * 1000 / RATE for v in verdicts if v.provisional_at is not None)
    return {
        "n": len(verdicts),
        "recall": round(len(found) / len(verdicts), 4) if verdicts else None,
        "premature": round(sum(v.premature for v in found) / len(found), 4) if found else None,
        "late": round(sum(v.late for v in found) / len(found), 4) if found else None,
        "repeats": sum(v.repeats for v in verdicts),
        "p50_ms": round(float(np.percentile(late, 50))) if late else None,
        "p95_ms": round(float(np.percentile(late, 95))) if late else None,
        "provisional_p50_ms": round(float(np.percentile(early, 50))) if early else None,
    }


def _alarms(scored: Iterable[Scored]) -> dict[str, Any]:
    items = list(scored)
    hours = sum(s.seconds for s in items) / 3600
    kinds = Counter(r.tone for s in items for r in s.false)
    total = sum(kinds.values())
    rate = round(total / hours, 2) if hours else None
    return {"hours": round(hours, 3), "false": total, "per_hour": rate, "kinds": dict(kinds.most_common())}


def figures(results: Sequence[Scored]) -> dict[str, Any]:
    """Every figure of one detector, ready for JSON."""
    out: dict[str, Any] = {}
    mixed = [s for s in results if s.case.impairment == "mix"]
    main = [s for s in mixed if s.case.family == "tone" and s.case.what in MAIN and s.case.plan in plans.ZONES and s.case.seed % DRAW < 2]
    china = [s for s in mixed if s.case.family == "tone" and s.case.plan == "cn" and s.case.what in MAIN]

    def by_grade(items: Sequence[Scored]) -> dict[str, Any]:
        return {f"d{g}": _recall(s for s in items if s.case.grade == g) for g in range(5) if any(s.case.grade == g for s in items)}

    out["zones"] = by_grade(main)
    out["zones_together"] = _recall(main)
    out["zones_in_conflict"] = _recall([s for s in main if any(v.truth.conflict for v in s.verdicts)])
    out["china"] = by_grade(china)
    out["by_tone"] = {t: by_grade([s for s in main if s.case.what == t]) for t in MAIN}
    out["by_country"] = {c: by_grade([s for s in main if s.case.plan == c]) for c in sorted({s.case.plan for s in main})}
    out["other_plans"] = by_grade([s for s in mixed if s.case.family == "tone" and s.case.plan not in plans.ZONES])
    out["other_tones"] = by_grade([s for s in mixed if s.case.family == "tone" and s.case.what not in MAIN])
    single = [s for s in results if s.case.family == "tone" and s.case.impairment != "mix"]
    out["by_impairment"] = {i: grades for i in GRADES if (grades := by_grade([s for s in single if s.case.impairment == i]))}
    for family in ("dtmf", "sit", "fax", "tty", "cot", "r2f", "r2b", "beep"):
        items = [s for s in mixed if s.case.family == family]
        if items:
            out[family] = by_grade(items)
            kinds = sorted({s.case.what for s in items}) if family in ("sit", "fax", "beep", "cot") else []
            out[family + "_by_kind"] = {k: by_grade([s for s in items if s.case.what == k]) for k in kinds}
    for g in range(5):
        at_grade = [v for s in mixed if s.case.family == "sit" and s.case.grade == g for v in s.verdicts if v.truth.detail]
        if at_grade:
            out.setdefault("sit_coding", {})[f"d{g}"] = round(sum(v.detail_heard == v.truth.detail for v in at_grade) / len(at_grade), 3)
    noisy = [s for s in results if s.case.family == "beep" and s.case.impairment == "white"]
    if noisy:
        out["beep_at_12_db"] = _recall(noisy)
    q24 = [s for s in results if s.case.family == "q24"]
    out["q24"] = {}
    for point, p in signals.Q24.items():
        items = [s for s in q24 if s.case.what == point]
        if not items:
            continue
        keys = 16 * len(items)
        heard = sum(v.found for s in items for v in s.verdicts)
        wrong = sum(r.tone == "dtmf" for s in items for r in s.false)
        if p.accept:
            out["q24"][point] = {"must": "hear", "heard": heard, "of": keys, "double": wrong, "met": heard == keys and not wrong}
        else:
            out["q24"][point] = {"must": "reject", "heard": wrong, "of": keys, "double": 0, "met": not wrong}
    negative = [s for s in results if s.case.family in ("neg", "post")]
    out["false_on_negatives"] = _alarms(s for s in negative if s.case.what != "vowels")
    out["false_by_kind"] = {
        f: {k: _alarms(s for s in negative if s.case.family == f and s.case.what == k) for k in sorted({s.case.what for s in negative})}
        for f in ("neg", "post")
    }
    spoken = [s for s in negative if s.case.what in ("speech", "child", "prompt_echo")]
    hours = sum(s.speech_seconds for s in spoken) / 3600
    hits = sum(r.tone == "dtmf" for s in spoken for r in s.false)
    beeps = [s for s in negative if s.case.family == "post" and s.case.what != "vowels"]
    beep_hours = sum(s.seconds for s in beeps) / 3600
    if hours:
        out["talk_off_per_hour"] = round(hits / hours, 2)
        out["beep_false_per_hour"] = round(sum(r.tone == "beep" for s in beeps for r in s.false) / beep_hours, 2)
    positive = [s for s in results if s.case.family not in ("neg", "post", "q24")]
    out["false_inside_tones"] = _alarms(s for s in positive if not s.case.family.startswith("r2"))
    out["false_inside_by_family"] = {
        f: _alarms(s for s in positive if s.case.family == f) for f in sorted({s.case.family for s in positive})
    }
    musical = [s for s in negative if s.case.what in ("music", "tune", "hold")]
    if musical:
        out["music_found"] = round(sum(s.music > 0 for s in musical) / len(musical), 3)
    tonal = [s for s in mixed if s.case.family == "tone"]
    if tonal:
        out["music_on_tones"] = round(sum(s.music > 0 for s in tonal) / len(tonal), 4)
        ringing = [s for s in tonal if s.case.what == "ringback"]
        out["ringback_latency"] = _recall(ringing)
    specials = {"cn_busy": ("cn", "busy"), "cn_congestion": ("cn", "congestion")}
    for name, (c, t) in specials.items():
        items = [s for s in mixed if s.case.family == "tone" and s.case.plan == c and s.case.what == t and s.case.grade <= 2]
        if items:
            out[name + "_latency"] = _recall(items)
    return out


def failures(results: Sequence[Scored]) -> list[dict[str, Any]]:
    """Every case that went wrong, with what was heard instead."""
    out = []
    for s in results:
        missed = [v for v in s.verdicts if not v.found and not v.truth.optional]
        early = [v for v in s.verdicts if v.premature]
        if missed or s.false or early:
            out.append(
                {
                    "case": str(s.case),
                    "missed": [f"{v.truth.tone}{v.truth.detail and ' ' + v.truth.detail}" for v in missed],
                    "premature": [f"{v.truth.tone} at {v.latency_ms:.0f} ms" for v in early],
                    "false": [f"{r.tone}{r.detail and ' ' + r.detail} at {r.at / RATE:.2f} s" for r in s.false],
                    "faults": list(s.faults),
                }
            )
    return out


def machine() -> dict[str, str]:
    """Commit, processor and compiler, for the record."""

    def ask(*command: str) -> str:
        try:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().splitlines()[0]
        except (OSError, subprocess.CalledProcessError, IndexError):
            return "unknown"

    cpu = "unknown"
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    commit = ask("git", "rev-parse", "--short", "HEAD")
    return {"commit": commit, "cpu": cpu, "compiler": ask("cc", "--version"), "python": platform.python_version()}


def table(report: dict[str, Any]) -> str:
    """The figures for people."""
    lines = []
    names = list(report["detectors"])
    lines.append(f"{'recall by difficulty':28s}" + "".join(f"{n:>44s}" for n in names))
    lines.append(f"{'':28s}" + "".join(f"{'d0':>8s}{'d1':>7s}{'d2':>7s}{'d3':>7s}{'d4':>7s}{'p50 ms':>8s}" for _ in names))

    def row(title: str, pick: Any) -> None:
        cells = []
        for n in names:
            grades = pick(report["detectors"][n]) or {}
            values = [grades.get(f"d{g}", {}).get("recall") for g in range(5)]
            p50 = [grades[g]["p50_ms"] for g in grades if grades[g]["p50_ms"] is not None]
            recall = "".join(f"{v:7.3f}" if v is not None else "      -" for v in values)
            cells.append(recall + (f"{np.median(p50):9.0f}" if p50 else "        -"))
        lines.append(f"{title:28s}" + " ".join(cells))

    row("46 zones, 6 tones", lambda d: d["zones"])
    row("China", lambda d: d["china"])
    for t in MAIN:
        row("  " + t, lambda d, t=t: d["by_tone"][t])
    row("125 other plans", lambda d: d["other_plans"])
    row("other tones of the zones", lambda d: d["other_tones"])
    for family in ("dtmf", "sit", "fax", "tty", "cot", "r2f", "r2b", "beep"):
        if any(family in report["detectors"][n] for n in names):
            row(family, lambda d, f=family: d.get(f))
            kinds = sorted({k for n in names for k in report["detectors"][n].get(family + "_by_kind", {})})
            for k in kinds:
                row("  " + k, lambda d, f=family, k=k: d.get(f + "_by_kind", {}).get(k))
    lines.append("")
    lines.append(f"{'one impairment (d2, d4)':28s}" + "".join(f"{n:>20s}" for n in names))
    for i in GRADES:
        cells = []
        for n in names:
            grades = report["detectors"][n]["by_impairment"].get(i)
            cells.append(" ".join(f"{grades[g]['recall']:9.3f}" if grades and g in grades else "        -" for g in ("d2", "d4")))
        lines.append(f"  {i:26s}" + " ".join(cells))
    lines.append("")
    for key in (
        "zones_together",
        "zones_in_conflict",
        "false_on_negatives",
        "false_inside_tones",
        "talk_off_per_hour",
        "beep_false_per_hour",
        "beep_at_12_db",
        "music_found",
        "music_on_tones",
        "sit_coding",
        "cn_busy_latency",
        "cn_congestion_latency",
        "ringback_latency",
    ):
        for n in names:
            if key in report["detectors"][n]:
                lines.append(f"{key:24s} {n:9s} {report['detectors'][n][key]}")
    for n in names:
        for f, kinds in report["detectors"][n]["false_by_kind"].items():
            for k, a in kinds.items():
                if a["false"]:
                    lines.append(f"  false {f}:{k:14s} {n:9s} {a['per_hour']:8.1f}/h {a['kinds']}")
    for n in names:
        for f, a in report["detectors"][n]["false_inside_by_family"].items():
            if a["false"]:
                lines.append(f"  false inside {f:10s} {n:9s} {a['per_hour']:8.1f}/h {a['kinds']}")
    for n in names:
        q24 = report["detectors"][n]["q24"]
        bad = [f"{k} {v['heard']}/{v['of']}" for k, v in q24.items() if not v["met"]]
        if q24:
            lines.append(f"Q.24 corners missed      {n:9s} {len(bad)} of {len(q24)}: " + ", ".join(bad))
    return "\n".join(lines)


def plot(report: dict[str, Any], folder: Path) -> list[Path]:
    """Recall by grade, by impairment and by country, and latency, as PNG files in *folder*."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    names = list(report["detectors"])
    figure, axes = plt.subplots(1, 2, figsize=(11, 4))
    for axis, key, title in ((axes[0], "zones", "call-result and dial tones, 46 zones"), (axes[1], "fax", "fax and modem tones")):
        for n in names:
            grades = report["detectors"][n].get(key) or {}
            axis.plot(range(len(grades)), [g["recall"] for g in grades.values()], "o-", label=n)
        axis.set(title=title, xlabel="difficulty", ylabel="recall", ylim=(0, 1.02), xticks=range(5))
        axis.legend(loc="lower left")
    figure.tight_layout()
    figure.savefig(folder / "recall.png", dpi=110)
    made.append(folder / "recall.png")
    for key, title in (("by_impairment", "one impairment at grade 4"), ("by_country", "zones, all grades")):
        keys = list(report["detectors"][names[0]][key])
        if not keys:
            continue
        figure, axis = plt.subplots(figsize=(max(7, 0.3 * len(keys)), 4))
        for j, n in enumerate(names):
            cells = [report["detectors"][n][key].get(k, {}) for k in keys]
            if key == "by_impairment":
                values = [c.get("d4", {}).get("recall") or 0.0 for c in cells]
            else:
                values = [float(np.mean([g["recall"] or 0 for g in c.values()])) for c in cells]
            axis.bar(np.arange(len(keys)) + 0.4 * j, values, 0.4, label=n)
        axis.set_xticks(np.arange(len(keys)) + 0.2, keys, rotation=75)
        axis.set(title=title, ylabel="recall", ylim=(0, 1.15))
        axis.legend(ncols=2)
        figure.tight_layout()
        figure.savefig(folder / f"{key}.png", dpi=110)
        made.append(folder / f"{key}.png")
    figure, axis = plt.subplots(figsize=(9, 4))
    for j, n in enumerate(names):
        by_tone = report["detectors"][n]["by_tone"]
        p50 = [np.median([g["p50_ms"] for g in by_tone[t].values() if g["p50_ms"] is not None] or [0]) for t in MAIN]
        axis.bar(np.arange(len(MAIN)) + 0.4 * j, p50, 0.4, label=n)
    axis.set_xticks(np.arange(len(MAIN)) + 0.2, MAIN)
    axis.set(title="median time from onset to final decision", ylabel="ms")
    axis.legend()
    figure.tight_layout()
    figure.savefig(folder / "latency.png", dpi=110)
    made.append(folder / "latency.png")
    plt.close("all")
    return made
