"""``offhook demo``: the main job on the software card, from an empty folder.

It makes a data folder, a list and a prompt, starts a broker and a node, and then does what an integrator would: creates, fills and starts
a campaign with MQTT commands, watches, stops it, and asks for the books.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import datetime as dt
import json
import random
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from offhook.cli.arguments import JsonOption
from offhook.cli.logs import logging_as
from offhook.cli.output import CommandError, Exit, print_rows, remark, tell, want_json
from offhook.cli.signals import orderly_end

if TYPE_CHECKING:
    from offhook.config import Settings
    from offhook.messages import NodeEvent
    from offhook.node import Node
    from offhook_drivers import Scenario

CAMPAIGN = "demo"
CALLS_PER_SECOND = 30.0
DRAIN_S = 20.0
"""After the last dial, calls in progress may end by themselves for so long."""
RING_TIMEOUT_S = 45.0
VIRTUAL_START = dt.datetime(2026, 3, 2, 1, tzinfo=dt.UTC)
"""A Monday, 09:00 in Shanghai."""

Ask = Callable[[str, dict[str, Any]], Awaitable[Any]]


@dataclass(slots=True)
class Watch:
    """What the demo counts while it runs. Times are seconds of the node's clock."""

    started: float = 0.0
    seconds_to_peak: float | None = None
    ended: Counter[str] = field(default_factory=Counter)
    judged: int = 0
    agreed: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    messages_left: int = 0


def demo(
    seconds: Annotated[float, typer.Option(min=1, help="How long to dial, s; calls in progress then end by themselves.")] = 60.0,
    spans: Annotated[int, typer.Option(min=1, max=32, help="E1 spans of 30 B-channels.")] = 8,
    scenario: Annotated[str, typer.Option(help="Who is behind the numbers: a built-in name or a TOML file.")] = "cn",
    seed: Annotated[int | None, typer.Option(min=0, help="Another crowd; none takes the scenario's.", show_default=False)] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime/--virtual", help="Follow the clock, or run as fast as can be heard (without MQTT).")
    ] = True,
    control: Annotated[bool, typer.Option("--control/--no-control", help="Steer over MQTT with a broker of our own.")] = True,
    keep: Annotated[Path | None, typer.Option(help="Keep database, list and the calls' audio in this folder.", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Dial a made-up list on a software card with 240 channels, hear every call, and show what came of it."""
    want_json(as_json)
    people = _scenario(scenario)
    with _folder(keep) as folder:
        settings = _settings(folder, scenario, people, spans, seed, realtime, control and realtime, keep is not None)
        if keep is not None:
            _write_config(folder, settings)
        leads = _write_list(folder / "numbers.csv", people, round(seconds * CALLS_PER_SECOND * 1.2) + 30 * spans, seed or people.seed)
        job = Job(settings, folder, keep is None, seconds, leads, show=realtime and not as_json)
        with logging_as(settings.log, quiet=True):
            result = _run(job, realtime)
    if as_json:
        tell(result)
    else:
        _print(result)
    if not result["reconciled"]:
        raise SystemExit(int(Exit.UNSOUND))


def _run(job: Job, realtime: bool) -> dict[str, Any]:
    from offhook.clock import run_virtual
    from offhook.control.broker import BrokerError

    if not realtime:
        return run_virtual(_play(job), VIRTUAL_START)
    try:
        return asyncio.run(_play(job))
    except BrokerError as wrong:
        raise CommandError(f"{wrong}; or run the demo with --no-control", Exit.UNREACHABLE) from None


def _scenario(name: str) -> Scenario:
    from offhook_drivers import Scenario, ScenarioError

    try:
        return Scenario.load(Path(name)) if name.endswith(".toml") or "/" in name else Scenario.builtin(name)
    except ScenarioError as wrong:
        raise CommandError(str(wrong)) from None


@contextlib.contextmanager
def _folder(keep: Path | None) -> Any:
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="offhook-demo-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    if keep.exists() and any(keep.iterdir()):
        raise CommandError(f"{keep}: is not empty; name a new folder")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.absolute()


def _settings(
    folder: Path, scenario: str, people: Scenario, spans: int, seed: int | None, realtime: bool, control: bool, keep: bool
) -> Settings:
    from offhook.config import Settings

    is_file = scenario.endswith(".toml") or "/" in scenario
    return Settings.model_validate(
        {
            "node": {"name": "demo", "data_dir": folder},
            "database": {"durable": realtime},
            "control": {"mode": "embedded" if control else "off"},
            # fifo: where the system allows it, so that a busy machine does not make ticks late
            "core": {"plan": people.plan, "fifo": 10, **({"capture_s": 60} if keep else {})},
            "recordings": {"keep": "all" if keep else "none"},  # nobody real is heard
            "approval": {"numbers": 0},
            "driver": {
                "name": "simulator",
                "scenario": str(Path(scenario).absolute()) if is_file else scenario,
                "spans": spans,
                "seed": seed,
                "realtime": realtime,
            },
            "dial": {"region": _region(people)},
            "log": {"level": "warning"},
        }
    )


def _write_config(folder: Path, settings: Settings) -> None:
    """So that ``offhook why last -c FOLDER/offhook.toml`` finds the calls."""
    lines = (
        "[node]",
        f'name = "{settings.node.name}"',
        f"data_dir = {json.dumps(str(folder))}",
        "[dial]",
        f'region = "{settings.dial.region}"',
    )
    (folder / "offhook.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _region(people: Scenario) -> str:
    return people.plan.upper()


def _write_list(path: Path, people: Scenario, count: int, seed: int) -> int:
    """A list of valid mobile numbers of the scenario's country, no two alike. Returns how many there are."""
    import phonenumbers

    region = _region(people)
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        raise CommandError(f"no numbers are known for region {region} of plan {people.plan}; use another scenario")
    national = str(example.national_number)
    chance = random.Random(seed)
    found: dict[str, None] = {}
    for _ in range(20 * count):
        if len(found) >= count:
            break
        tail = "".join(chance.choice("0123456789") for _ in range(min(7, len(national) - 3)))
        number = phonenumbers.PhoneNumber(example.country_code, int(national[: len(national) - len(tail)] + tail))
        if phonenumbers.is_valid_number(number):
            found[phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)] = None
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("number", "name"))
        writer.writerows((number, f"lead {at + 1}") for at, number in enumerate(found))
    return len(found)


