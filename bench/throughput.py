"""Channels that one core hears in real time, the tick of 240 channels, and the cost per channel from 30 to 24,000, beside libspandsp.

    python -m bench.throughput [--seconds S] [--isa NAME] [--json FILE] [--plots FOLDER]

Ours: every detector armed (OH_PROFILE_ALL) on every channel, A-law in, one oh_core_tick() a 20 ms block. libspandsp: super_tone_rx with
the tones of the same plan (us: 7 frequencies), dtmf_rx, and modem_connect_tones_rx for CNG and for CED, fed in blocks of 1 s so that the
calls from Python cost nothing; its power meter is left out, in its favour. Both hear the same audio, a mixture of talk, music, noise and
tones, in one thread of one process; every channel is at another place of it, and all sizes hear it alike. CPU time is measured, so that
other work on the machine matters little, and medians are given. Ratios in one run are what counts.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import plans, report, signals
from bench.line import FRAME
from bench.peers import Offhook, Spandsp
from bench.signals import Case
from bench.synth import RATE

PLAN = "us"
SIZES = (30, 60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 24000)
MIXTURE = (
    *(f"neg:us:{kind}:mix:d1:{k}" for kind in ("speech", "tune", "noise", "prompt_echo") for k in range(2)),
    *(f"tone:us:{tone}:mix:d1:{k}" for tone in ("ringback", "busy", "dial", "congestion") for k in range(3)),
    *(f"{name}:mix:d1:0" for name in ("dtmf:us:0123456789", "fax:us:fax_ced", "sit:us:ITU", "beep:us:single")),
)


def mixture() -> npt.NDArray[np.int16]:
    """Some minutes of what channels of a dialler carry."""
    return np.concatenate([signals.render(Case.parse(name)).audio for name in MIXTURE])


def octets_of(ear: Offhook, samples: npt.NDArray[np.int16], law: str = "alaw") -> npt.NDArray[np.uint8]:
    """*samples* as octets in a law, ``alaw`` or ``ulaw``."""
    out = np.zeros(samples.size, dtype=np.uint8)
    lib, ffi = ear.lib, ear.ffi
    code = lib.OH_LAW_ALAW if law == "alaw" else lib.OH_LAW_ULAW
    lib.oh_convert(lib.OH_LAW_LINEAR, ffi.from_buffer(samples), code, ffi.from_buffer(out), samples.size)
    return out


def frames_of(octets: npt.NDArray[np.uint8], channels: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The mixture frame by frame, [frame, 160], and the frame at which each channel begins; it goes round and round."""
    frames = octets[: octets.size // FRAME * FRAME].reshape(-1, FRAME)
    return frames, np.arange(channels, dtype=np.int64) * 7919 % len(frames)


def run_core(ear: Offhook, octets: npt.NDArray[np.uint8], channels: int, seconds: float) -> tuple[list[float], list[float]]:
    """CPU s and wall s of every tick over about *seconds* of CPU time, the first 100 ticks left out.

    A tick finds its audio where a driver has just put it, in one array of all channels.
    """
    lib, ffi = ear.lib, ear.ffi
    config = {
        "channels": channels,
        "law": lib.OH_LAW_ALAW,
        "layout": lib.OH_LAYOUT_CHANNEL,
        "plan": lib.oh_plan_find(PLAN.encode()),
        "ring_events": 1 << 17,
    }
    core = lib.oh_core_new(ffi.new("oh_config *", config))
    if core == ffi.NULL:
        raise MemoryError(f"oh_core_new({channels} channels) failed")
    try:
        frames, at = frames_of(octets, channels)
        rx = np.empty((channels, FRAME), dtype=np.uint8)
        np.take(frames, at, axis=0, out=rx)
        view = ffi.from_buffer(rx)
        for c in range(channels):
            while lib.oh_core_reset(core, c, ffi.NULL, lib.OH_PROFILE_ALL) == -11:
                lib.oh_core_tick(core, view, ffi.NULL, ffi.NULL, 0)
        events = ffi.new("oh_event[]", 4096)
        cpu: list[float] = []
        wall: list[float] = []
        spent, warm = 0.0, 100
        while spent < seconds or len(cpu) < 20:
            at = (at + 1) % len(frames)
            np.take(frames, at, axis=0, out=rx)
            a, b = time.thread_time(), time.perf_counter()
            lib.oh_core_tick(core, view, ffi.NULL, ffi.NULL, 0)
            if warm > 0:
                warm -= 1
            else:
                cpu.append(time.thread_time() - a)
                spent += cpu[-1]
                wall.append(time.perf_counter() - b)
            while lib.oh_core_poll(core, events, 4096):
                pass
        return cpu, wall
    finally:
        lib.oh_core_free(core)


def run_spandsp(peer: Spandsp, samples: npt.NDArray[np.int16], seconds: float) -> tuple[float, dict[str, float]]:
    """Channels per core of libspandsp's set, and the CPU s that 1 s of a channel costs in each part."""
    lib = peer.lib
    nothing = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int)(lambda *_: None)
    digits = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)(lambda *_: None)
    descriptor, _names = peer.descriptor(PLAN)
    parts = {
        "super_tone": (lib.super_tone_rx, lib.super_tone_rx_init(None, ctypes.c_void_p(descriptor), nothing, None)),
        "dtmf": (lib.dtmf_rx, lib.dtmf_rx_init(None, digits, None)),
        "cng": (lib.modem_connect_tones_rx, lib.modem_connect_tones_rx_init(None, 1, nothing, None)),
        "ced": (lib.modem_connect_tones_rx, lib.modem_connect_tones_rx_init(None, 3, nothing, None)),
    }
    whole = samples.size // RATE
    address = samples.ctypes.data
    cost: dict[str, list[float]] = {name: [] for name in parts}
    began = time.thread_time()
    while time.thread_time() - began < seconds or len(cost["ced"]) < 3:
        for name, (feed, state) in parts.items():
            a = time.thread_time()
            for s in range(whole):
                feed(ctypes.c_void_p(state), ctypes.c_void_p(address + 2 * s * RATE), RATE)
            cost[name].append((time.thread_time() - a) / whole)
    each = {name: float(np.median(c)) for name, c in cost.items()}
    return 1 / sum(each.values()), each


