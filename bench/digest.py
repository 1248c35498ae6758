"""The same events from every vector code: one digest of all events of the generated test set for each build that can run here.

    python -m bench.digest [--set quick] [--law alaw] [--audio FILE]

Each program of ``core/tools/digest.c`` hears the same octets: the one in ``build/release`` with every vector code that the processor has,
and the one in ``build/aarch64`` (``scripts/build aarch64``) under qemu-user where both are there. Every detector is armed, R2 too, and
every call is answered at some time, so that the answer analysis is compared as well. Exit code 1 when two digests differ; the first case
whose events differ is named. ``--audio`` keeps what was heard: ``digest <FILE | sha256sum`` on another machine must give the same.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from bench import plans, report, signals, sweep
from bench.peers import interleave
from bench.signals import Case, Signal

ROOT = Path(__file__).resolve().parent.parent
LAWS = ("alaw", "ulaw", "linear")
NEVER = 0xFFFFFFFF
EVENT = 64  # octets of an oh_event
CHANNEL_AT = 28  # where its channel stands
ANSWER_TICK = 100  # of calls whose signal comes before the answer


@dataclass(slots=True)
class Build:
    """A way to run the program, and what its events have been so far."""

    name: str
    command: list[str]
    sha: Any = field(default_factory=hashlib.sha256)
    events: int = 0

    def hear(self, audio: IO[bytes]) -> bytes:
        """Its events for a file of audio.

        Raises:
            RuntimeError: It failed.
        """
        audio.seek(0)
        ran = subprocess.run(self.command, stdin=audio, capture_output=True, check=False)
        if ran.returncode:
            raise RuntimeError(f"{self.name}: {ran.stderr.decode().strip() or f'exit code {ran.returncode}'}")
        self.sha.update(ran.stdout)
        self.events += len(ran.stdout) // EVENT
        return ran.stdout


def builds_here(root: Path = ROOT) -> list[Build]:
    """Those that can run, the baseline first."""
    out: list[Build] = []
    native, arm = root / "build/release/bin/digest", root / "build/aarch64/bin/digest"
    for isa in ("base", "avx2", "avx512", "neon"):
        if native.exists() and subprocess.run([native, isa], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0:
            out.append(Build(isa, [str(native), isa]))
    qemu = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if arm.exists() and qemu:
        out.append(Build("neon (qemu)", [qemu, "-L", "/usr/aarch64-linux-gnu", str(arm), "neon"]))
    return out


def detectors() -> int:
    """All of them."""
    from offhook_core._native import lib

    return int(lib.OH_PROFILE_ALL | lib.OH_PROFILE_REGISTER)


def octets_of(samples: npt.NDArray[np.int16], law: str) -> bytes:
    """Samples in a law, as they come from a line."""
    if law == "linear":
        return samples.astype("<i2").tobytes()
    from offhook_core._native import ffi, lib

    out = np.empty(samples.size, dtype=np.uint8)
    flat = np.ascontiguousarray(samples).reshape(-1)
    lib.oh_convert(lib.OH_LAW_LINEAR, ffi.from_buffer(flat), LAWS.index(law), ffi.from_buffer(out), flat.size)
    return out.tobytes()


def write(batch: Sequence[Signal], law: str, to: IO[bytes]) -> None:
    """Signals side by side in the form that digest.c reads."""
    audio, valid = interleave(batch)
    ticks = audio.shape[0]
    to.write(b"OHD1" + np.array([len(batch), LAWS.index(law), ticks], dtype="<u4").tobytes())
    for signal in batch:
        answered = 0 if signal.case.profile == "ANSWERED" else ANSWER_TICK
        to.write(signal.case.plan.encode().ljust(8, b"\0") + np.array([detectors(), answered], dtype="<u4").tobytes())
    for tick in range(ticks):
        to.write(valid[tick].tobytes())
        to.write(octets_of(audio[tick], law))


def first_difference(one: bytes, other: bytes, batch: Sequence[Signal]) -> Case | None:
    """The case of the first event in which two answers differ, None when they are equal."""
    if one == other:
        return None
    a, b = (np.frombuffer(e, dtype=np.uint8).reshape(-1, EVENT) for e in (one, other))
    both = min(len(a), len(b))
    differ = np.flatnonzero((a[:both] != b[:both]).any(axis=1))
    at = int(differ[0]) if differ.size else both
    event = (a if at < len(a) else b)[at]
    return batch[int(event[CHANNEL_AT]) | int(event[CHANNEL_AT + 1]) << 8].case


def compare(cases: Sequence[Case], law: str, builds: Sequence[Build], keep: Path | None = None) -> list[str]:
    """Let every build hear every case. Returns what differed, in words."""
    wrong: list[str] = []
    all_plans = plans.load()
    kept = keep.open("wb") if keep else None
    try:
        for start in range(0, len(cases), sweep.BATCH):
            batch = [signals.render(c, all_plans) for c in cases[start : start + sweep.BATCH]]
            with tempfile.TemporaryFile() as audio:
                write(batch, law, audio)
                if kept:
                    audio.seek(0)
                    shutil.copyfileobj(audio, kept)
                heard = [build.hear(audio) for build in builds]
            for build, events in zip(builds, heard, strict=True):
                if case := first_difference(heard[0], events, batch):
                    wrong.append(f"{build.name} differs from {builds[0].name} in {case}")
    finally:
        if kept:
            kept.close()
    return wrong


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.digest", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--set", default="quick", help="full, quick, or one part of the sweep")
    parser.add_argument("--law", default="alaw", choices=LAWS)
    parser.add_argument("--audio", type=Path, help="keep the audio here")
    options = parser.parse_args(argv)
    builds = builds_here()
    if not builds:
        print("no program to compare: scripts/build release builds it", file=sys.stderr)
        return 2
    try:
        cases = sweep.cases(plans.load(), options.set)
        wrong = compare(cases, options.law, builds, options.audio)
    except (ValueError, RuntimeError) as why:
        print(why, file=sys.stderr)
        return 2
    for build in builds:
        print(f"{build.name:12s} {build.events:8,} events  sha256 {build.sha.hexdigest()}")
    print(f"{len(cases)} signals of the set {options.set}, {options.law}; {report.machine()}")
    print("\n".join(wrong) if wrong else f"{len(builds)} builds, the same events to the last bit")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
