"""A shift on a real node: the software card plays the list, simulated agents log in and talk, in virtual time, with audio or without.

The same shift file as the fast simulator's, but every call goes through the store, the call's state machine and, with audio, through every
detector. Shares of the list are those of the first hour: the software card's callees do not change with the time of day.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from offhook.agents.messages import AbandonPlan, AgentCall, AgentChanged, AgentLevel, AgentStatus, PacingPlan
from offhook.calls.disposition import Disposition
from offhook.clock import run_virtual
from offhook.config import Settings
from offhook.errors import AgentError
from offhook.messages import CampaignSpec, NodeEvent, RetryPlan
from offhook.node import Node
from offhook.pacing import AgentState, Counts
from offhook.shift.leads import under_limit
from offhook.shift.scenario import Distribution, Group, Scenario, ScenarioError, at
from offhook.shift.simulator import Report
from offhook_drivers import Scenario as Callees
from offhook_drivers import Simulator as SoftwareCard

log = logging.getLogger(__name__)

START = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC)
VALUES = 400
"""Lengths drawn for each distribution of the shift; the software card chooses among them."""
GREETINGS = ("person-zh-wei", "person-zh-wei-low", "person-zh-nihao", "person-zh-wei-nihao", "person-zh-wei-nawei")
CAMPAIGN = "shift"

_OUTCOME = {
    Disposition.PERSON: "person",
    Disposition.ABANDONED: "person",
    Disposition.MACHINE: "machine",
    Disposition.IVR: "machine",
    Disposition.FAX: "fax",
    Disposition.BUSY: "busy",
    Disposition.NO_ANSWER: "no_answer",
    Disposition.VACANT: "unobtainable",
    Disposition.SUSPECT_VACANT: "unobtainable",
    Disposition.UNREACHABLE: "unobtainable",
}


class SimulatedAgents:
    """Agents of a shift file who work at a node through the same doors as anybody else.

    Args:
        node: Where they log in.
        scenario: How they talk and wrap up, and when they are there.
        campaigns: What they log in to.
        seed: Of their chance.
    """

    def __init__(self, node: Node, scenario: Scenario, campaigns: dict[str, AgentLevel], seed: int) -> None:
        self._node = node
        self._scenario = scenario
        self._campaigns = campaigns
        self._rng = np.random.default_rng([seed, 3])
        self._speed: dict[str, float] = {}
        self._unsubscribe = node.subscribe(self._on_event)

    def close(self) -> None:
        """Do nothing more."""
        self._unsubscribe()

    async def work(self) -> None:
        """Come, take breaks and go as the groups of the shift say."""
        async with asyncio.TaskGroup() as tasks:
            number = 0
            for group in self._scenario.agents.group:
                for _ in range(group.count):
                    number += 1
                    tasks.create_task(self._day(f"agent-{number}", group), name=f"agent-{number}")

    async def _day(self, name: str, group: Group) -> None:
        self._speed[name] = float(np.exp(self._rng.normal(0.0, self._scenario.agents.speed_spread)))
        shift_s = float(self._rng.uniform(0.0, group.spread_min * 60)) if group.spread_min else 0.0
        loop = asyncio.get_running_loop()
        began = loop.time()
        floor = self._node.floor
        await asyncio.sleep(group.from_h * 3600 + shift_s)
        floor.log_in(name, self._campaigns)
        for hour, minutes in group.breaks:
            if group.from_h <= hour < group.to_h:
                await asyncio.sleep(max(0.0, began + hour * 3600 + shift_s - loop.time()))
                floor.pause(name, "break")
                await asyncio.sleep(minutes * 60)
                floor.ready(name)
        if group.to_h < self._scenario.shift.hours:
            await asyncio.sleep(max(0.0, began + group.to_h * 3600 + shift_s - loop.time()))
            floor.log_out(name)

    def _on_event(self, event: NodeEvent) -> None:
        loop = asyncio.get_running_loop()
        if isinstance(event, AgentCall) and event.what == "connected":
            seconds = self._draw(self._scenario.agents.talk) * self._speed.get(event.agent, 1.0)
            loop.call_later(seconds, self._done, event.agent, event.call_id)
        elif isinstance(event, AgentChanged) and event.agent.status is AgentStatus.WRAP:
            seconds = self._draw(self._scenario.agents.wrap) * self._speed.get(event.agent.agent, 1.0)
            loop.call_later(seconds, self._ready, event.agent.agent)

    def _draw(self, lengths: Distribution) -> float:
        return float(lengths.draw(self._rng, 1)[0])

    def _done(self, name: str, call_id: str) -> None:
        try:
            if self._node.floor.agent(name).call_id == call_id:
                self._node.floor.done(name)
        except AgentError as error:  # the callee was faster
            log.debug("%s: %s", name, error)

    def _ready(self, name: str) -> None:
        try:
            if self._node.floor.agent(name).status is AgentStatus.WRAP:
                self._node.floor.ready(name)
        except AgentError as error:
            log.debug("%s: %s", name, error)


def callees(scenario: Scenario, seed: int, audio: bool) -> Callees:
    """The list and the network of a shift as people and machines of the software card."""
    rng = np.random.default_rng([seed, 1])
    network = scenario.network

    def choose(seconds: npt.NDArray[np.float64]) -> dict[str, Any]:
        return {"choose": [round(float(value), 3) for value in seconds]}

    def ring(lengths: Distribution) -> dict[str, Any]:
        return choose(under_limit(network.no_answer_s, lengths, rng, VALUES))

    mix = scenario.list
    for name in ("person", "machine", "busy", "unobtainable", "fax"):
        if len(getattr(mix, name)) > 1:
            log.warning("%s: list.%s changes with the hour; the software card keeps the first share", scenario.shift.name, name)
    person, busy, vacant = at(mix.person, 0), at(mix.busy, 0), at(mix.unobtainable, 0)
    # Without audio whoever answers goes to an agent, so machines are left to ring.
    machine, fax = (at(mix.machine, 0), at(mix.fax, 0)) if audio else (0.0, 0.0)
    tables: list[dict[str, Any]] = [
        {
            "kind": "person",
            "share": person,
            "ring_s": ring(network.person_ring),
            "pause_s": choose(np.clip(scenario.detection.greeting_onset.draw(rng, VALUES), 0.1, 2.0)),
            "greeting": GREETINGS,
            "hangs_up_after_s": 7200,
            "hangs_up_after_prompt_s": 1.5 if audio else 7200,  # without audio the card takes a prompt for granted
        },
        {"kind": "machine", "share": machine, "ring_s": ring(network.machine_ring), "greeting": ["machine-zh-*"]},
        {"kind": "busy", "share": busy, "tone_s": {"min": 3, "max": 4}},
        {"kind": "vacant", "share": vacant, "announcement": ["announcement-zh-vacant"], "lasting": False},
        {"kind": "fax", "share": fax, "ring_s": {"min": 2, "max": 5}, "lasting": False},
        {"kind": "no_answer", "share": 1.0 - person - machine - busy - vacant - fax, "ring_s": network.no_answer_s},
    ]
    line = {"post_dial_s": choose(np.maximum(network.setup.draw(rng, VALUES), 0.1))}
    text = 'plan = "cn"\n[line]\n' + _toml_lines(line)
    text += "".join("[[behaviour]]\n" + _toml_lines(table) for table in tables if table["share"] > 1e-9)
    return Callees.parse(text, source=scenario.shift.name)


def _toml_lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())


def _toml(value: Any) -> str:
    """Numbers, strings and lists are the same in TOML as in JSON; tables are not."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


