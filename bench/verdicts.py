"""What a whole call does with what the core heard: people kept and machines caught as the call acts, not as the analysis says.

    python -m bench.verdicts CORPUS PAIRS --models MODELS             # MODELS as for bench.answer
    python -m bench.verdicts CORPUS PAIRS --models MODELS --random 5  # over random lines of that seed
    python -m bench.verdicts CORPUS PAIRS --models MODELS --set preset=fast --set core.cost_person=3

Each recording answers a call at its first sample, is heard by the model that was trained without its source and voice, and what the core
says goes to the same call logic as in a node, in virtual time. *Kept* is a person whom the call plays its prompt to or hands to an agent
at the first verdict, *lost* one whom it hangs up on or leaves a message to; *in the end* counts verdicts that were changed in the call.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.amd import data, evaluate
from offhook.amd.data import AUTOMATIC, Clip
from offhook.calls.answer import core_settings
from offhook.calls.recordings import plain
from offhook.calls.replay import Given, Heard, judge
from offhook.cli.arguments import read_pairs
from offhook.messages import AnswerHandling, CampaignSpec
from offhook_core.answer import hear

VARIANTS: dict[str, dict[str, Any]] = {
    "balanced": {},
    "fast": {"preset": "fast"},
    "careful": {"preset": "careful"},
    **{f"balanced, person {cost:g}": {"core": {"cost_person": cost}} for cost in (0.5, 1, 3, 4)},
    "rules, Asterisk": {"preset": "rules"},
    "rules, VICIdial": {
        "preset": "rules",
        "core": {"initial_silence_ms": 2000, "greeting_ms": 2000, "after_greeting_ms": 1000, "max_words": 4, "min_word_ms": 120},
    },
}
"""Settings of a campaign's ``answer`` that are compared."""
ACTED_AS_MACHINE = frozenset({"machine", "ivr", "fax"})
PLAN = "us"


@dataclass(frozen=True, slots=True)
class Acted:
    """A call and what it did.

    Args:
        clip: Who answered.
        end_ms: End of the greeting after the answer.
        verdicts: Time after the answer in ms, and verdict, in order; the first is what the call acted upon at once.
    """

    clip: Clip
    end_ms: float
    verdicts: tuple[tuple[int, str], ...]

    @property
    def first(self) -> str:
        """The first verdict, empty for none before the call ended."""
        return self.verdicts[0][1] if self.verdicts else ""

    @property
    def last(self) -> str:
        """The verdict that stood in the end."""
        return self.verdicts[-1][1] if self.verdicts else ""


def act(
    clips: Sequence[Clip], audio: Sequence[NDArray[np.int16]], ends: Sequence[float], answer: Mapping[str, Any], model: bytes | None
) -> list[Acted]:
    """One call for each recording."""
    spec = CampaignSpec(name="bench", answer=AnswerHandling.model_validate(answer))
    given = Given(spec, PLAN)
    found = []
    for clip, x, end, heard in zip(
        clips, audio, ends, hear(audio, settings=core_settings(spec.answer), model=model, plan=PLAN), strict=True
    ):
        record = judge(plain(x, 0), Heard(heard.events, heard.frames, heard.p, heard.features), given)
        said = [fact for fact in record.evidence if fact.kind == "verdict" and not fact.detail.startswith("rule ")]
        found.append(Acted(clip, end, tuple((fact.t_ms, fact.name) for fact in said)))
    return found


