"""Power cuts: a node is killed by SIGKILL in mid-campaign and started again. No lead is lost, and none is dialled twice but the unknown."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from aio import in_loop
from nodes import numbers_list, settings, simulator

from offhook.calls.disposition import Disposition
from offhook.contacts import ContactPolicy
from offhook.messages import CampaignSpec, Phase, RetryPlan, RetryRule
from offhook.node import Node
from offhook_drivers import Simulator
from offhook_drivers.contract import Command, Dial

LEADS = 240


class Recorded:
    """The simulator, with every number that goes out written to a file first: what the exchange would have seen."""

    def __init__(self, card: Simulator, path: Path) -> None:
        self._card = card
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def __getattr__(self, name: str) -> object:
        return getattr(self._card, name)

    def send(self, command: Command) -> None:
        if isinstance(command, Dial):
            os.write(self._file, f"{command.called}\n".encode())
        self._card.send(command)


def short_calls() -> Simulator:
    """People who answer soon and hang up soon, in real time."""
    card = simulator({"kind": "person", "ring_s": 0.2, "greeting": ["person-zh-wei"], "hangs_up_after_s": 0.3}, spans=4)
    return card


async def campaign(folder: Path) -> None:
    """Dial everything that is due, until done."""
    driver = Recorded(short_calls(), folder / "dialled.txt")
    async with Node(settings(folder, database={"durable": True}), driver=driver) as node:  # type: ignore[arg-type]
        if not await node.campaigns():
            await node.set_policy(ContactPolicy(rests=()))  # else nobody is called for an hour after an unknown result
            retry = RetryPlan(rules={Disposition.UNKNOWN: RetryRule(after_s=0, max_attempts=2)})
            await node.create_campaign(CampaignSpec(name="c1", calls_per_second=100, retry=retry, unknown_hold_s=0))
            await node.import_list("c1", numbers_list(folder, LEADS))
            await node.start_campaign("c1")
        await node.wait_campaign("c1")
        assert (await node.reconcile()).ok


def count(folder: Path, query: str) -> int:
    with sqlite3.connect(folder / "data" / "offhook.db", timeout=10) as database:
        return int(database.execute(query).fetchone()[0])


@pytest.mark.parametrize("after_results", [1, 80])
def test_a_killed_node_loses_no_lead_and_dials_none_twice_but_the_unknown(tmp_path: Path, after_results: int) -> None:
    code = f"import asyncio, pathlib, test_journal as t; asyncio.run(t.campaign(pathlib.Path({str(tmp_path)!r})))"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and child.poll() is None:
        try:
            if count(tmp_path, "SELECT count(*) FROM call") >= after_results:
                break
        except sqlite3.OperationalError:
            pass  # not made yet
        time.sleep(0.05)
    assert child.poll() is None, "the campaign ended before it could be killed"
    child.send_signal(signal.SIGKILL)
    child.wait()

    dialled_before = Counter((tmp_path / "dialled.txt").read_text().split())
    stored_before = count(tmp_path, "SELECT count(*) FROM call")
    seized = count(tmp_path, "SELECT count(*) FROM journal WHERE seized_ms IS NOT NULL AND result_ms IS NULL")
    assert set(dialled_before.values()) == {1}
    assert len(dialled_before) <= stored_before + seized  # whatever went out had been journalled before

    asyncio.run(campaign(tmp_path))

    dialled = Counter((tmp_path / "dialled.txt").read_text().split())
    unknown = count(tmp_path, "SELECT count(*) FROM call WHERE disposition = 'unknown'")
    assert unknown == seized
    assert len(dialled) == LEADS
    twice = {number for number, times in dialled.items() if times > 1}
    with sqlite3.connect(tmp_path / "data" / "offhook.db") as database:
        marked = {row[0] for row in database.execute("SELECT number FROM call WHERE disposition = 'unknown'")}
    assert twice <= marked
    assert max(dialled.values()) <= 2
    assert count(tmp_path, "SELECT count(*) FROM lead WHERE state = 'closed'") == LEADS
    assert count(tmp_path, "SELECT count(*) FROM call") == LEADS + unknown
    assert count(tmp_path, "SELECT count(*) FROM journal WHERE result_ms IS NULL") == 0


@in_loop
async def test_a_lead_whose_result_was_lost_is_held_before_it_is_called_again(tmp_path: Path) -> None:
    async with Node(settings(tmp_path), driver=short_calls()) as node:
        await node.create_campaign(CampaignSpec(name="c1", unknown_hold_s=3600))
        await node.import_list("c1", numbers_list(tmp_path, 2))
        campaign_id = (await node.store.campaigns())[0].id
        leads = await node.store.reserve(node.name, campaign_id, [("Asia/Shanghai",)], 2, node.new_id)
        await node.store.seized(leads[0].call_id, 0, leads[0].raw)  # then the power fails: nothing is released
    async with Node(settings(tmp_path), driver=short_calls()) as node:
        state = await node.campaign("c1")
        assert state.outcomes == {Disposition.UNKNOWN: 1}
        assert (await node.calls())[0].rule == "result_lost"
        await node.start_campaign("c1")
        async with asyncio.timeout(30):
            while (state := await node.campaign("c1")).attempts < 2 or state.active:
                await asyncio.sleep(0.02)
        assert state.phase in (Phase.WAITING, Phase.RUNNING)
        assert state.open == 1  # the other lead was never sent, and was dialled at once
        assert {call.number for call in await node.calls()} == {leads[0].raw, leads[1].raw}
