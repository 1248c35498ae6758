"""What a node says of its lines by itself: calls from outside, slips and CRC4 errors."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aio import in_loop
from nodes import settings
from pri_lines import daemon_missing

from offhook.errors import OffhookError
from offhook.lines.messages import InboundRefused
from offhook.messages import NodeAlarm, NodeEvent, SpanChanged
from offhook.node import Node
from offhook_drivers import Scenario, Simulator
from offhook_drivers.exchange import PriSimulator
from offhook_drivers.prid import Line

FAULTS = """plan = "cn"
[[fault]]
kind = "slip"
at_s = 0.5
for_s = 3600
per_minute = 600
[[behaviour]]
kind = "person"
share = 1
ring_s = 1
greeting = ["person-zh-nihao"]
"""


@pytest.mark.skipif(bool(daemon_missing()), reason=daemon_missing())
@in_loop
async def test_a_call_from_outside_is_refused_with_cause_21_told_and_counted(tmp_path: Path) -> None:
    driver = PriSimulator(Simulator(Scenario.builtin("cn"), spans=2, audio=False))
    events: list[NodeEvent] = []
    lines: list[Line] = []
    async with Node(settings(tmp_path, driver={"realtime": True}), driver=driver) as node, asyncio.timeout(60):
        node.subscribe(events.append)
        exchange = driver.exchange.daemon
        exchange._on_line = lines.append
        while not all(span.up for span in node.state().spans):
            await asyncio.sleep(0.05)
        exchange.say("dial 41 77 called=0453100 calling=13900000001")
        while not any(line[:3] == ["cleared", "41", "77"] for line in lines):
            await asyncio.sleep(0.05)
        cleared = next(line for line in lines if line[:3] == ["cleared", "41", "77"])
        assert "cause=21" in cleared
        told = [event for event in events if isinstance(event, InboundRefused)]
        assert [(one.span, one.channel, one.calling, one.called, one.cause) for one in told] == [(1, 41, "13900000001", "0453100", 21)]
        assert node.state().inbound_refused == 1 and node.state().channels_in_use == 0


@in_loop
async def test_a_span_that_slips_is_told_as_an_alarm_with_its_mend_and_shown_with_its_counts(tmp_path: Path) -> None:
    driver = Simulator(Scenario.parse(FAULTS), spans=2)
    events: list[NodeEvent] = []
    values = settings(tmp_path, driver={"realtime": True, "audio": True}, node={"poll_s": 0.2})
    async with Node(values, driver=driver) as node, asyncio.timeout(60):
        node.subscribe(events.append)
        while "slip" not in node.state().spans[0].alarms:
            await asyncio.sleep(0.05)
        first, second = node.state().spans
        assert first.errors["slips"] >= 2 and first.up
        assert second.alarms == () and second.errors["slips"] == 0
        alarm = next(event for event in events if isinstance(event, NodeAlarm) and event.what == "line")
        assert alarm.text.startswith("span 0: ") and "clock from the carrier" in alarm.text
        assert any(isinstance(event, SpanChanged) and "slip" in event.state.alarms for event in events)


@pytest.mark.skipif(bool(daemon_missing()), reason=daemon_missing())
@in_loop
async def test_a_blocked_timeslot_takes_no_call_in_either_direction_until_it_is_unblocked(tmp_path: Path) -> None:
    driver = PriSimulator(Simulator(Scenario.builtin("cn"), spans=1, audio=False))
    lines: list[Line] = []
    async with Node(settings(tmp_path, driver={"realtime": True}), driver=driver) as node, asyncio.timeout(60):
        exchange = driver.exchange.daemon
        while not node.state().spans[0].up:
            await asyncio.sleep(0.05)
        taken = node.pool.take()
        assert taken == 0
        assert (await node.block([0, 29])).blocked == (0, 29)
        assert node.state().spans[0].lines == "x" + 28 * "." + "x"
        assert (await node.trunk_states())[0].blocked == (0, 29)
        node.pool.give(0)  # its call has ended meanwhile
        assert 0 not in [node.pool.take() for _ in range(28)]
        assert node.pool.take() is None
        exchange._on_line = lines.append
        exchange.say("dial 29 5 called=0453100")
        while not any(line[:3] == ["cleared", "29", "5"] for line in lines):
            await asyncio.sleep(0.05)
        assert "cause=44" in next(line for line in lines if line[:3] == ["cleared", "29", "5"])
        with pytest.raises(OffhookError, match="channel 30: there are 0 to 29"):
            await node.unblock([0, 30])
        assert (await node.unblock([0])).blocked == (29,)
        assert node.pool.take() == 0