def measure(isa: str | None, seconds: float) -> dict[str, Any]:
    """All figures of one run."""
    ear = Offhook(isa)
    samples = mixture()
    octets = octets_of(ear, samples)
    out: dict[str, Any] = {"machine": report.machine(), "isa": ear.isa, "curve": {}}
    for channels in SIZES:
        cpu, wall = run_core(ear, octets, channels, seconds)
        per_channel = float(np.median(cpu)) / channels
        out["curve"][channels] = {"us_per_channel_tick": round(per_channel * 1e6, 4), "channels_per_core": round(0.02 / per_channel)}
        if channels == 240:
            p50, p99 = map(float, np.percentile(wall, [50, 99]))
            out["tick_240_us"] = {
                "median": round(p50 * 1e6, 1),
                "p99": round(p99 * 1e6, 1),
                "worst": round(max(wall) * 1e6, 1),
                "ticks": len(wall),
            }
    out["channels_per_core"] = out["curve"][240]["channels_per_core"]
    try:
        peer = Spandsp({PLAN: plans.load()[PLAN]})
    except OSError:
        out["spandsp_channels_per_core"] = out["ratio_spandsp"] = None
        return out
    channels_spandsp, parts = run_spandsp(peer, samples, seconds * 2)
    out["spandsp_channels_per_core"] = round(channels_spandsp)
    out["spandsp_us_per_frame"] = {name: round(c * 0.02 * 1e6, 3) for name, c in parts.items()}
    out["ratio_spandsp"] = round(out["channels_per_core"] / channels_spandsp, 1)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.throughput", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU time spent on each point")
    parser.add_argument("--isa", help="vector code to force: base, avx2, avx512, neon")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plots", type=Path, help="folder for throughput.png")
    options = parser.parse_args(argv)
    try:
        out = measure(options.isa, options.seconds)
    except RuntimeError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    print(f"{out['isa']}: {out['channels_per_core']:,} channels per core at 240 channels, every detector armed; tick {out['tick_240_us']}")
    for channels, point in out["curve"].items():
        print(f"  {channels:6d} channels  {point['us_per_channel_tick']:8.4f} us each  {point['channels_per_core']:9,} per core")
    print(
        f"libspandsp {out['spandsp_channels_per_core']} channels per core, ratio {out['ratio_spandsp']}; {out.get('spandsp_us_per_frame')}"
    )
    print(out["machine"])
    if options.json:
        options.json.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")
    if options.plots:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot as plt

        options.plots.mkdir(parents=True, exist_ok=True)
        figure, axis = plt.subplots(figsize=(7, 4))
        axis.semilogx(list(out["curve"]), [p["us_per_channel_tick"] for p in out["curve"].values()], "o-", label=f"offhook, {out['isa']}")
        axis.set(xlabel="channels", ylabel="us per channel and 20 ms", title="cost per channel, every detector armed", ylim=(0, None))
        axis.legend()
        figure.tight_layout()
        figure.savefig(options.plots / "throughput.png", dpi=110)
    return 0


if __name__ == "__main__":
    sys.exit(main())
