"""``offhook bench``: what this machine can do. Processor time where the work is counted, wall time where waiting is the question."""

from __future__ import annotations

import asyncio
import datetime as dt
import platform
import re
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offhook.cli.arguments import JsonOption
from offhook.cli.output import CommandError, Exit, print_rows, tell, want_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from offhook_core import Engine

app = typer.Typer(help="What this machine can do; every figure can be repeated.", no_args_is_help=True)

TICK_S = 0.02
SWEEP = (30, 60, 120, 240, 480, 960, 2400, 9600, 24_000)

PlanOption = Annotated[str, typer.Option(help="Tone plan armed.")]


def machine() -> dict[str, Any]:
    """Where a figure was measured."""
    from offhook_core import isa

    cpu = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return {"isa": isa(), "cpu": cpu, "compiler": _compiler(), "python": platform.python_version(), "machine": platform.machine()}


def _compiler() -> str | None:
    """What compiled the core, as compilers write it into the library; None where it was stripped."""
    import offhook_core

    found = re.compile(rb"GCC: \([^)\0]*\) [0-9.]+|clang version [0-9.]+")
    for library in sorted(Path(offhook_core.__file__).parent.glob("liboffhook*")):
        match = found.search(library.read_bytes())
        if match:
            return match[0].decode("ascii", errors="replace")
    return None


def _engine(channels: int, plan: str) -> Engine:
    from offhook_core import Engine, Profile

    try:
        engine = Engine(channels, plan)
    except ValueError as wrong:
        raise CommandError(str(wrong), Exit.USAGE) from None
    for channel in range(channels):
        engine.reset(channel, Profile.ALL)
        if channel % 1000 == 999:
            engine.tick(_silence(channels))  # empties the order queue
            for _ in range(3):
                engine.poll(1 << 20)
    engine.tick(_silence(channels))
    engine.poll(1 << 20)
    return engine


def _silence(channels: int) -> NDArray[np.uint8]:
    import numpy as np

    from offhook_core import FRAME_SAMPLES

    return np.full(channels * FRAME_SAMPLES, 0xD5, np.uint8)


def _run(engine: Engine, frames: NDArray[np.uint8], ticks: int) -> tuple[list[int], list[int]]:
    """Run ticks over the frames again and again. Returns wall and processor nanoseconds of each."""
    wall, cpu = [], []
    for at in range(ticks):
        frame = frames[at % len(frames)].reshape(-1)
        before, before_cpu = time.perf_counter_ns(), time.thread_time_ns()
        engine.tick(frame)
        cpu.append(time.thread_time_ns() - before_cpu)
        wall.append(time.perf_counter_ns() - before)
        engine.poll(1 << 20)
    return wall, cpu


