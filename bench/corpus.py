"""Run detectors over a folder of recordings with a ``manifest.csv``: what was found, when, and false alarms per hour.

    python -m bench.corpus FOLDER [--json FILE] [--misses FILE]       or set OFFHOOK_CORPUS

The manifest has one row a file with the columns path, label (tones, beep, machine, human, announcement, ivr, music, noise), sublabel,
language, beep_at, onset_s and offset_s (s). Files are 8 kHz mono of any format that libsndfile reads. Recordings of people, machines,
announcements, menus, music and noise are heard twice, as before the answer and as after it; in both any tone is a false alarm, except the
beep that a machine's row names and the SIT of an announcement ``with_sit``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bench import plans, report
from bench.judge import Scored, judge
from bench.line import FRAME, Heard, Line
from bench.peers import Detector
from bench.score import detectors_here
from bench.signals import Case, Signal, Truth
from bench.synth import RATE

TAIL = int(1.0 * RATE)
PLAN_OF = {"en": "us", "zh": "cn", "uk": "gb", "-": "us", "und": "us"}
TONE_OF = {
    "busy": ("busy", "congestion"),
    "congestion": ("congestion", "busy", "unobtainable"),
    "dial": ("dial", "dial_special", "dial_recall", "dial_second"),
    "ring": ("ringback",),
    "info": ("sit", "sit_us", "unobtainable"),
    "fax_cng": ("fax_cng",),
    "fax_ced": ("fax_ced",),
    "modem_ansam": ("ansam_pr",),
    "modem_b103": ("bell_ans",),
}
LABELS = ("human", "machine", "announcement", "ivr", "music", "noise")


@dataclass(slots=True)
class Clip:
    """One row of the manifest with its audio."""

    path: str
    label: str
    signals: list[Signal] = field(default_factory=list)


def _truth(tone: str, accept: Sequence[str], onset_s: float, end_s: float, repeat: bool = True) -> Truth:
    return Truth(tone, int(onset_s * RATE), int(end_s * RATE), frozenset(accept), may_repeat=repeat)


def _seconds(text: str, otherwise: float) -> float:
    return float(text) if text else otherwise


def load(folder: Path, all_plans: plans.Plans) -> list[Clip]:
    """Every clip of the manifest that this bench knows what to expect of.

    Raises:
        ValueError: There is no manifest, or a file is not 8 kHz mono; the message names it.
    """
    manifest = folder / "manifest.csv"
    if not manifest.is_file():
        raise ValueError(f"{folder}: no manifest.csv there; give the folder of recordings")
    clips = []
    with manifest.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            path = folder / row["path"]
            audio, rate = soundfile.read(path, dtype="int16")
            if rate != RATE or audio.ndim != 1:
                raise ValueError(f"{path}: {rate} Hz, {audio.ndim} channels; recordings must be 8,000 Hz mono")
            clips.append(_clip(row, audio, all_plans))
    return clips


def _clip(row: dict[str, str], audio: Any, all_plans: plans.Plans) -> Clip:
    plan = PLAN_OF.get(row["language"], row["language"])
    plan = plan if plan in all_plans else "us"
    onset, end = _seconds(row["onset_s"], 0.0), _seconds(row["offset_s"], audio.size / RATE)
    truths: dict[str, list[Truth]] = {"neg": [], "post": []}
    label = row["label"]
    families: tuple[str, ...] = ("neg", "post")
    if label == "tones":
        stem = Path(row["path"]).stem
        kind = row["sublabel"] if row["sublabel"] != "modem" else "_".join(stem.split("_")[1:3])
        families = ("post",) if kind.startswith(("fax", "modem")) else ("neg",)
        accept = TONE_OF[kind]
        truths[families[0]].append(_truth(accept[0], accept, onset, end))
        if kind == "fax_ced":
            truths["post"].append(_truth("v21_preamble", ("v21_preamble",), onset, end))
    elif label == "beep":
        families = ("post",)
        truths["post"].append(_truth("beep", ("beep",), _seconds(row["beep_at"], onset), end, False))
    elif row["beep_at"]:
        at = float(row["beep_at"])
        truths["post"].append(_truth("beep", ("beep",), at, max(end, at + 0.06)))
    if row["sublabel"] == "with_sit":
        for f in families:
            truths[f].append(_truth("sit", ("sit", "sit_us"), 0.0, 1.5))
    padded = np.concatenate([audio, np.zeros(TAIL, dtype=np.int16)])
    heard = Heard(padded, np.ones(-(-padded.size // FRAME), dtype=np.uint8), [])
    clip = Clip(row["path"], label)
    for f in families:
        clip.signals.append(Signal(Case(f, plan, Path(row["path"]).stem, "none"), heard, truths[f], Line(0)))
    return clip


def score(clips: Sequence[Clip], detector: Detector, batch: int = 120) -> list[tuple[Clip, Scored]]:
    """Every signal of every clip heard and judged; shortest first, so that a batch wastes little."""
    pairs = sorted(((c, s) for c in clips for s in c.signals), key=lambda p: p[1].audio.size)
    out = []
    for start in range(0, len(pairs), batch):
        group = pairs[start : start + batch]
        for (clip, signal), reports in zip(group, detector.hear([s for _, s in group]), strict=True):
            out.append((clip, judge(signal, reports)))
    return out


def figures(scored: Sequence[tuple[Clip, Scored]]) -> dict[str, Any]:
    """Recall and timing of what is there, false alarms per hour of what is not."""
    out: dict[str, Any] = {}
    verdicts = [(c, v) for c, s in scored for v in s.verdicts]
    for name in sorted({v.truth.tone + (" of machines" if c.label == "machine" else "") for c, v in verdicts}):
        tone, of_machines = name.split(" ")[0], "machines" in name
        group = [v for c, v in verdicts if v.truth.tone == tone and (c.label == "machine") == of_machines]
        late = [v.latency_ms for v in group if v.found]
        out[name] = {"n": len(group), "found": sum(v.found for v in group)}
        if late:
            p50, p95 = np.percentile(late, [50, 95])
            out[name] |= {"p50_ms": round(float(p50)), "p95_ms": round(float(p95)), "before_end": sum(x < 0 for x in late)}
    out["false"] = {}
    for label in (*LABELS, "tones", "beep"):
        for family in ("neg", "post"):
            group2 = [s for c, s in scored if c.label == label and s.case.family == family]
            hours = sum(s.seconds for s in group2) / 3600
            kinds = Counter(r.tone for s in group2 for r in s.false)
            if group2:
                rate = round(sum(kinds.values()) / hours, 1)
                out["false"][f"{label} {'before' if family == 'neg' else 'after'} answer"] = {
                    "hours": round(hours, 2),
                    "per_hour": rate,
                    "kinds": dict(kinds),
                }
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.corpus", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=os.environ.get("OFFHOOK_CORPUS"))
    parser.add_argument("--detectors", default="offhook,spandsp")
    parser.add_argument("--plans", type=Path, help="a tone-plans/1 file; default: the plans built into the library")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--misses", type=Path, help="write every clip that went wrong here, one JSON object a line")
    options = parser.parse_args(argv)
    if options.folder is None:
        parser.error("give the folder of recordings, or set OFFHOOK_CORPUS")
    all_plans = plans.load(options.plans)
    found = detectors_here(options.detectors.split(","), all_plans)
    try:
        clips = load(Path(options.folder), all_plans)
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    summary: dict[str, Any] = {"machine": report.machine(), "clips": len(clips), "detectors": {}}
    lines = []
    for d in found:
        scored = score(clips, d)
        summary["detectors"][d.name] = figures(scored)
        for c, s in scored:
            missed = [v.truth.tone for v in s.verdicts if not v.found]
            if missed or s.false:
                wrong_ones = [f"{r.tone}{r.detail and ' ' + r.detail} at {r.at / RATE:.2f} s" for r in s.false]
                phase = "before" if s.case.family == "neg" else "after"
                lines.append(
                    {"detector": d.name, "clip": c.path, "phase": phase, "plan": s.case.plan, "missed": missed, "false": wrong_ones}
                )
        print(d.name)
        for name, value in summary["detectors"][d.name].items():
            if name != "false":
                print(f"  {name:24s} {value}")
        for name, value in summary["detectors"][d.name]["false"].items():
            print(f"  false on {name:28s} {value['per_hour']:8.1f}/h in {value['hours']:.2f} h {value['kinds']}")
    if options.json:
        options.json.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.misses:
        options.misses.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