class Bench:
    """The recordings, each with the model that has not met it.

    Args:
        clips: All of the training, in its order: they give the parts.
        only: Paths of those that count.
        folder: Models.
        seed: Of random lines, None for the recordings as they are.
    """

    def __init__(self, clips: Sequence[Clip], only: set[str], folder: Path, seed: int | None) -> None:
        models = [path.read_bytes() for path in sorted(folder.glob("fold-*.bin"))]
        if not models:
            raise ValueError(f"{folder}: no fold-0.bin there; `offhook amd train` writes it")
        self._parts: list[tuple[bytes, list[Clip], list[NDArray[np.int16]], list[float]]] = []
        part = data.folds(clips, len(models))
        for number, model in enumerate(models):
            held = [clip for clip, of in zip(clips, part, strict=True) if of == number and clip.path in only]
            if seed is None:
                audio = [_cut(clip, evaluate.as_recorded(clip, np.random.default_rng([7, i]))) for i, clip in enumerate(held)]
                ends = [clip.end / data.RATE * 1000 for clip in held]
            else:
                audio, ends = evaluate.varied(held, seed)
                audio = [_cut(clip, call) for clip, call in zip(held, audio, strict=True)]
            self._parts.append((model, held, audio, ends))

    def run(self, answer: Mapping[str, Any]) -> list[Acted]:
        """All calls with these settings."""
        return [one for model, clips, audio, ends in self._parts for one in act(clips, audio, ends, answer, model)]


def _cut(clip: Clip, call: NDArray[np.int16]) -> NDArray[np.int16]:
    """A call ends where its recording is cut off: a word that breaks off, then silence, is nobody's doing."""
    heard = int(evaluate.HEARD_S * data.RATE)
    return call[:heard] if len(clip.audio) > heard else call


def _share(rows: Sequence[Acted], verdicts: frozenset[str], last: bool = False) -> float:
    return round(100 * float(np.mean([(one.last if last else one.first) in verdicts for one in rows])), 1) if rows else float("nan")


def figures(calls: Sequence[Acted]) -> dict[str, Any]:
    """Shares in per cent, delays in ms."""
    people = [one for one in calls if one.clip.sort == 0]
    machines = [one for one in calls if one.clip.label == "machine"]
    automatic = [one for one in calls if one.clip.label in AUTOMATIC]
    nobody = [one for one in calls if one.clip.label in evaluate.NOBODY]
    person = frozenset({"person"})
    delays = [one.verdicts[0][0] - one.end_ms for one in people if one.first == "person"]
    caught = [one.verdicts[0][0] for one in automatic if one.first in ACTED_AS_MACHINE]
    return {
        "people kept": _share(people, person),
        "people lost": _share(people, ACTED_AS_MACHINE),
        "kept in the end": _share(people, person, last=True),
        "machines": _share(machines, ACTED_AS_MACHINE),
        "automatic": _share(automatic, ACTED_AS_MACHINE),
        "automatic in the end": _share(automatic, ACTED_AS_MACHINE, last=True),
        "long people": _share([one for one in people if one.clip.hard], person),
        "short machines": _share([one for one in machines if one.clip.hard], ACTED_AS_MACHINE),
        "nobody called a person": f"{sum(any(said == 'person' for _, said in one.verdicts) for one in nobody)} of {len(nobody)}",
        "delay": [round(float(np.percentile(delays, q))) for q in (50, 95, 100)] if delays else [],
        "machine after": [round(float(np.percentile(caught, q))) for q in (50, 95)] if caught else [],
    }


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """As Markdown."""
    names = list(next(iter(results.values())))
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for name, row in results.items():
        cells = [", ".join(map(str, cell)) if isinstance(cell, list) else str(cell) for cell in row.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", nargs="+", type=Path, help="the folders of the training, in its order; figures are for the first")
    parser.add_argument("--models", required=True, type=Path, help="folder written by `offhook amd train`")
    parser.add_argument("--random", type=int, metavar="SEED", help="over random lines")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one campaign's answer settings instead of the table"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    try:
        clips = data.load(arguments.manifests)
        own = {clip.path for clip in data.load(arguments.manifests[:1])}
        mine = read_pairs([f"answer.{word}" for word in arguments.set], CampaignSpec).get("answer", {})
        variants = {" ".join(arguments.set): mine} if arguments.set else VARIANTS
        bench = Bench(clips, own, arguments.models, arguments.random)
        results = {name: figures(bench.run(answer)) for name, answer in variants.items()}
    except (OSError, ValueError) as wrong:
        parser.exit(1, f"bench.verdicts: {wrong}\n")
    print(table(results))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