@app.command()
def channels(
    count: Annotated[int, typer.Option("--channels", min=16, max=24_000, help="Fed together.")] = 1200,
    seconds: Annotated[float, typer.Option(min=0.2, max=60, help="Audio in each repeat, s.")] = 2.0,
    repeats: Annotated[int, typer.Option(min=1, max=50, help="Repeats; best and median are told.")] = 5,
    plan: PlanOption = "cn",
    as_json: JsonOption = False,
) -> None:
    """Channels that one core can hear at real time, all detectors armed; libspandsp on the same audio in the same run."""
    want_json(as_json)
    from offhook.cli.bench_audio import lines
    from offhook_core import Detect, Profile

    frames = lines(count, round(seconds / TICK_S))
    with _engine(count, plan) as engine:
        _run(engine, frames, min(10, len(frames)))  # warm
        ours, theirs, complete = [], [], []
        peer_channels = min(count, 120)
        peer = _peer(peer_channels, plan)
        for _ in range(repeats):
            _, cpu = _run(engine, frames, len(frames))
            ours.append(count * TICK_S * len(frames) / (sum(cpu) / 1e9))
            if peer is not None:
                tones, more = peer.run(frames[:, :peer_channels])
                theirs.append(peer_channels * TICK_S * len(frames) / tones)
                complete.append(peer_channels * TICK_S * len(frames) / (tones + more))
        stats = engine.stats()
        peer_tones = f"super_tone_rx, {peer.tones} tones of {peer.pitches} pitches" if peer is not None else ""
        if peer is not None:
            peer.close()
    found = {
        "channels_per_core": round(statistics.median(ours)),
        "channels_per_core_best": round(max(ours)),
        "spandsp_channels_per_core": round(statistics.median(theirs)) if theirs else None,
        "spandsp_channels_per_core_best": round(max(theirs)) if theirs else None,
        "ratio_spandsp": round(statistics.median(ours) / statistics.median(theirs), 2) if theirs else None,
        "detectors": [one.name.lower() for one in Detect if one.name and one & Profile.ALL],
        "spandsp_detectors": [peer_tones, "dtmf_rx"] if theirs else None,
        "spandsp_complete_channels_per_core": round(statistics.median(complete)) if complete else None,
        "ratio_spandsp_complete": round(statistics.median(ours) / statistics.median(complete), 2) if complete else None,
        "spandsp_complete_detectors": [peer_tones, "dtmf_rx", "modem_connect_tones_rx CNG", "CED"] if complete else None,
        "plan": plan,
        "channels": count,
        "seconds": seconds,
        "repeats": repeats,
        "ns_per_channel_tick": round(TICK_S * 1e9 / statistics.median(ours), 1),
        "events": stats.events,
        "state_bytes_per_channel": stats.state_bytes_per_channel,
        **machine(),
    }
    if as_json:
        tell(found)
        return
    print(f"{found['cpu']}, {found['isa']}; {count} channels, plan {plan}, {repeats} x {seconds:g} s of mixed audio, processor time")
    rows = [
        (
            "offhook",
            found["channels_per_core"],
            found["channels_per_core_best"],
            f"{len(found['detectors'])} kinds: {', '.join(found['detectors'])}",
        )
    ]
    if theirs:
        rows.append(
            (
                "libspandsp",
                found["spandsp_channels_per_core"],
                found["spandsp_channels_per_core_best"],
                f"{peer_tones}; dtmf_rx",
            )
        )
        rows.append(("libspandsp", found["spandsp_complete_channels_per_core"], round(max(complete)), "the same, CNG and CED"))
    print_rows(("", "channels per core", "best", "detectors"), rows, right=("channels per core", "best"))
    if theirs:
        print(f"{found['ratio_spandsp']} times libspandsp's tones and keys, {found['ratio_spandsp_complete']} times its complete set")
    else:
        print("libspandsp is not installed (Debian: libspandsp2); no comparison")


def _peer(count: int, plan: str) -> Any:
    from offhook.cli.spandsp import Spandsp

    try:
        return Spandsp(count, plan)
    except OSError:
        return None


@app.command()
def tick(
    ticks: Annotated[int, typer.Option(min=100, max=1_000_000, help="Ticks of 240 channels.")] = 20_000,
    sweep: Annotated[bool, typer.Option("--sweep/--no-sweep", help="Also the cost per channel from 30 to 24,000 channels.")] = True,
    plan: PlanOption = "cn",
    as_json: JsonOption = False,
) -> None:
    """Time of one 20 ms tick of 240 channels, and whether the cost per channel stays flat."""
    want_json(as_json)
    from offhook.cli.bench_audio import lines

    with _engine(240, plan) as engine:
        frames = lines(240, 500)
        _run(engine, frames, 100)
        wall, cpu = _run(engine, frames, ticks)
    wall.sort()
    found: dict[str, Any] = {
        "channels": 240,
        "ticks": ticks,
        "median_us": round(statistics.median(wall) / 1e3, 1),
        "p99_us": round(wall[int(0.99 * ticks)] / 1e3, 1),
        "p999_us": round(wall[min(ticks - 1, int(0.999 * ticks))] / 1e3, 1),
        "worst_us": round(wall[-1] / 1e3, 1),
        "over_20_ms": sum(one > 20_000_000 for one in wall),
        "cpu_median_us": round(statistics.median(cpu) / 1e3, 1),
        "plan": plan,
        **machine(),
    }
    if sweep:
        found["ns_per_channel"] = {str(size): _cost(size, plan) for size in SWEEP}
    if as_json:
        tell(found)
        return
    print(f"{found['cpu']}, {found['isa']}; {ticks} ticks of 240 channels, plan {plan}, wall time")
    print(f"median {found['median_us']} us, p99 {found['p99_us']} us, p99.9 {found['p999_us']} us, worst {found['worst_us']} us")
    print(f"longer than 20 ms: {found['over_20_ms']}")
    if sweep:
        print_rows(
            ("channels", "ns a channel and tick"), list(found["ns_per_channel"].items()), right=("channels", "ns a channel and tick")
        )


