"""Agents whose telephone hangs on a channel of the node: people are bridged to them, with audio."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
import soundfile
from nodes import START, settings, simulator
from softline import decoded

from offhook.agents.messages import AgentLevel, AgentStatus
from offhook.calls.voicemail import VoiceMailError
from offhook.clock import run_virtual
from offhook.errors import AgentError
from offhook.messages import CampaignSpec
from offhook.node import Node
from offhook_drivers import Simulator
from offhook_drivers.callees import plan_call

PERSON = {
    "kind": "person",
    "ring_s": 1,
    "greeting": ["person-zh-wei"],
    "again": ["again-zh"],
    "again_share": 1.0,
    "hangs_up_after_s": 60,
    "hangs_up_after_prompt_s": 60,
    "lasting": True,
}
# An agent's telephone for the test: it keeps what it hears after its beep.
AGENT = {"kind": "machine", "ring_s": 1, "greeting": ["person-zh-wei"], "record_s": 600, "hangs_up_after_s": 600, "lasting": True}


def number_of(card: Simulator, kind: str) -> str:
    """A number behind which there is one of that kind."""
    return next(digits for n in range(100) if plan_call(card.scenario, digits := f"139000000{n:02}", 1, card.seed).behaviour == kind)


def test_an_agent_on_a_channel_hears_the_person(tmp_path: Path) -> None:
    card = simulator(PERSON, AGENT, audio=True, capture_s=60)
    path = tmp_path / "list.csv"
    path.write_text(f"number\n{number_of(card, 'person')}\n", encoding="utf-8")

    async def main() -> None:
        async with Node(settings(tmp_path, driver={"audio": True}), driver=card) as node:
            await node.create_campaign(CampaignSpec(name="c1", mode="progressive"))
            await node.import_list("c1", path)
            await node.start_campaign("c1")
            shown = node.floor.log_in("ann", {"c1": AgentLevel.STANDARD}, telephone=number_of(card, "machine"))
            assert (shown.status, shown.reason[:7]) == (AgentStatus.PAUSED, "calling")
            await asyncio.sleep(4)
            ann = node.floor.agent("ann")
            assert ann.channel is not None
            held = node.headsets[ann.channel].id
            await asyncio.sleep(8)
            assert node.floor.agent("ann").status is AgentStatus.TALKING
            assert node.pool.in_use == 2
            assert (await node.reconcile()).ok
            await asyncio.sleep(5)
            node.floor.log_out("ann")
            node.floor.done("ann")
            await asyncio.sleep(1)
            node.floor.ready("ann")
            await asyncio.sleep(2)
            assert node.floor.agents() == []
            assert node.pool.in_use == 0
            assert (await node.reconcile()).ok
            truth = card.truth(held)
            assert truth is not None
            heard.append(truth.message)

    heard: list[bytes] = []
    run_virtual(main(), START)
    wave = decoded(np.frombuffer(heard[0], np.uint8))
    loudest = max(float(np.sqrt(np.mean(block**2))) for block in np.array_split(wave, 50))
    assert loudest > 500  # the person's second hello, over the idle code's few steps


def test_an_agent_hears_a_voice_mail_over_the_telephone(tmp_path: Path) -> None:
    """D26: while paused; the file's memory in the core is given back."""
    card = simulator(AGENT, audio=True, capture_s=60)
    told = tmp_path / "data" / "voicemail" / "019cac0f-2720-7001-9daf-e3a4c3d604cd.wav"
    told.parent.mkdir(parents=True)
    soundfile.write(told, (8000 * np.sin(np.arange(16000) * 0.7)).astype(np.int16), 8000, subtype="ALAW")
    heard: list[bytes] = []

    async def main() -> None:
        async with Node(settings(tmp_path, driver={"audio": True}, core={"capture_s": 10}), driver=card) as node:
            await node.create_campaign(CampaignSpec(name="c1", mode="manual"))
            await node.start_campaign("c1")
            node.floor.log_in("ann", {"c1": AgentLevel.STANDARD}, telephone=number_of(card, "machine"))
            with pytest.raises(AgentError, match="no telephone"):
                await node.floor.hear("ann", told.stem)  # it still rings
            await asyncio.sleep(6)
            with pytest.raises(AgentError, match="pause first"):
                await node.floor.hear("ann", told.stem)
            node.floor.pause("ann", "mail")
            with pytest.raises(VoiceMailError, match="no voice mail"):
                await node.floor.hear("ann", "../../etc/passwd")
            channel = node.floor.agent("ann").channel
            assert channel is not None
            held = node.headsets[channel].id
            assert node.engine is not None
            before = node.engine.add_prompt(np.full(160, 0xD5, np.uint8))
            assert await node.floor.hear("ann", told.stem) == 2.0
            await asyncio.sleep(4)
            assert node.engine.add_prompt(np.full(160, 0xD5, np.uint8)) == before + 1  # the place of the message is free again
            node.floor.log_out("ann")
            await asyncio.sleep(2)
            truth = card.truth(held)
            assert truth is not None
            heard.append(truth.message)

    run_virtual(main(), START)
    wave = decoded(np.frombuffer(heard[0], np.uint8))
    loud = [float(np.sqrt(np.mean(block**2))) > 4000 for block in np.array_split(wave, len(wave) // 160)]
    assert 95 <= sum(loud) <= 102  # 2 s of it


def test_an_agent_who_hangs_up_is_logged_out(tmp_path: Path) -> None:
    card = simulator({**PERSON, "hangs_up_after_s": 10})

    async def main() -> None:
        async with Node(settings(tmp_path), driver=card) as node:
            await node.create_campaign(CampaignSpec(name="c1", mode="progressive"))
            node.floor.log_in("ann", {"c1": AgentLevel.STANDARD}, telephone="13900000000")
            await asyncio.sleep(5)
            assert node.floor.agent("ann").status is AgentStatus.READY
            assert "t" in node.state().spans[0].lines
            await asyncio.sleep(10)
            assert node.floor.agents() == []
            assert node.pool.in_use == 0
            node.floor.log_in("bob", {"c1": AgentLevel.STANDARD}, telephone="13900000001")  # held when the node ends
            await asyncio.sleep(5)

    run_virtual(main(), START)