def campaign(scenario: Scenario, sorry: str | None = None) -> CampaignSpec:
    """The shift's list, rule and pacing as a campaign."""
    settings = dict(scenario.pacing)
    mode = settings.pop("mode")
    values: dict[str, Any] = {"name": CAMPAIGN, "lines": scenario.shift.lines, "calls_per_second": scenario.shift.calls_per_s or 500.0}
    if mode == "ratio":
        values["lines_per_agent"] = settings.pop("calls_per_agent", 1.5)
        settings.setdefault("per", "free")
    if mode in ("broadcast", "level", "weights"):
        raise ScenarioError(f"{scenario.shift.name}: pacing: mode {mode} is not played on a node; choose one of its modes with agents")
    plan = PacingPlan.model_validate({**settings, "abandon": AbandonPlan.model_validate(scenario.rule)})
    retry = RetryPlan(rules={})
    return CampaignSpec(mode=mode, pacing=plan, retry=retry, abandoned=sorry, answer={"machine": "hangup"}, **values)


async def play(scenario: Scenario, folder: Path, seed: int = 1, audio: bool = False, sorry: str | None = None) -> Report:
    """Play a shift on a node in the running virtual loop; *folder* takes its database."""
    channels = -(-scenario.shift.lines // 30) * 30
    settings = Settings.model_validate(
        {
            "node": {"data_dir": folder},
            "database": {"durable": False},
            "control": {"mode": "off"},
            "driver": {"name": "simulator", "realtime": False, "audio": audio},
            "limits": {"calls_per_second": 500},
            "approval": {"numbers": 0},
            "core": {"capture_s": 0},
        }
    )
    card = SoftwareCard(callees(scenario, seed, audio), spans=channels // 30, realtime=False, audio=audio, seed=seed)
    async with Node(settings, driver=card) as node:
        spec = campaign(scenario, sorry)
        await node.create_campaign(spec)
        await node.import_list(CAMPAIGN, _numbers(scenario, folder))
        await node.start_campaign(CAMPAIGN)
        agents = SimulatedAgents(node, scenario, {CAMPAIGN: AgentLevel.STANDARD}, seed)
        report = Report(scenario.shift.name, str(spec.mode), seed, scenario.shift.hours)
        working = asyncio.create_task(agents.work(), name="agents")
        try:
            await _watch(node, scenario, report)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            agents.close()
        _fill(report, node, scenario)
        return report


async def _watch(node: Node, scenario: Scenario, report: Report) -> None:
    """Look at the agents every second, after the warm-up."""
    hours, warm_s = scenario.shift.hours, scenario.shift.warmup_min * 60
    logged = busy = lines = 0.0
    for second in range(round(hours * 3600)):
        await asyncio.sleep(1.0)
        if second < warm_s:
            continue
        states = np.bincount(node.floor.roster.states(), minlength=len(AgentState))
        logged += float(states[1:].sum())
        busy += float(states[AgentState.TALKING] + states[AgentState.WRAP])
        lines += node.pool.in_use
    seconds = max(1.0, hours * 3600 - warm_s)
    report.logged_in_h = logged / 3600
    report.utilisation = busy / logged if logged else 0.0
    report.lines_used = lines / seconds / scenario.shift.lines


def _fill(report: Report, node: Node, scenario: Scenario) -> None:
    dialer = node.dialer(CAMPAIGN)
    assert dialer.gate is not None
    people, report.abandoned, report.connected, report.dialled = dialer.gate.window.totals(node.clock.monotonic())
    report.people = people
    outcomes: dict[str, int] = {}
    for disposition, count in dialer.outcomes.items():
        name = _OUTCOME.get(disposition, "failed")
        outcomes[name] = outcomes.get(name, 0) + count
    report.outcomes = outcomes
    rule = scenario.abandon_rule()
    counts = Counts(abandoned=report.abandoned, connected=report.connected)
    report.abandon_share = rule.rate(counts)
    report.worst_window = rule.bound(counts)
    report.kept = report.worst_window <= rule.share
    warm_h = max(1e-9, report.hours - scenario.shift.warmup_min / 60)
    if report.logged_in_h > 0:
        all_h = report.logged_in_h * report.hours / warm_h
        report.connects_per_agent_h = report.connected / all_h
        report.agent_wait_s = report.logged_in_h * 3600 * (1 - report.utilisation) / max(1, report.connected) * report.hours / warm_h
    report.calls_per_h = report.dialled / report.hours


def _numbers(scenario: Scenario, folder: Path) -> Path:
    """A list long enough for the shift."""
    agents = sum(group.count for group in scenario.agents.group)
    talk = float(np.mean(scenario.agents.talk.draw(np.random.default_rng(1), 1000)))
    share = max(0.02, at(scenario.list.person, 0))
    count = round(1.5 * agents * scenario.shift.hours * 3600 / max(10.0, talk) / share) + 500
    path = folder / "shift.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("number\n" + "".join(f"+86139{n:08}\n" for n in range(count)), encoding="utf-8")
    return path


def play_in_virtual_time(scenario: Scenario, seed: int = 1, audio: bool = True) -> Report:
    """Play a shift on a node of its own, as fast as it can be done.

    Args:
        scenario: The shift.
        seed: Of the list and the agents.
        audio: Let the core hear every line; without it whoever answers goes to an agent.
    """
    with tempfile.TemporaryDirectory(prefix="offhook-shift-") as folder:
        return run_virtual(play(scenario, Path(folder), seed, audio), START)