def _cost(size: int, plan: str) -> float:
    """Processor nanoseconds per channel and tick, best half of the ticks."""
    from offhook.cli.bench_audio import lines

    frames = lines(min(size, 2400), 25)
    if size > frames.shape[1]:
        import numpy as np

        frames = np.tile(frames, (1, size // frames.shape[1], 1))
    with _engine(size, plan) as engine:
        _run(engine, frames, 5)
        _, cpu = _run(engine, frames, max(25, min(400, 480_000 // size)))
    return round(statistics.median(cpu) / size, 1)


@app.command()
def events(
    rate: Annotated[int, typer.Option(min=100, max=100_000, help="Events a second to offer, about.")] = 10_000,
    seconds: Annotated[float, typer.Option(min=1, max=120, help="How long, s.")] = 5.0,
    as_json: JsonOption = False,
) -> None:
    """Events from the media thread into asyncio: latency from the tick to the callback, and how many Python can take."""
    want_json(as_json)
    found = {**asyncio.run(_events(rate, seconds)), **machine()}
    if as_json:
        tell(found)
        return
    print(f"{found['cpu']}, {found['isa']}; {found['channels']} channels with keys, media thread in real time, {seconds:g} s")
    late = f"p50 {found['p50_us']} us, p99 {found['p99_us']} us, worst {found['worst_us']} us"
    print(f"{found['events_per_second']} events/s: tick to callback {late}")
    print(f"Python takes up to {found['drain_per_second']} events/s on one core; {found['lost']} lost")


async def _events(rate: int, seconds: float) -> dict[str, Any]:
    from offhook_core import Detect, Engine
    from offhook_core import Event as Heard
    from offhook_drivers.callees import CallPlan, Path, Sound, Step
    from offhook_drivers.softcard import SoftCard

    each = 20.0  # a key of 50 ms and a pause of 50 ms: a tone and its end ten times a second
    count = max(1, min(32_000, round(rate / each)))
    keys = ((697.0, 1209.0), (770.0, 1336.0), (852.0, 1477.0), (941.0, 1336.0))
    pressed = tuple(step for hz in keys for step in (Step(0.05, hz=hz, dbm0=-7.0), Step(0.05)))
    # Five groups begin a tick after each other, so that the events of all lines do not fall into one tick of five.
    sounds = [Sound((Step(TICK_S * (group + 1)), *pressed), loop_from=1) for group in range(5)]
    plan = CallPlan("keys", "keys", "", Path(), 1, "cn")
    card = SoftCard(count, 30, realtime=True)
    late: list[int] = []

    def heard(event: Heard) -> None:
        late.append(time.monotonic_ns() - event.raised_ns)

    with Engine(count, "cn", ring_events=1 << 17) as engine:
        try:
            for channel in range(count):
                card.begin(channel, channel + 1, channel)
                card.play(channel, channel + 1, plan, sounds[channel % 5])
            engine.listen(heard)
            engine.start(card.media)
            for channel in range(count):
                engine.reset(channel, Detect.DTMF)
                if channel % 100 == 99:
                    await asyncio.sleep(TICK_S)  # the order queue is emptied once a tick
            await asyncio.sleep(1.0)
            late.clear()
            before = time.monotonic()
            await asyncio.sleep(seconds)
            took, times = time.monotonic() - before, sorted(late)
            engine.unlisten()
            await asyncio.sleep(2.0)  # let a heap of events gather in the ring
            began, drained = time.thread_time(), 0
            while batch := engine.poll():
                for event in batch:
                    heard(event)
                drained += len(batch)
            spent = time.thread_time() - began
            lost = engine.stats().overruns
        finally:
            engine.stop()
            card.close()
    if not times:
        raise CommandError("no event came; is the core built with the DTMF detector?", Exit.UNSOUND)
    return {
        "channels": count,
        "seconds": round(took, 2),
        "events_per_second": round(len(times) / took),
        "p50_us": round(times[len(times) // 2] / 1e3, 1),
        "p99_us": round(times[int(len(times) * 0.99)] / 1e3, 1),
        "worst_us": round(times[-1] / 1e3, 1),
        "drain_per_second": round(drained / spent) if spent and drained else None,
        "lost": lost,
    }


@app.command()
def calls(
    count: Annotated[int, typer.Option("--calls", min=100, max=1_000_000, help="Numbers to dial, one attempt each.")] = 5000,
    durable: Annotated[bool, typer.Option("--durable/--fast", help="Sync every transaction to the disk, as in service.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Call attempts a second without audio: list, journal, call logic, result, database, in virtual time."""
    want_json(as_json)
    from offhook.clock import run_virtual

    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
        start = dt.datetime(2026, 3, 2, 1, tzinfo=dt.UTC)
        found = {**run_virtual(_calls(Path(folder), count, durable), start), **machine()}
    if as_json:
        tell(found)
    else:
        print(f"{found['cpu']}; {count} attempts, database {'synced' if durable else 'not synced'}")
        rate = f"{found['attempts_per_second']} attempts/s of wall time, {found['attempts_per_cpu_second']} per processor second"
        print(f"{rate}; {found['rss_mib']} MiB")
        print("books " + ("add up" if found["reconciled"] else "do NOT add up"))
    if not found["reconciled"]:
        raise SystemExit(int(Exit.UNSOUND))


async def _calls(folder: Path, count: int, durable: bool) -> dict[str, Any]:
    from offhook.config import Settings
    from offhook.messages import CampaignSpec, RetryPlan
    from offhook.node import Node
    from offhook_drivers import Scenario, Simulator

    settings = Settings.model_validate(
        {
            "node": {"name": "bench", "data_dir": folder},
            "database": {"durable": durable},
            "control": {"mode": "off"},
            "driver": {"name": "simulator", "audio": False, "realtime": False, "spans": 32},
            "limits": {"calls_per_second": 1000},
            "approval": {"numbers": 0},
        }
    )
    everybody = Scenario.builtin("cn")
    numbers = folder / "numbers.csv"
    numbers.write_text("number\n" + "".join(f"+86139{at:08}\n" for at in range(count)), encoding="utf-8")
    driver = Simulator(everybody, spans=32, realtime=False, audio=False)
    async with Node(settings, driver=driver) as node:
        await node.create_campaign(CampaignSpec(name="bench", lines=960, calls_per_second=500, retry=RetryPlan(rules={}, max_attempts=1)))
        report = await node.import_list("bench", numbers)
        wall, cpu, began = time.monotonic(), time.process_time(), node.clock.monotonic()
        await node.start_campaign("bench")
        state = await node.wait_campaign("bench")
        took, spent = time.monotonic() - wall, time.process_time() - cpu
        virtual = node.clock.monotonic() - began
        books = await node.reconcile()
    return {
        "attempts": state.attempts,
        "accepted": report.accepted,
        "seconds": round(took, 2),
        "virtual_seconds": round(virtual, 1),
        "attempts_per_second": round(state.attempts / took, 1),
        "attempts_per_cpu_second": round(state.attempts / spent, 1),
        "durable": durable,
        "reconciled": books.ok,
        "rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
