"""What the answer analysis costs: ns a channel and frame beside the tones, and beside everything that is armed after the answer.

    python -m bench.answer_cost [avx512 avx2 base ...]

240 channels hear the software card's clips of voices as A-law, each from another place. Processor time, median of nine runs of 3 s of calls
that are all answered at once. As in ``bench.throughput`` a tick finds its audio where a driver has just put it, in one array of all
channels, and the tick that resets all channels is left out.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

import offhook_drivers
from offhook_core import Detect, Law, Profile, plans, timeslots
from offhook_core._native import ffi, lib

CHANNELS, TICKS, RUNS, FRAME = 240, 150, 9, 160


def voices() -> NDArray[np.uint8]:
    """All clips one after the other, a second of silence between them; [tick, channel, sample]."""
    clips = [soundfile.read(path, dtype="int16")[0] for path in sorted((Path(offhook_drivers.__file__).parent / "clips").glob("*.wav"))]
    audio = np.concatenate([np.concatenate([clip, np.zeros(8000, np.int16)]) for clip in clips])
    starts = np.arange(CHANNELS) * 7919 * FRAME % (len(audio) - TICKS * FRAME)
    linear = np.ascontiguousarray(np.stack([audio[at : at + TICKS * FRAME].reshape(TICKS, FRAME) for at in starts], axis=1))
    return np.frombuffer(timeslots.encode(linear.ravel(), Law.ALAW), np.uint8).reshape(linear.shape)


def cost(audio: NDArray[np.uint8], detectors: int) -> float:
    """Processor time in ns a channel and frame."""
    config = ffi.new("oh_config *", {"channels": CHANNELS, "law": Law.ALAW, "plan": plans.find("us"), "ring_events": 1 << 16})
    core = lib.oh_core_new(config)
    try:
        for channel in range(CHANNELS):
            lib.oh_core_reset(core, channel, ffi.NULL, detectors)
            lib.oh_core_answered(core, channel)
        rx = np.full((CHANNELS, FRAME), 0xD5, np.uint8)
        view = ffi.from_buffer(rx)
        lib.oh_core_tick(core, view, ffi.NULL, ffi.NULL, 0)
        spent = 0.0
        for frame in audio:
            rx[:] = frame
            start = time.thread_time()
            lib.oh_core_tick(core, view, ffi.NULL, ffi.NULL, 0)
            spent += time.thread_time() - start
        return spent / TICKS / CHANNELS * 1e9
    finally:
        lib.oh_core_free(core)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("isa", nargs="*", default=["avx512", "avx2", "base"], help="vector codes")
    audio = voices()
    for name in parser.parse_args().isa:
        if lib.oh_isa_force(name.encode()):
            parser.exit(1, f"bench.answer_cost: {name}: not on this processor\n")
        for what, armed in (("tones and the analysis", int(Detect.TONES | Detect.ANSWER)), ("everything", int(Profile.ANSWERED))):
            rows = np.array([[cost(audio, armed & ~int(Detect.ANSWER)), cost(audio, armed)] for _ in range(RUNS)])
            without, whole = np.median(rows, axis=0)
            print(f"{name}: {what} {whole:.0f} ns, the analysis {whole - without:.0f} of them; {20e6 / whole:,.0f} channels per core")


if __name__ == "__main__":
    main()
