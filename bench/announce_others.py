"""Hours of audio of which no two stretches are alike: recordings at other speeds, and speech synthesizers that say shuffled words.

Used by ``bench.announce`` to look for names in what holds no announcement. The synthesizers are espeak-ng and flite; without them
recordings alone are played.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from offhook_drivers.audio import load_clip

RATE = 8000
SPEEDS = (0.82, 1.22)
"""A recording is played that much slower or faster, its pitch with it; a change of 1 % and more makes another recording of it."""
VOICES = "en-us en-gb fr-fr de it es es-419 pt pt-br nl pl ru sv tr cmn yue hu cs fi el"
"""Of espeak-ng."""
FLITE = ("kal16", "slt", "rms", "awb")
Samples = npt.NDArray[np.int16]


def altered(samples: Samples, rng: np.random.Generator) -> Samples:
    """The recording at another speed, from another place on."""
    speed = 1.0
    while abs(speed - 1) < 0.015:
        speed = float(rng.uniform(*SPEEDS))
    at = np.arange(int(samples.size / speed)) * speed
    out: Samples = np.interp(at, np.arange(samples.size), samples).astype(np.int16)
    return np.roll(out, int(rng.integers(samples.size)))


def spoken(words: Sequence[str], rng: np.random.Generator, folder: Path) -> Samples | None:
    """Half a minute and more of a synthesizer's shuffled words, in sentences of five to twelve. None without synthesizers."""
    text = ""
    while len(text) < 500:
        text += " ".join(str(word) for word in rng.choice(words, int(rng.integers(5, 13)))) + ". "
    wav = folder / "said.wav"
    wav.unlink(missing_ok=True)
    if rng.random() < 0.75 and shutil.which("espeak-ng"):
        voice = f"{rng.choice(VOICES.split(' '))}+{rng.choice(['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'f1', 'f2', 'f3', 'f4', 'f5'])}"
        speed, pitch = str(rng.integers(120, 230)), str(rng.integers(10, 95))
        command = ["espeak-ng", "-v", voice, "-s", speed, "-p", pitch, "-w", str(wav), text]
    elif shutil.which("flite"):
        stretch, tone = f"duration_stretch={rng.uniform(0.75, 1.35):.3f}", f"int_f0_target_mean={rng.uniform(80, 230):.0f}"
        command = ["flite", "-voice", str(rng.choice(FLITE)), "--setf", stretch, "--setf", tone, "-t", text, "-o", str(wav)]
    else:
        return None
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0 or not wav.is_file() or wav.stat().st_size < 1000:
        return None
    samples: Samples = load_clip(wav).samples
    return samples


def different(
    recordings: Sequence[Samples], words: Sequence[str], seconds: float, rng: np.random.Generator
) -> Iterator[tuple[Samples, bool]]:
    """Stretches of some two minutes, for so many seconds: three quarters of the time altered recordings, else a synthesizer.

    Yields:
        The stretch, and whether a synthesizer spoke it.
    """
    with tempfile.TemporaryDirectory() as folder:
        left = seconds * RATE
        while left > 0:
            voices = bool(rng.random() < 0.25)
            parts: list[Samples] = []
            while sum(map(len, parts)) < 120 * RATE:
                said = spoken(words, rng, Path(folder)) if voices else None
                if said is None:
                    voices = False
                    said = altered(recordings[int(rng.integers(len(recordings)))], rng)
                parts.append(said)
            stretch = np.concatenate(parts)
            left -= stretch.size
            yield stretch, voices
