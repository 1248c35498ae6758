"""Known announcements on bad lines, what other audio does to them, what they cost, and how unknown ones are put together.

    python -m bench.announce FOLDER                        # recordings with a manifest.csv, or OFFHOOK_CORPUS
    python -m bench.announce FOLDER --parts recall,cost --clips 100 --hours 1 --json r.json

``recall``: clips that share nothing with others are looked for in a library of all such clips, from a random place in their first
half second on; the time counts from there to the event. ``false``: other people, music, noise and tones at other speeds, and speech
synthesizers in twenty languages, against the library of all announcements, menus and greetings. ``cost``: 240 channels that all say
unknown things, with and without a library of 1,000 clips, in one process. ``clusters``: clips heard three times each, among others
heard once.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import signal

from bench import line, report, synth
from bench.announce_others import different
from offhook.announce import AnnouncementStore, UnknownStore
from offhook_core import Detect, Engine, Library, LibraryClip, timeslots
from offhook_drivers.audio import ClipError, active_level_dbm0, load_clip

RATE = 8000
LINES = (
    "alaw",
    "level",
    "gsm",
    "level, gsm",
    "white 10 dB",
    "pink 10 dB",
    "babble 10 dB",
    "level, white 10 dB",
    "level, pink 10 dB",
    "level, gsm, white 10 dB",
    "gsm, babble 10 dB",
    "drift 1000 ppm",
    "equalised",
    "equalised, pink 10 dB",
    "lost 5 %",
)
KNOWN = ("announcement", "ivr", "machine")
OTHERS = ("human", "music", "noise", "beep", "tones")
WITHIN_S = 1.5
Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Recording:
    """A clip of the corpus."""

    path: str
    label: str
    source: str
    text: str
    onset: int  # samples
    samples: Samples


def load(folder: Path, labels: Sequence[str]) -> list[Recording]:
    """Clips with these labels. ValueError without a manifest."""
    manifest = folder / "manifest.csv"
    if not manifest.is_file():
        raise ValueError(f"{manifest}: no such file; name a folder of recordings with a manifest.csv")
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] in labels]
    found = []
    for row in rows:
        if row["sublabel"] != "with_sit":
            onset = int(float(row["onset_s"] or 0) * RATE)
            found.append(Recording(row["path"], row["label"], row["source"], row["text"], onset, load_clip(folder / row["path"]).samples))
    return found


def prompts(folder: Path) -> list[Recording]:
    """Every sound file below the folder; the folder that it lies in is its source. ValueError when there is none."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".wav", ".gsm", ".alaw")):
        try:
            samples = load_clip(path).samples
        except ClipError:
            continue
        frames = np.mean(samples[: samples.size // 160 * 160].reshape(-1, 160).astype(float) ** 2, axis=1)
        loud = np.flatnonzero(frames > max(float(np.max(frames, initial=0)) * 1e-3, 100.0))
        if loud.size:
            found.append(Recording(str(path), "ivr", path.parent.name, "", int(loud[0]) * 160, samples))
    if not found:
        raise ValueError(f"{folder}: no recordings in it")
    return found


def babble(rng: np.random.Generator, size: int, voices: Sequence[Recording]) -> npt.NDArray[np.float64]:
    """Six people who speak at once."""
    out = np.zeros(size)
    for _ in range(6):
        one = voices[int(rng.integers(len(voices)))].samples.astype(float)
        out += np.resize(np.roll(one, int(rng.integers(one.size))), size) / max(float(np.std(one)), 1.0)
    return out


def drift(x: npt.NDArray[np.float64], ppm: float) -> npt.NDArray[np.float64]:
    """Played by a clock that is that much faster, as a recorder's is beside an exchange's."""
    fine = signal.resample_poly(x, 8, 1)
    at = np.arange(int(x.size / (1 + ppm * 1e-6)) - 2) * (8 * (1 + ppm * 1e-6))
    return np.asarray(np.interp(at, np.arange(fine.size), fine), np.float64)


def equalised(x: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Other gains in other bands: up to 10 dB up or down every 500 Hz, 20 dB less at the edges."""
    gains = rng.uniform(-10, 10, 9) - np.array([20, 0, 0, 0, 0, 0, 0, 0, 20])
    return np.asarray(signal.lfilter(signal.firwin2(129, np.linspace(0, 1, 9), 10 ** (gains / 20)), [1], x))


def conceal(x: npt.NDArray[np.float64], rng: np.random.Generator, share: float) -> npt.NDArray[np.float64]:
    """Blocks of 20 ms are lost, two in a row on average; a gateway plays the last good one in their place, ever quieter."""
    out = x.copy()
    block, left = 1, 0
    while (block + 1) * 160 <= x.size:
        if left == 0 and rng.random() < share / 2:
            left = 1 + int(rng.poisson(1.0))
        if left:
            out[block * 160 : (block + 1) * 160] = 0.7 * out[(block - 1) * 160 : block * 160]
            left -= 1
        block += 1
    return out


def send(samples: Samples, how: str, rng: np.random.Generator, voices: Sequence[Recording] = ()) -> Samples:
    """The clip over a line that does what *how* says, then A-law. Noise is below the level of the speech while it sounds.

    Args:
        samples: The clip.
        how: One of LINES.
        rng: Chooses level and noise.
        voices: What babble is made of.
    """
    x = samples / line.PEAK
    if "drift" in how:
        x = drift(x, 1000)
    if "equalised" in how:
        x = equalised(x, rng)
        samples = np.clip(np.round(x * line.PEAK), -32768, 32767).astype(np.int16)
    level = 10 ** (active_level_dbm0(samples) / 20) * np.sqrt(0.5)
    for kind in ("white", "pink", "babble"):
        if f"{kind} 10 dB" in how:
            noise = babble(rng, x.size, voices) if kind == "babble" else synth.telephone(getattr(synth, kind)(rng, x.size))
            x = x + noise / np.std(noise) * level * 10 ** (-10 / 20)
    if "level" in how:
        x = x * 10 ** (rng.uniform(-20, 6) / 20)
    if "gsm" in how:
        x = line.code(x, "gsm")
    if "lost" in how:
        x = conceal(x, rng, 0.05)
    return np.round(line.code(x, "alaw") * line.PEAK).astype(np.int16)


def library_of(recordings: Sequence[Recording]) -> Library:
    """A library in which each recording is an announcement of its own."""
    return Library([LibraryClip(one.samples, number, one.path, str(number % 24)) for number, one in enumerate(recordings)])


def recall(recordings: Sequence[Recording], people: Sequence[Recording], count: int) -> dict[str, Any]:
    """Named in time, late, never or wrongly, by line. *people* babble."""
    spoken = [one for one in recordings if len(one.samples) - one.onset > 2.0 * RATE]
    everything = library_of(spoken)
    alone = [one for number, one in enumerate(spoken) if everything.shared(number) == 0]
    library = library_of(alone)
    known = {one.path for one in alone}
    out: dict[str, Any] = {"clips in the library": len(alone)}
    rng = np.random.default_rng(1)
    picked = [int(i) for i in rng.permutation(len(alone))[:count]]
    for how in LINES:
        late: list[float] = []
        wrong = 0
        for number in picked:
            one = alone[number]
            start = one.onset + int(rng.uniform(0, 0.5) * RATE)
            lead = int(rng.uniform(0.2, 0.4) * RATE)
            others = [
                voice for voice in people if voice.source != one.source and voice.path not in known and voice.samples.size > RATE // 2
            ]
            heard = send(np.concatenate([np.zeros(lead, np.int16), one.samples[start:], np.zeros(RATE // 4, np.int16)]), how, rng, others)
            named = [match for match in library.match(heard) if not match.provisional]
            if named and named[0].number == number:
                late.append(named[0].at_s - lead / RATE)
            wrong += any(match.number != number for match in named)
        times = np.array(late or [np.inf])
        out[how] = {
            "n": len(picked),
            "in time": round(float(np.sum(times <= WITHIN_S)) / len(picked), 4),
            "named": round(len(late) / len(picked), 4),
            "wrong": wrong,
            "p50_s": round(float(np.median(times)), 2),
            "p95_s": round(float(np.percentile(times, 95)), 2),
        }
    return out


def false_names(recordings: Sequence[Recording], others: Sequence[Recording], hours: float) -> dict[str, Any]:
    """Announcements named in audio that holds none, and no stretch of it twice (see ``announce_others``)."""
    library = library_of([one for one in recordings if len(one.samples) >= RATE])
    sources = {one.source for one in recordings}
    real = [
        one.samples for one in others if not one.source.startswith("tts:") and one.source not in sources
    ]  # no part of a known recording
    texts = " ".join(one.text for one in [*recordings, *others]).split()
    words = sorted(
        {word.strip(".,;:!?()") for word in texts if word.isascii()} | set("".join(word for word in texts if not word.isascii()))
    )
    words = [
        word for word in words if word.isalpha() and len(word) < 20
    ]  # of Chinese single characters: a sentence would be the announcement
    rng = np.random.default_rng(2)
    heard_s = {True: 0.0, False: 0.0}
    names: list[dict[str, Any]] = []
    for audio, voices in different(real, words, hours * 3600, rng):
        how = str(rng.choice(["alaw", "level", "level, white 10 dB", "level, gsm"]))
        before = sum(heard_s.values()) // 3600
        heard_s[voices] += audio.size / RATE
        if sum(heard_s.values()) // 3600 > before:
            print(f"  {before + 1:.0f} h, {len(names)} names", file=sys.stderr, flush=True)
        for match in library.match(send(audio, how, rng)):
            if not match.provisional:
                names.append({"name": match.name, "score": match.score, "line": how, "synthetic": voices})
                print(f"  {names[-1]}", file=sys.stderr, flush=True)
    return {
        "clips in the library": len(library),
        "hours": round(sum(heard_s.values()) / 3600, 2),
        "of them synthetic voices": round(heard_s[True] / 3600, 2),
        "false names": len(names),
        "names": names,
    }


def cost(recordings: Sequence[Recording], clips: int = 1000, channels: int = 240, seconds: float = 8.0) -> dict[str, Any]:
    """Share of one core that a library of *clips* takes on channels that all talk."""
    rng = np.random.default_rng(3)
    long = [one.samples for one in recordings if len(one.samples) > 3 * RATE]
    talk, others = long[::2], long[1::2]  # the channels say what the library does not know: no look-up is spared
    pieces = []
    for number in range(clips):
        one = talk[number % len(talk)]
        pieces.append(LibraryClip(np.roll(one, int(rng.integers(one.size)))[: 6 * RATE], number, str(number), str(number % 24)))
    began = time.perf_counter()
    library = Library(pieces)
    made = time.perf_counter() - began
    size = round(seconds * RATE)
    audio = np.empty((channels, size), np.uint8)
    for channel in range(channels):
        one = others[int(rng.integers(len(others)))]
        x = np.tile(one, -(-size // one.size))[:size]
        x = np.clip(x + rng.normal(0, 150, size), -32768, 32767).astype(np.int16)
        audio[channel] = timeslots.encode(x, 0)
    took = {}
    for name, known in (("without", None), ("with", library)):
        best = np.inf
        for _ in range(3):
            with Engine(channels) as engine:
                engine.library(known)
                for channel in range(channels):
                    engine.reset(channel, Detect.ANNOUNCE)
                frames = [np.ascontiguousarray(audio[:, at : at + 160]).reshape(-1) for at in range(0, size - 159, 160)]
                began = time.process_time()
                for frame in frames:
                    engine.tick(frame)
                    engine.poll()
                best = min(best, (time.process_time() - began) / len(frames))
        took[name] = best
    return {
        "clips": clips,
        "channels": channels,
        "minutes of audio": round(sum(clip.samples.size for clip in pieces) / RATE / 60, 1),
        "library made in s": round(made, 2),
        "tick without, ms": round(took["without"] * 1e3, 3),
        "tick with, ms": round(took["with"] * 1e3, 3),
        "share of a core": round((took["with"] - took["without"]) / 0.02, 4),
    }


def clusters(recordings: Sequence[Recording], count: int) -> dict[str, Any]:
    """Clips heard three times on different lines, among as many heard once."""
    spoken = [one for one in recordings if len(one.samples) - one.onset > 2.5 * RATE]
    everything = library_of(spoken)
    alone = [one for number, one in enumerate(spoken) if everything.shared(number) == 0][: 2 * count]
    rng = np.random.default_rng(4)
    calls = [number for number in range(len(alone)) for _ in range(3 if number < len(alone) // 2 else 1)]
    placed: dict[int, list[str]] = {}
    members: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        unknown = UnknownStore(AnnouncementStore(Path(folder)), most=100_000)
        for call, number in enumerate(rng.permutation(calls)):
            one = alone[int(number)]
            cut = one.onset + int(rng.uniform(0, 0.5) * RATE)
            heard = send(one.samples[cut:], str(rng.choice(["level", "level, gsm"])), rng)
            noise = rng.normal(0, 16141 * 10 ** ((active_level_dbm0(heard) - rng.uniform(15, 30)) / 20), heard.size)
            found = unknown.add(
                np.clip(heard + noise, -32768, 32767).astype(np.int16), dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=call)
            )
            placed.setdefault(int(number), []).append(found.id if found else "")
            if found:
                members.setdefault(found.id, []).append(int(number))
    thrice = [ids for ids in placed.values() if len(ids) == 3]
    again = [group for group in members.values() if len(group) > 1]
    pure = sum(max(Counter(group).values()) for group in again) / max(1, sum(map(len, again)))
    return {
        "heard three times": len(thrice),
        "in one cluster": round(sum(len(set(ids)) == 1 and "" not in ids for ids in thrice) / max(1, len(thrice)), 4),
        "clusters of two and more": len(again),
        "purity": round(pure, 4),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.announce", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=os.environ.get("OFFHOOK_CORPUS"))
    parser.add_argument("--parts", default="recall,false,cost,clusters")
    parser.add_argument("--clips", type=int, default=200, help="clips looked for on each line, and heard in clusters")
    parser.add_argument("--hours", type=float, default=1.0, help="of other audio")
    parser.add_argument("--prompts", type=Path, help="folder of other recordings: 'recall' looks for them, and their voices babble")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    if options.folder is None:
        parser.error("give the folder of recordings, or set OFFHOOK_CORPUS")
    try:
        known = load(Path(options.folder), KNOWN)
        others = load(Path(options.folder), OTHERS)
        fresh = prompts(options.prompts) if options.prompts else []
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    found: dict[str, Any] = {"machine": report.machine()}
    for part in options.parts.split(","):
        if part == "recall":
            people = [one for one in others if one.label == "human"]
            found[part] = recall(fresh or known, fresh or people, options.clips)
        elif part == "false":
            found[part] = false_names(known, others, options.hours)
        elif part == "cost":
            found[part] = cost(known)
        elif part == "clusters":
            found[part] = clusters(known, options.clips)
        else:
            parser.error(f"no part is called {part!r}; there are recall, false, cost, clusters")
        print(part)
        for name, value in found[part].items():
            print(f"  {name:28s} {value}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
