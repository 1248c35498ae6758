"""Agents and pacing over MQTT."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from aio import in_loop
from steered import steered

from offhook_core import Law

PERSON = {
    "kind": "person",
    "ring_s": 0.05,
    "post_dial_s": 0.05,
    "greeting": ["person-zh-wei"],
    "hangs_up_after_s": 60,
    "hangs_up_after_prompt_s": 60,
}


@in_loop
async def test_an_agent_works_over_mqtt(tmp_path: Path) -> None:
    async with steered(tmp_path, PERSON) as at:
        await at.campaign(mode="preview", pacing={"review_s": None})
        await at.result("campaign.start", campaign="spring")
        shown = await at.result("agent.login", agent="ann", campaigns={"spring": "high"})
        assert (shown["status"], shown["campaigns"]) == ("ready", {"spring": "high"})
        await at.until(lambda: at.on("ev/agent_call"))
        offered = at.on("ev/agent_call")[0]["data"]
        assert (offered["what"], offered["agent"], offered["review_s"]) == ("preview", "ann", None)
        await at.result("agent.skip", agent="ann")
        await at.until(lambda: len(at.on("ev/agent_call")) == 2)
        await at.result("agent.dial", agent="ann")
        await at.until(lambda: at.on("ev/agent_call")[-1]["data"]["what"] == "connected")
        assert (await at.result("agent.show", agent="ann"))["status"] == "talking"
        await at.result("agent.pause", agent="ann", reason="lunch")
        await at.result("agent.done", agent="ann")
        await at.until(lambda: at.on("state/agent/ann")[-1]["status"] == "wrap")
        assert (await at.result("agent.ready", agent="ann"))["status"] == "paused"
        assert [one["agent"] for one in await at.result("agent.list")] == ["ann"]
        assert (await at.result("agent.logout", agent="ann"))["status"] == "out"
        assert await at.result("agent.list") == []


@in_loop
async def test_the_pacing_of_a_running_campaign_is_changed_and_told(tmp_path: Path) -> None:
    async with steered(tmp_path, PERSON) as at:
        await at.campaign(mode="manual")
        await at.result("campaign.start", campaign="spring")
        await at.result("agent.login", agent="ann", campaigns={"spring": "standard"})
        await at.result("agent.call", agent="ann", campaign="spring", preview=True)
        await at.until(lambda: at.on("ev/agent_call"))
        await at.result("agent.dial", agent="ann")
        changes = {"target": "abandon", "target_value": 0.01, "abandon": {"name": "gb-ofcom", "share": 0.02}}
        state = await at.result("set_pacing", campaign="spring", mode="predictive", changes=changes)
        assert state["phase"] == "running"
        await at.until(lambda: any((one["pacing"] or {}).get("mode") == "predictive" for one in at.on("state/campaign/spring")))
        await at.result("set_pacing", campaign="spring", changes={"review_s": 5})
        plan = (await at.result("campaign.show", campaign="spring"))["spec"]["pacing"]
        assert (plan["target_value"], plan["abandon"]["share"], plan["review_s"]) == (0.01, 0.02, 5)  # what is left out stays
        await at.until(lambda: any(one["data"]["what"] == "connected" for one in at.on("ev/agent_call")))


@in_loop
async def test_an_agent_dials_a_number_typed_in_over_mqtt(tmp_path: Path) -> None:
    """D07"""
    async with steered(tmp_path, PERSON) as at:
        await at.campaign(mode="manual")
        await at.result("campaign.start", campaign="spring")
        await at.result("agent.login", agent="ann", campaigns={"spring": "standard"})
        order = b'{"agent": "ann", "campaign": "spring", "number": "139 1111 2222", "name": "Wei"}'
        error = await at.error("agent.call", order)
        assert "lets nobody type a number; set_pacing with changes.typed_numbers" in error["message"]
        await at.result("set_pacing", campaign="spring", changes={"typed_numbers": True})
        error = await at.error("agent.call", order.replace(b"139", b"+1 139"))
        assert "number '+1 139 1111 2222': " in error["message"]
        shown = await at.result("agent.call", agent="ann", campaign="spring", number="139 1111 2222", name="Wei")
        assert shown["status"] == "preview"
        await at.until(lambda: at.on("ev/agent_call")[-1:] and at.on("ev/agent_call")[-1]["data"]["what"] == "connected")
        assert at.on("ev/agent_call")[-1]["data"]["number"] == "139 1111 2222"


@in_loop
async def test_voice_mails_are_listed_and_removed_over_mqtt(tmp_path: Path) -> None:
    """D26"""
    async with steered(tmp_path, PERSON) as at:
        await at.campaign(mode="progressive")
        await at.result("campaign.start", campaign="spring")
        await at.result("agent.login", agent="ann", campaigns={"spring": "high"})
        await at.until(lambda: any(one["data"]["what"] == "connected" for one in at.on("ev/agent_call")))
        error = await at.error("agent.done", b'{"agent": "ann", "to": "voice_mail"}')
        assert "cannot record" in error["message"]  # no audio here
        await at.result("agent.done", agent="ann")
        await at.until(lambda: at.on("ev/call_ended"))
        call = at.on("ev/call_ended")[0]["data"]["call"]["id"]
        kept = at.node.mails.save(call, Law.ALAW, np.full(16000, 0xD5, np.uint8))
        (mail,) = await at.result("voicemail.list", campaign="spring")
        assert (mail["call"], mail["seconds"], mail["path"]) == (call, 2.0, str(kept))
        error = await at.error("voicemail.play", json.dumps({"agent": "ann", "call": call}).encode())
        assert "has no telephone on this node; log in with one" in error["message"]
        assert await at.result("voicemail.remove", calls=[call]) == {"removed": 1}
        assert "no voice mail of call" in (await at.error("voicemail.remove", b'{"calls": ["../../x"]}'))["message"]


@in_loop
async def test_wrong_orders_are_refused_with_the_mend(tmp_path: Path) -> None:
    async with steered(tmp_path, PERSON) as at:
        await at.campaign(mode="progressive")
        error = await at.error("agent.done", b'{"agent": "ann"}')
        assert "no agent 'ann' is logged in" in error["message"]
        error = await at.error("agent.login", b'{"agent": "a/b", "campaigns": {"spring": "high"}}')
        assert error["where"] == "agent"
        error = await at.error("agent.login", b'{"agent": "ann", "campaigns": {"spring": "urgent"}}')
        assert "overflow" in str(error)
        error = await at.error("set_pacing", b'{"campaign": "spring", "changes": {"target": "wait"}}')
        assert "needs a target_value" in error["message"]
