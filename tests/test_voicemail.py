"""Voice mail (D26): for whom no agent is free, and whom an agent lets leave a message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from commands import Command
from floors import PERSON, STANDARD, Ear, at_a_node
from nodes import START, numbers_list, settings, simulator, tone_file

from offhook.agents.messages import AgentStatus, PacingPlan
from offhook.calls.disposition import Disposition
from offhook.calls.mail_messages import VoiceMailLeft
from offhook.calls.voicemail import VoiceMailError, VoiceMailFolder
from offhook.clock import run_virtual
from offhook.errors import CampaignError
from offhook.messages import CallRecord, CampaignSpec, CampaignUpdate, Phase
from offhook.node import Node
from offhook_core import Law
from offhook_drivers import Scenario, Simulator
from offhook_drivers.audio import load_builtin

MUTE = {**PERSON, "again_share": 0.0}
Main = Callable[[Node, Ear], Awaitable[None]]


def hearing(folder: Path, main: Main, scenario: Path | dict[str, Any], recordings: dict[str, Any] | None = None, **spec: Any) -> None:
    """A node in virtual time that keeps 20 s of each line, with its campaign c1 of two leads under way."""

    async def all_of_it() -> None:
        given = settings(folder, driver={"audio": True}, core={"capture_s": 20}, recordings=recordings or {})
        card = (
            simulator(scenario, audio=True) if isinstance(scenario, dict) else Simulator(Scenario.load(scenario), spans=1, realtime=False)
        )
        async with Node(given, driver=card) as node:
            ear = Ear(node)
            await node.create_campaign(CampaignSpec.model_validate({"name": "c1", **spec}))
            await node.import_list("c1", numbers_list(folder, 2))
            await node.start_campaign("c1")
            await main(node, ear)

    run_virtual(all_of_it(), START)


def talker(folder: Path) -> Path:
    """A scenario in which everybody says hello, and much more 5 s later."""
    hello = load_builtin("person-zh-wei").samples
    pause = np.zeros(8000 // 4, np.int16)
    soundfile.write(folder / "talker.wav", np.concatenate([hello, np.zeros(5 * 8000, np.int16), *([hello, pause] * 5)]), 8000)
    stays = "hangs_up_after_s = 600\nhangs_up_after_prompt_s = 600\nagain_share = 0.0\n"
    behaviour = f'[[behaviour]]\nshare = 1.0\nkind = "person"\nring_s = 3\ngreeting = ["talker.wav"]\n{stays}'
    path = folder / "scenario.toml"
    path.write_text(f'plan = "cn"\n[line]\npost_dial_s = 0.5\n{behaviour}', encoding="utf-8")
    return path


def two_for_one(nobody: str, **more: Any) -> dict[str, Any]:
    """Two calls for the one agent: nobody is there for one of the two people."""
    return {"mode": "ratio", "lines_per_agent": 2, "pacing": PacingPlan.model_validate({"per": "free", "nobody": nobody, **more})}


async def abandoned(node: Node) -> CallRecord:
    """The one abandoned call, with its evidence."""
    (one,) = [call for call in await node.calls("c1") if call.disposition is Disposition.ABANDONED]
    return await node.call(one.id)


def did(call: CallRecord) -> list[str]:
    """What we did in a call."""
    return [fact.name for fact in call.evidence if fact.kind == "did"]


def test_a_person_for_whom_nobody_is_free_leaves_a_voice_mail_that_is_listed_saved_and_removed(tmp_path: Path, offhook: Command) -> None:
    """D26: message, beep, and what is said after it; for the abandon rule the call stays an abandoned one."""
    kept = []

    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(60)
        call = await abandoned(node)
        (mail,) = await node.voice_mails("c1")
        assert (mail.call, mail.campaign, mail.agent, mail.number) == (call.id, "c1", "", call.number)
        assert did(call)[-6:] == ["abandon", "play", "play", "record", "recorded", "hangup"]
        assert await node.voice_mails("c2") == []
        (left,) = [event for event in ear.events if isinstance(event, VoiceMailLeft)]
        assert left.mail == mail
        assert Path(left.mail.path).is_file()
        kept.append(mail)

    hearing(tmp_path, main, talker(tmp_path), abandoned=tone_file(tmp_path, 1.0), **two_for_one("voice_mail", voice_mail_s=8))
    (mail,) = kept
    samples, rate = soundfile.read(mail.path)
    assert rate == 8000
    assert 2 < mail.seconds < 8.1
    assert mail.seconds == pytest.approx(len(samples) / 8000, abs=0.06)
    assert 20 * np.log10(np.sqrt(np.mean(samples**2))) > -45  # somebody speaks
    config = tmp_path / "offhook.toml"
    config.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n', encoding="utf-8")
    listed = offhook("voicemail", "list", "--json", "--config", config).object
    assert [one["call"] for one in listed["voice_mails"]] == [mail.call]
    assert offhook("voicemail", "save", "last", tmp_path / "copy.wav", "--config", config).code == 0
    assert (tmp_path / "copy.wav").read_bytes() == Path(mail.path).read_bytes()
    assert offhook("voicemail", "remove", mail.call, "--config", config).code == 0
    assert "no voice mail of call" in offhook("voicemail", "save", "last", tmp_path / "no.wav", "--config", config).err
    assert "no voice mail" in offhook("voicemail", "list", "--config", config).out


def test_who_says_nothing_after_the_beep_leaves_nothing(tmp_path: Path) -> None:
    """D26: after 5 s of silence the line is freed."""

    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(40)
        at = {fact.name: fact.t_ms for fact in (await abandoned(node)).evidence}
        assert at["hangup"] - at["record"] == pytest.approx(5000, abs=60)
        assert await node.voice_mails() == []
        assert not [event for event in ear.events if isinstance(event, VoiceMailLeft)]

    hearing(tmp_path, main, MUTE, **two_for_one("voice_mail"))


def test_an_agent_lets_a_person_leave_a_voice_mail(tmp_path: Path) -> None:
    """D26: the agent is free at once; the person is recorded no longer than the campaign allows."""

    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(6)
        assert node.floor.agent("ann").status is AgentStatus.TALKING
        assert node.floor.take_message("ann").status is AgentStatus.WRAP
        await asyncio.sleep(15)
        (call,) = await node.calls("c1")
        full = await node.call(call.id)
        at = {fact.name: fact.t_ms for fact in full.evidence}
        assert at["recorded"] - at["record"] <= 4020
        assert (call.disposition, call.agent) == (Disposition.PERSON, "ann")
        (mail,) = await node.voice_mails()
        assert (mail.call, mail.agent) == (call.id, "ann")

    hearing(tmp_path, main, talker(tmp_path), mode="progressive", pacing=PacingPlan(voice_mail_s=4))


def test_hanging_up_is_the_third_choice_and_plays_nothing(tmp_path: Path) -> None:
    """D26"""

    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(15)
        assert did(await abandoned(node))[-2:] == ["abandon", "hangup"]

    at_a_node(tmp_path, leads=2, abandoned=tone_file(tmp_path, 1.0), **two_for_one("hangup"))(main)


def test_a_full_folder_records_nobody_and_the_agent_is_told(tmp_path: Path) -> None:
    """D26: a limit on the disk; nothing that was not heard goes by itself."""
    folder = tmp_path / "data" / "voicemail"
    folder.mkdir(parents=True)
    (folder / "0.wav").write_bytes(bytes(1 << 20))

    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(20)
        assert did(await abandoned(node))[-2:] == ["play", "hangup"]  # the message, no beep
        with pytest.raises(CampaignError, match="no room for another voice mail"):
            node.floor.take_message("ann")
        assert node.floor.agent("ann").status is AgentStatus.TALKING
        assert (folder / "0.wav").exists()

    sorry = tone_file(tmp_path, 1.0)
    hearing(tmp_path, main, talker(tmp_path), recordings={"voice_mail_mib": 1}, abandoned=sorry, **two_for_one("voice_mail"))


def test_a_node_that_cannot_record_holds_the_campaign_and_says_why(tmp_path: Path) -> None:
    """D26"""

    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(5)
        state = await node.campaign("c1")
        assert state.phase is Phase.HELD
        assert "capture_s" in state.reason
        spec = await node.campaign_spec("c1")
        await node.update_campaign("c1", CampaignUpdate(pacing=spec.pacing.model_copy(update={"nobody": "message"})))
        await asyncio.sleep(10)
        with pytest.raises(CampaignError, match="cannot record a voice mail"):
            node.floor.take_message("ann")

    at_a_node(tmp_path, leads=2, **two_for_one("voice_mail"))(main)


def test_a_voice_mail_that_cannot_be_written_leaves_nothing_half_done(tmp_path: Path) -> None:
    """D26"""
    (tmp_path / "voicemail").write_text("a file where the folder should be")
    with pytest.raises(VoiceMailError, match="cannot be written"):
        VoiceMailFolder(tmp_path / "voicemail", 1).save("a", Law.ALAW, np.zeros(800, np.uint8))
    folder = VoiceMailFolder(tmp_path / "mails", 1)
    assert soundfile.info(folder.save("a", Law.ULAW, np.zeros(800, np.uint8))).subtype == "ULAW"
    with pytest.raises(VoiceMailError, match=r"no voice mail of call '\.\./mails/a'"):
        folder.remove("../mails/a")
    folder.remove("a")
    assert folder.files() == []
