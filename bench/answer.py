"""Answer analysis on recordings whose source and voice the model has never met: tables, trade-off, ROC and reliability plots.

    offhook amd pairs PAIRS                                       # synthetic pairs, project-made
    offhook amd train CORPUS PAIRS --out MODELS                   # a model, and one for each part without that part
    python -m bench.answer CORPUS PAIRS --models MODELS [--json FILE] [--plots FOLDER]

Each recording is heard by the model that was trained without its source and voice, from its first sample as the moment of the answer, and
then line noise; a second time through a random microphone and line (level, room, noise, codec, cut, onset). Synthetic pairs only train;
figures are for the first folder. Beside the costs stand the field's rules on the same calls.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.amd import data, evaluate
from offhook.amd.data import Clip
from offhook.amd.evaluate import Trial
from offhook_core import EventKind
from offhook_core.answer import AnswerSettings, Heard, hear

COSTS = ((0.5, 1), (1, 1), (1.5, 1), (2.5, 1), (3, 1), (4, 1), (2, 1), (2, 1), (2, 1), (2, 1))
"""Of a lost person and of a machine taken for one."""
SECONDS = (0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.02, 0.1, 0.4, 0.8)
"""Of one more second."""
RULES: dict[str, dict[str, int]] = {
    "Asterisk sample": {},
    "VICIdial": {"initial_silence_ms": 2000, "greeting_ms": 2000, "after_greeting_ms": 1000, "max_words": 4, "min_word_ms": 120},
    "mod_com_amd": {"initial_silence_ms": 4500, "greeting_ms": 1250, "after_greeting_ms": 500, "max_words": 3, "min_word_ms": 120},
    "long and patient": {"initial_silence_ms": 4500, "greeting_ms": 2400, "after_greeting_ms": 1200, "max_words": 6, "min_word_ms": 120},
}
SHOWN = ("people_kept", "people_lost", "machines_caught", "automatic_caught", "hard_people_kept", "hard_machines_caught")


def measure(clips: Sequence[Clip], own: set[str], models: Path, vary: int | None) -> dict[str, Any]:
    """All figures under one kind of line; *own* are the paths that count."""

    def run(settings: AnswerSettings) -> list[Trial]:
        return evaluate.cross(clips, models, settings=settings, vary=vary, only=lambda clip: clip.path in own)

    results: dict[str, Any] = {"presets": {}, "costs": [], "rules": {}}
    for name in ("fast", "balanced", "careful"):
        trials = run(AnswerSettings.preset(name))
        results["presets"][name] = {
            **{f"at_{ms}": evaluate.summary(trials, ms) for ms in (*evaluate.TIMES_MS, 6000)},
            "delay": evaluate.delays(trials),
            "nobody": evaluate.called_person(trials, evaluate.NOBODY),
            "announcements": evaluate.called_person(trials, frozenset({"announcement"})),
        }
        if name == "balanced":
            results["calibration"] = {ms: evaluate.calibration(trials, ms) for ms in evaluate.TIMES_MS}
            results["by_source"] = evaluate.by(trials, lambda clip: f"{clip.label}, {clip.source}", 2500)
            results["by_language"] = evaluate.by(trials, lambda clip: clip.language, 2500)
            results["roc"] = {
                ms: [axis[:: max(1, len(axis) // 200)].tolist() for axis in evaluate.roc(trials, ms)] for ms in evaluate.TIMES_MS
            }
    for (person, machine), second in zip(COSTS, SECONDS, strict=True) if vary is None else ():
        settings = AnswerSettings.preset("balanced", cost_person=person, cost_machine=machine, cost_second=second)
        trials = run(settings)
        row = {"cost_person": person, "cost_machine": machine, "cost_second": second}
        results["costs"].append({**row, **evaluate.summary(trials, 2500), "delay": evaluate.delays(trials)})
    for name, changes in RULES.items():
        trials = run(AnswerSettings.preset("rules", **changes))
        results["rules"][name] = {**evaluate.summary(trials, 6000), "delay": evaluate.delays(trials)}
    return results


def _line(calls: Sequence[NDArray[np.float32]], rng: np.random.Generator, model: bytes | None) -> list[Heard]:
    """Calls heard on a quiet line, three seconds of it after each."""
    tail = np.zeros(3 * data.RATE, np.float32)
    lines = [np.concatenate([x, tail]) for x in calls]
    noisy = [np.clip(x + 8 * rng.standard_normal(len(x)), -32768, 32767).astype(np.int16) for x in lines]
    return hear(noisy, model=model)


def _at(x: NDArray[np.float32], dbm0: float) -> NDArray[np.float32]:
    return np.asarray(x * data.DBM0 * 10 ** (dbm0 / 20) / max(float(np.sqrt(np.mean(x * x))), 1e-5), np.float32)


def pick_ups(clips: Sequence[Clip], model: bytes | None, seeds: Sequence[int] = range(3, 9), count: int = 160) -> str:
    """Somebody picks up in the midst of a greeting, and greetings heard to their end; by a model that has met the voices."""

    def verdicts(calls: Sequence[NDArray[np.float32]]) -> list[list[str]]:
        return [[e.detail for e in heard.events if e.kind == EventKind.ANSWER] for heard in _line(calls, rng, model)]

    people = [clip for clip in clips if clip.sort == 0 and clip.end - clip.onset < 1.25 * data.RATE]
    greetings = [clip for clip in clips if clip.label in ("machine", "announcement") and clip.end - clip.onset > 5 * data.RATE]
    short = [clip for clip in clips if clip.label in data.AUTOMATIC and len(clip.audio) < 15 * data.RATE]
    lines = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        calls = []
        for _ in range(count):
            greeting, person = greetings[int(rng.integers(len(greetings)))], people[int(rng.integers(len(people)))]
            first = greeting.audio[greeting.onset : greeting.onset + int(rng.uniform(3.5, 5) * data.RATE)]
            gap = np.zeros(int(rng.uniform(0.2, 0.6) * data.RATE), np.float32)
            second = person.audio[person.onset : person.end]
            calls.append(np.concatenate([_at(first, rng.uniform(-26, -14)), gap, _at(second, rng.uniform(-26, -12))]))
        machines = [found for found in verdicts(calls) if found and found[0] in evaluate.MACHINES]
        whole = verdicts([_at(clip.audio, -18) for clip in short[seed % 2 :: 2]])
        lines.append(
            f"seed {seed}: picked up in a greeting: {sum(found[-1] == 'person' for found in machines)} of {len(machines)} noticed; "
            f"nobody did: {sum('person' in found[1:] for found in whole)} of {len(whole)} believed to have"
        )
    return "\n".join(lines)


def beeps(clips: Sequence[Clip], seed: int = 9) -> str:
    """Message beeps after greetings: those in the recordings, and two made-up ones after each greeting that has none."""
    rng = np.random.default_rng(seed)
    own = [clip for clip in clips if clip.label == "machine" and clip.beep is not None]
    calls = [_at(clip.audio, rng.uniform(-28, -12)) for clip in own]
    spans = [(1000 * (clip.beep or 0) / data.RATE, 1000 * max(clip.end, clip.beep or 0) / data.RATE) for clip in own]
    for clip in [clip for clip in clips if clip.label == "machine" and clip.beep is None] * 2:
        greeting = _at(clip.audio[: clip.end], rng.uniform(-28, -12))
        gap, length = int(rng.uniform(0.1, 1.5) * data.RATE), int(rng.uniform(0.15, 1.0) * data.RATE)
        wave = np.sin(2 * np.pi * rng.uniform(400, 2000) * np.arange(length) / data.RATE).astype(np.float32)
        loud = 20 * np.log10(float(np.sqrt(np.mean(greeting * greeting))) / data.DBM0) + rng.uniform(-12, 3)
        calls.append(np.concatenate([greeting, np.zeros(gap, np.float32), _at(wave, loud)]))
        start = (clip.end + gap) / data.RATE * 1000
        spans.append((start, start + length / data.RATE * 1000))
    hits, late, early = [], [], []
    for (start, end), heard in zip(spans, _line(calls, rng, None), strict=True):
        told = [e.t_ms for e in heard.events if e.kind == EventKind.TONE and e.name in ("beep", "record") and not e.provisional]
        after = [t for t in told if start <= t <= end + 1000]
        hits.append(bool(after))
        late += [t - end for t in after[:1]]
        early.append(any(t < start for t in told))
    made = len(own)
    return (
        f"message beeps of recordings: {sum(hits[:made])} of {made} found, made-up ones: {sum(hits[made:])} of {len(hits) - made}; "
        f"told after the end of a made-up beep: median {np.median(late[made:]):.0f} ms, most {max(late[made:]):.0f} ms; "
        f"beeps told inside a greeting: in {sum(early)} of {len(early)}"
    )


def _row(name: str, figures: dict[str, Any], more: str = "") -> str:
    cells = ["-" if figures[key] is None else f"{100 * figures[key]:.1f}" for key in SHOWN]
    return f"| {name} | " + " | ".join(cells) + f" |{more}"


def table(results: dict[str, Any]) -> str:
    """The figures as Markdown, per cent."""
    head = "| | people kept | people lost | machines caught | machines, menus, announcements | long people | short machines |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for name, ms in (("fast", 1500), ("balanced", 1500), ("balanced", 2500), ("careful", 2500), ("careful", 6000)):
        lines.append(_row(f"{name}, {ms / 1000:g} s after the answer", results["presets"][name][f"at_{ms}"]))
    lines += [_row(f"rules: {name}, whenever it decides", figures) for name, figures in results["rules"].items()]
    if results["costs"]:
        lines += ["", head[:-1] + "| delay median, p95 (ms) |", "|---|---|---|---|---|---|---|---|"]
    for figures in results["costs"]:
        name = f"person {figures['cost_person']}, machine {figures['cost_machine']}, second {figures['cost_second']}"
        delay = figures["delay"]
        lines.append(_row(name, figures, f" {delay.get('median')}, {delay.get('p95')} |"))
    lines += ["", "| preset | delay after a person's greeting, median | p95 | most | tones, music, noise called a person | announcements |"]
    lines.append("|---|---|---|---|---|---|")
    for name, figures in results["presets"].items():
        delay, nobody, said = figures["delay"], figures["nobody"], figures["announcements"]
        wrong = f"{nobody['called_person']} of {nobody['count']} | {said['called_person']} of {said['count']}"
        lines.append(f"| {name} | {delay.get('median')} ms | {delay.get('p95')} ms | {delay.get('most')} ms | {wrong} |")
    errors = ", ".join(f"{100 * c['error']:.1f} % at {int(ms) / 1000:g} s" for ms, c in results["calibration"].items())
    lines += ["", f"Expected calibration error: {errors}.", ""]
    for title, key in (("source", "by_source"), ("language", "by_language")):
        lines += [f"| {title} (balanced, 2.5 s) | recordings | people kept | caught |", "|---|---|---|---|"]
        for name, figures in results[key].items():
            kept, caught = figures["people_kept"], figures["automatic_caught"]
            if kept is None and caught is None:
                continue
            cells = ["-" if value is None else f"{100 * value:.0f}" for value in (kept, caught)]
            lines.append(f"| {name} | {figures['recordings']} | {cells[0]} | {cells[1]} |")
        lines.append("")
    return "\n".join(lines)


def plots(results: dict[str, Any], folder: Path) -> None:
    """``answer-roc.png`` and ``answer-reliability.png``."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    for name in ("roc", "reliability"):
        figure, axes = plt.subplots(figsize=(4.4, 4.0), dpi=80)
        for line, found in results.items():
            for ms in evaluate.TIMES_MS:
                label = f"{line}, {ms / 1000:g} s"
                if name == "roc":
                    caught, kept = found["roc"][ms]
                    axes.plot([100 * x for x in caught], [100 * x for x in kept], label=label)
                else:
                    bins = found["calibration"][ms]["bins"]
                    axes.plot([b["said"] for b in bins], [b["true"] for b in bins], marker=".", label=label)
        if name == "roc":
            axes.set(xlabel="machines caught, %", ylabel="people kept, %", xlim=(50, 100), ylim=(50, 100))
        else:
            axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
            axes.set(xlabel="probability of a person, as said", ylabel="share of people")
        axes.legend(fontsize=7)
        axes.grid(alpha=0.3)
        figure.tight_layout()
        figure.savefig(folder / f"answer-{name}.png")
        plt.close(figure)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", nargs="+", type=Path, help="the folders of the training, in its order; figures are for the first")
    parser.add_argument("--models", required=True, type=Path, help="folder written by `offhook amd train`")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plots", type=Path)
    arguments = parser.parse_args()
    try:
        clips = data.load(arguments.manifests)
        own = {clip.path for clip in data.load(arguments.manifests[:1])}
        results = {"as recorded": measure(clips, own, arguments.models, None), "random line": measure(clips, own, arguments.models, 5)}
    except (OSError, ValueError) as wrong:
        parser.exit(1, f"bench.answer: {wrong}\n")
    counted = [clip for clip in clips if clip.path in own]
    print(pick_ups(counted, (arguments.models / "model.bin").read_bytes()))
    print(beeps(counted))
    for line, found in results.items():
        print(f"## {line}\n\n{table(found)}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    if arguments.plots:
        plots(results, arguments.plots)


if __name__ == "__main__":
    main()
