"""Figures for Prometheus."""

from __future__ import annotations

import asyncio
import socket
import urllib.request
from pathlib import Path

import pytest
from aio import in_loop
from nodes import numbers_list, settings, simulator
from prometheus_client.parser import text_string_to_metric_families

from offhook.agents.messages import AgentLevel
from offhook.campaigns.learning import Counts
from offhook.config import MetricsSettings
from offhook.errors import ConfigError
from offhook.messages import CampaignSpec
from offhook.metrics import learnt, serving_metrics
from offhook.node import Node

PERSON = {"kind": "person", "ring_s": 0.05, "post_dial_s": 0.05, "greeting": ["person-zh-wei"], "hangs_up_after_s": 60}


RED = 8


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def read(port: int) -> dict[tuple[str, ...], float]:
    """Every sample by name and label values."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value for family in text_string_to_metric_families(text) for sample in family.samples
    }


@in_loop
async def test_pacing_agents_and_calls_can_be_read_over_http(tmp_path: Path) -> None:
    port = free_port()
    driver = simulator(PERSON)
    async with (
        Node(settings(tmp_path, driver={"realtime": True}), driver=driver) as node,
        serving_metrics(MetricsSettings(port=port), node) as used,
    ):
        assert used == port
        await node.create_campaign(CampaignSpec(name="c1", mode="predictive"))
        await node.import_list("c1", numbers_list(tmp_path, 5))
        await node.start_campaign("c1")
        node.floor.log_in("ann", {"c1": AgentLevel.STANDARD})
        async with asyncio.timeout(20):
            while (found := await asyncio.to_thread(read, port)).get(("offhook_agents", "talking")) != 1:
                await asyncio.sleep(0.1)
        assert found["offhook_channels",] == 30
        assert found["offhook_channels_in_use",] == 1
        assert found["offhook_pacing_people", "c1", "predictive"] == 1
        assert found["offhook_pacing_abandon_share", "c1", "predictive"] == 0
        assert found["offhook_campaign_leads", "c1", "open"] == 5
        assert found["offhook_health", "ready"] == 1
        assert found["offhook_span_up", "0"] == 1 and found["offhook_span_alarm", "red", "0"] == 0
        assert found["offhook_trunk_channels_resting", "all"] == 0
        driver.set_alarm(0, RED)
        async with asyncio.timeout(20):
            while (found := await asyncio.to_thread(read, port)).get(("offhook_span_alarm", "red", "0")) != 1:
                await asyncio.sleep(0.1)
        assert found["offhook_span_up", "0"] == 0
        async with asyncio.timeout(20):
            while (found := await asyncio.to_thread(read, port))["offhook_trunk_attempts", "all"] < 1:
                await asyncio.sleep(0.1)
        assert found["offhook_trunk_answer_seizure_ratio", "all"] == 1  # it was answered before the span went
        assert 0 < found["offhook_trunk_post_dial_delay_seconds", "all"] < 20
        assert found["offhook_inbound_refused_total",] == 0


@in_loop
async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            with pytest.raises(ConfigError, match=rf"\[metrics\] 127.0.0.1:{port}: Address already in use; choose another port"):
                async with serving_metrics(MetricsSettings(port=port), node):
                    pass


@in_loop
async def test_no_port_no_metrics(tmp_path: Path) -> None:
    async with Node(settings(tmp_path), driver=simulator(PERSON)) as node, serving_metrics(MetricsSettings(), node) as port:
        assert port == 0


def test_results_of_a_campaign_are_six_figures_however_many_segments_it_has_l15() -> None:
    family = learnt({"c1": Counts(10, 5, 3, 2, 1, 60_000, 1)})
    assert {sample.labels["what"]: sample.value for sample in family.samples} == {
        "calls": 10,
        "reached": 5,
        "persons": 3,
        "responses": 2,
        "successes": 1,
        "early": 1,
    }
