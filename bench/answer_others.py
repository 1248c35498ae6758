"""What the answer analysis makes of sounds that nobody trained it with: no voice may be found in them, and of real voices none be lost.

    python -m bench.answer_others [--model MODELS/model.bin] [--voices FOLDER] [--effects FOLDER]

Made-up music, hold music, ringing tunes, whistles, noise, modem data and lone beeps of bench.negatives, 8 s each; folders of recordings of
any format that libsndfile reads, searched through: every sixth file of single words counts as somebody who answers, each effect as
nobody. Debian's klettres-data and ktuberling-data (volunteers' letters and words), sound-theme-freedesktop and frozen-bubble-data are
such folders.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal

from bench import negatives
from offhook.amd.data import DBM0, RATE
from offhook_core import EventKind
from offhook_core.answer import AnswerSettings, hear

KINDS = ("music", "hold", "tune", "whistle", "noise", "modem", "beeps")
EACH = 40
SECONDS = 8
EVERY = 6


def made() -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Sounds of each kind, from seeds of their own."""
    for kind in KINDS:
        for n in range(EACH):
            x, _ = negatives.make(kind, np.random.default_rng([991, n, len(kind)]), {}, "us")
            yield kind, np.asarray(x[: SECONDS * RATE])


def found(folder: Path, every: int) -> Iterator[NDArray[np.float64]]:
    """The recordings below a folder, at 8 kHz; what cannot be read or is silent is left out."""
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".ogg", ".oga", ".wav"))[::every]:
        try:
            x, rate = soundfile.read(path, dtype="float64", always_2d=True)
        except soundfile.LibsndfileError:
            continue
        mono = x.mean(axis=1)
        if len(mono) > 0.08 * rate and np.abs(mono).max() > 1e-3:
            yield np.asarray(signal.resample_poly(mono, RATE, rate)[: 6 * RATE])


def call(x: NDArray[np.float64], lead_s: float, dbm0: float, rng: np.random.Generator) -> NDArray[np.int16]:
    """The sound at that level after a pause, then silence, on a quiet line."""
    blocks = x[: len(x) // 160 * 160].reshape(-1, 160)
    power = (blocks * blocks).mean(axis=1)
    rms = float(np.sqrt(power[power >= 0.01 * power.max()].mean() + 1e-12))
    y = np.concatenate([np.zeros(int(lead_s * RATE)), x * (DBM0 * 10 ** (dbm0 / 20) / rms), np.zeros(3 * RATE)])
    return np.clip(y + rng.standard_normal(len(y)) * DBM0 * 10 ** (-66 / 20), -32768, 32767).astype(np.int16)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="model file; the built-in model without it")
    parser.add_argument("--voices", type=Path, nargs="*", default=[], help="folders of single words of people")
    parser.add_argument("--effects", type=Path, nargs="*", default=[], help="folders of sound effects")
    arguments = parser.parse_args()
    model = arguments.model.read_bytes() if arguments.model else None
    items = [(kind, False, x) for kind, x in made()]
    items += [("effects", False, x) for folder in arguments.effects for x in found(folder, 1)]
    items += [(folder.name, True, x) for folder in arguments.voices for x in found(folder, EVERY)]
    rng = np.random.default_rng(17)
    calls = [call(x, 0.0 if kind in KINDS else rng.uniform(0.1, 0.8), rng.uniform(-28, -14), rng) for kind, _, x in items]
    for preset in ("balanced", "fast"):
        persons: dict[str, list[bool]] = {}
        for (kind, voice, _), heard in zip(items, hear(calls, settings=AnswerSettings.preset(preset), model=model), strict=True):
            said = [e.detail for e in heard.events if e.kind == EventKind.ANSWER]
            persons.setdefault(kind, []).append(said[:1] == ["person"] if voice else "person" in said)
        print(f"{preset}: called a person: " + ", ".join(f"{kind} {sum(hits)} of {len(hits)}" for kind, hits in persons.items()))


if __name__ == "__main__":
    main()