def _prompt(people_plan: str) -> Path:
    name = "prompt-zh-notice.wav" if people_plan == "cn" else "prompt-en-notice.wav"
    with resources.as_file(resources.files("offhook_drivers").joinpath("clips", name)) as path:
        return path


@dataclass(frozen=True, slots=True)
class Job:
    """What the demo is to do."""

    settings: Settings
    folder: Path
    temporary: bool
    seconds: float
    leads: int
    show: bool  # the live view, else lines on stderr

    def clear(self) -> None:
        """Remove the folder if it is ours to remove."""
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)


async def _play(job: Job) -> dict[str, Any]:
    """The whole demo; what it found."""
    from offhook.control.server import open_control, serving
    from offhook.node import Node

    settings = job.settings
    with orderly_end(job.clear) as ending:
        async with (
            open_control(settings.node.name, settings.control, job.folder) as server,
            Node(settings) as node,
            serving(server, node),
            _asking(settings, job.folder, node) as ask,
        ):
            ending.tell(node.stop)
            found = await _steer(job, node, ask)
            return {**found, "control": settings.control.mode, "commands": server.commands if server is not None else 0}


async def _steer(job: Job, node: Node, ask: Ask) -> dict[str, Any]:
    """Create, fill, start, watch, stop, and ask for the books."""
    from offhook.cli.live import live_view

    watch = Watch()
    node.subscribe(lambda event: _on_event(watch, node, event))
    spec = {
        "name": CAMPAIGN,
        "title": "demo",
        "prompt": str(_prompt(job.settings.core.plan)),
        "lines": node.driver.channels,
        "calls_per_second": CALLS_PER_SECOND,
        "dtmf": {"1": "wants a call back", "2": "no more calls"},
        "ring_timeout_s": RING_TIMEOUT_S,
        "region": job.settings.dial.region,
    }
    await ask("campaign.create", spec)
    report = await ask("campaign.import", {"campaign": CAMPAIGN, "path": str(job.folder / "numbers.csv")})
    if report["accepted"] != job.leads:
        raise CommandError(f"of {job.leads} made-up numbers {report['accepted']} were accepted", Exit.UNSOUND)
    watch.started = node.clock.monotonic()
    wall, cpu, media = time.monotonic(), time.process_time(), _media_thread_seconds()
    await ask("campaign.start", {"campaign": CAMPAIGN})
    async with live_view(node, wanted=job.show), _progress(node, wanted=not job.show):
        await _until(node, job.seconds)
        dialling = node.state()
        await ask("campaign.stop", {"campaign": CAMPAIGN})
        await _until(node, DRAIN_S)
    books = await ask("reconcile", {})
    state = node.state()
    took, spent, media = time.monotonic() - wall, time.process_time() - cpu, _media_thread_seconds() - media
    seconds = node.clock.monotonic() - watch.started
    realtime = not node.clock.virtual
    return {
        "calls": state.attempts,
        "outcomes": {str(name): count for name, count in sorted(books["outcomes"].items(), key=lambda one: -one[1])},
        "truth_agreement": round(watch.agreed / watch.judged, 4) if watch.judged else None,
        "judged": watch.judged,
        "disagreements": dict(watch.wrong.most_common(10)),
        "late_ticks": state.late_ticks,
        "channels": state.channels,
        "channels_peak": state.channels_peak,
        "seconds_to_peak": None if watch.seconds_to_peak is None else round(watch.seconds_to_peak, 2),
        "calls_per_second": round(dialling.calls_per_second, 2),
        "reconciled": bool(books["ok"]) and state.reconciled,
        "problems": list(books["problems"]),
        "keys": dict(watch.keys),
        "messages_left": watch.messages_left,
        "seconds": round(seconds, 2),
        "wall_s": round(took, 2),
        "times_real_time": None if realtime else round(seconds / took, 1),
        **_core_figures(node),
        "python_cpu_share": round(max(0.0, spent - media) / took, 4) if realtime else None,
        "media_cpu_share": round(media / took, 4) if realtime else None,
        "rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _core_figures(node: Node) -> dict[str, Any]:
    assert node.engine is not None  # the demo always has audio
    stats = node.engine.stats()
    return {
        "events": stats.events,
        "events_lost": stats.overruns,
        "ticks": stats.ticks,
        "tick_p50_us": _percentile_us(stats.tick_log2_ns, 0.5),
        "tick_p99_us": _percentile_us(stats.tick_log2_ns, 0.99),
        "tick_max_us": round(stats.tick_ns_max / 1000, 1),
        "state_bytes_per_channel": stats.state_bytes_per_channel,
    }


@contextlib.asynccontextmanager
async def _asking(settings: Settings, folder: Path, node: Node) -> AsyncIterator[Ask]:
    """How the demo steers: over MQTT like anybody else, or the node itself when there is no broker."""
    from offhook.control.verbs import VERBS

    if settings.control.mode == "off":

        async def direct(verb: str, order: dict[str, Any]) -> Any:
            row = VERBS[verb]
            return row.encode(await row.run(node, row.arguments.model_validate(order)))

        yield direct
        return

    from offhook.cli.ctl import in_words
    from offhook.control.address import unix_address
    from offhook.control.client import Client
    from offhook.control.server import broker_socket

    async with Client(unix_address(broker_socket(settings.control, folder)), settings.node.name) as client:

        async def over_mqtt(verb: str, order: dict[str, Any]) -> Any:
            reply = await client.ask(verb, order, timeout=60.0)
            if reply.error is not None:
                raise CommandError(f"{verb}: {in_words(reply.error)}", Exit.REFUSED)
            return reply.result

        yield over_mqtt


def _on_event(watch: Watch, node: Node, event: NodeEvent) -> None:
    from offhook.cli.truth import agrees

    if event.type == "call_started":
        if watch.seconds_to_peak is None and node.pool.in_use == node.driver.channels:
            watch.seconds_to_peak = node.clock.monotonic() - watch.started
    elif event.type == "call_ended":
        call = event.call
        assert call.disposition is not None
        watch.ended[call.disposition] += 1
        watch.messages_left += call.message_left
        if call.digits:
            watch.keys[call.digits[0]] += 1
        ask_truth = getattr(node.driver, "truth", None)
        truth = ask_truth(call.id) if ask_truth is not None else None
        right = agrees(truth.behaviour, truth.meaning, call.disposition) if truth is not None else None
        if truth is not None and right is not None:
            watch.judged += 1
            watch.agreed += right
            if not right:
                watch.wrong[f"{truth.name} taken for {call.disposition}"] += 1


async def _until(node: Node, seconds: float) -> None:
    """Wait, but not longer than until someone ends the node, or the campaign is over and its last call ended."""
    ended = asyncio.create_task(node.run())
    done = asyncio.create_task(node.wait_campaign(CAMPAIGN))
    await asyncio.wait((ended, done), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in (ended, done):
        task.cancel()
    await asyncio.gather(ended, done, return_exceptions=True)


@contextlib.asynccontextmanager
async def _progress(node: Node, *, wanted: bool) -> AsyncIterator[None]:
    """A line on stderr every two seconds of the node's time (twenty in virtual time)."""
    from offhook.cli.live import line

    if not wanted:
        yield
        return

    async def say() -> None:
        while True:
            await asyncio.sleep(20.0 if node.clock.virtual else 2.0)
            remark(line(node.state(), await node.campaigns()))

    task = asyncio.create_task(say(), name="demo progress")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _media_thread_seconds() -> float:
    """Processor time of the threads that Python did not make: the media thread. 0 where /proc is not there."""
    known = {thread.native_id for thread in threading.enumerate()}
    total = 0.0
    try:
        for task in Path("/proc/self/task").iterdir():
            if int(task.name) not in known:
                nanoseconds = int((task / "schedstat").read_text().split()[0])
                total += nanoseconds / 1e9
    except (OSError, ValueError):
        return 0.0
    return total


def _percentile_us(histogram: tuple[int, ...], share: float) -> float:
    """A percentile in microseconds from buckets that are powers of two of a nanosecond; linear inside its bucket."""
    wanted, seen = share * sum(histogram), 0
    for power, count in enumerate(histogram):
        if count and seen + count >= wanted:
            return round(2.0**power * (1 + (wanted - seen) / count) / 1000, 1)
        seen += count
    return 0.0


def _print(result: dict[str, Any]) -> None:
    from offhook.cli.live import outcome_table

    outcomes: Counter[str] = Counter(result["outcomes"])
    if sys.stdout.isatty():
        Console(highlight=False).print(outcome_table(outcomes))
    else:
        ended = sum(outcomes.values()) or 1
        rows = [(name, count, f"{count / ended:.1%}") for name, count in outcomes.most_common()]
        print_rows(("outcome", "calls", "share"), rows, right=("calls", "share"))
    print()
    for label, text in _summary(result):
        print(f"{label:<19}{text}")


def _summary(result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    keys = sum(result["keys"].values())
    yield "calls", f"{result['calls']} in {result['seconds']:.1f} s, {keys} pressed a key, {result['messages_left']} messages left"
    agreement, peak = result["truth_agreement"], result["seconds_to_peak"]
    yield "agrees with truth", "nothing to judge" if agreement is None else f"{agreement:.2%} of {result['judged']}"
    for text, count in result["disagreements"].items():
        yield "", f"{count} {text}"
    yield "lines", f"{result['channels_peak']} of {result['channels']} at once" + ("" if peak is None else f", after {peak:.1f} s")
    ticks = f"half under {result['tick_p50_us']} us, worst {result['tick_max_us']} us"
    yield "ticks", f"{result['ticks']}, {result['late_ticks']} late, {ticks}"
    if result["times_real_time"] is None:
        yield "processor", f"Python {result['python_cpu_share']:.1%} and audio {result['media_cpu_share']:.1%} of one core"
    else:
        yield "speed", f"{result['times_real_time']} times real time"
    yield "memory", f"{result['rss_mib']:.0f} MiB"
    yield "books", "add up" if result["reconciled"] else "do NOT add up: " + "; ".join(result["problems"])
