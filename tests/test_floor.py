"""Agents at a node: who takes whom, what becomes of people for whom nobody is free, and the pacing of live calls (D07 to D26)."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from floors import NOBODY, PERSON, STANDARD, Ear, at_a_node
from nodes import START, numbers_list, settings, simulator, tone_file

from offhook.agents.messages import AgentLevel, AgentStatus, PacingPlan
from offhook.calls.disposition import Disposition
from offhook.clock import run_virtual
from offhook.errors import AgentError, CampaignError
from offhook.messages import CampaignSpec, CampaignUpdate, Phase, RetryPlan, RetryRule
from offhook.node import Node
from offhook.shift import parse
from offhook.shift.live import play_in_virtual_time


def test_progressive_dials_one_call_for_each_free_agent_and_the_person_talks_with_that_agent(tmp_path: Path) -> None:
    async def main(node: Node, ear: Ear) -> None:
        await asyncio.sleep(5)
        assert node.state().attempts == node.pool.in_use == 0  # nobody is logged in
        shown = node.floor.log_in("ann", {"c1": STANDARD})
        assert shown.status is AgentStatus.READY
        await asyncio.sleep(6)
        (connected,) = ear.calls("connected")
        ann = node.floor.agent("ann")
        assert (ann.status, ann.call_id, ann.campaign) == (AgentStatus.TALKING, connected.call_id, "c1")
        assert node.pool.in_use == 1
        assert "t" in node.state().spans[0].lines
        await asyncio.sleep(60)
        node.floor.done("ann")
        await asyncio.sleep(1)
        assert node.floor.agent("ann").status is AgentStatus.WRAP
        assert 60 <= node.floor.agent("ann").talk_s <= 64
        await asyncio.sleep(30)
        assert node.pool.in_use == 0  # nobody is dialled for an agent in wrap-up
        node.floor.ready("ann")
        await asyncio.sleep(6)
        assert len(ear.calls("connected")) == 2
        node.floor.done("ann")
        await asyncio.sleep(1)
        call = (await node.calls("c1", 10))[-1]
        assert (call.disposition, call.id) == (Disposition.PERSON, connected.call_id)
        full = await node.call(call.id)
        assert [(fact.name, fact.detail) for fact in full.evidence if fact.name == "connect"] == [("connect", "ann")]

    at_a_node(tmp_path)(main)


def test_a_person_for_whom_nobody_is_free_in_time_hears_the_message(tmp_path: Path) -> None:
    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(4)
        assert node.pool.in_use == 2  # two calls per free agent
        await asyncio.sleep(6)
        assert node.floor.agent("ann").status is AgentStatus.TALKING
        state = await node.campaign("c1")
        assert state.pacing is not None
        assert (state.pacing.people, state.pacing.abandoned, state.pacing.abandon_share) == (2, 1, 0.5)
        await asyncio.sleep(5)
        call = (await node.calls("c1", 1))[0]
        assert call.disposition is Disposition.ABANDONED
        evidence = (await node.call(call.id)).evidence
        at = {fact.name: fact.t_ms for fact in evidence}
        assert at["abandon"] - at["answered"] == pytest.approx(2000, abs=50)  # no audio: the greeting is not heard, so the answer counts
        assert any(fact.name == "play" and fact.detail.startswith("prompt-1") for fact in evidence)

    plan = PacingPlan(per="free")
    at_a_node(tmp_path, leads=3, mode="ratio", lines_per_agent=2, pacing=plan, abandoned=tone_file(tmp_path, 1.0))(main)


def test_an_abandoned_lead_is_dialled_only_for_an_agent_who_has_seen_it(tmp_path: Path) -> None:
    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(12)
        node.floor.done("ann")
        (first,) = [one for one in await node.calls("c1", 5) if one.disposition is Disposition.ABANDONED]
        await asyncio.sleep(72 * 3600)  # the ledger lets a person rest so long who was abandoned
        node.floor.ready("ann")
        await asyncio.sleep(5)
        (shown,) = ear.calls("preview")
        assert (shown.lead_id, shown.attempt, shown.review_s) == (first.lead_id, 2, 15)
        assert node.floor.agent("ann").status is AgentStatus.PREVIEW
        await asyncio.sleep(20)
        assert [one.lead_id for one in ear.calls("connected")][-1] == first.lead_id

    retry = RetryPlan(rules={Disposition.ABANDONED: RetryRule(after_s=60, max_attempts=2)})
    at_a_node(tmp_path, leads=2, mode="ratio", lines_per_agent=2, pacing=PacingPlan(per="free"), retry=retry)(main)


def test_an_agent_who_leaves_in_mid_talk_leaves_after_it_or_hands_the_person_to_the_next(tmp_path: Path) -> None:
    async def main(node: Node, ear: Ear) -> None:
        for name in ("ann", "bob"):
            node.floor.log_in(name, {"c1": STANDARD})
        await asyncio.sleep(8)
        first = ear.calls("connected")[0]
        assert node.floor.log_out(first.agent).leaving
        assert node.floor.agent(first.agent).status is AgentStatus.TALKING
        node.floor.done(first.agent)
        await asyncio.sleep(1)
        assert node.floor.agent(first.agent).status is AgentStatus.WRAP
        node.floor.ready(first.agent)
        assert first.agent not in [agent.agent for agent in node.floor.agents()]
        second = ear.calls("connected")[1]
        other = "bob" if second.agent == "ann" else "ann"
        node.floor.log_in(other, {"c1": STANDARD})
        node.floor.log_out(second.agent, at_once=True)  # the telephone fell silent
        assert node.floor.agent(other).call_id == second.call_id
        node.floor.log_out(other, at_once=True)  # nobody is left for this person
        await asyncio.sleep(10)
        call = await node.call(second.call_id)
        names = [fact.name for fact in call.evidence]
        assert call.disposition is Disposition.PERSON  # was connected in time
        assert names.index("requeue") < names.index("abandon")
        assert (await node.campaign("c1")).outcomes.get(Disposition.ABANDONED, 0) == 0

    at_a_node(tmp_path)(main)


def test_a_preview_is_timed_and_can_be_dialled_at_once_or_skipped(tmp_path: Path) -> None:
    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(2)
        (first,) = ear.calls("preview")
        assert (first.number, first.name, first.review_s) == ("13900000000", "n0", 15)
        assert node.pool.in_use == 0
        node.floor.skip("ann")
        await asyncio.sleep(2)
        second = ear.calls("preview")[1]
        assert second.lead_id != first.lead_id
        node.floor.dial("ann")
        await asyncio.sleep(5)
        assert ear.calls("connected")[0].call_id == second.call_id
        node.floor.done("ann")
        await asyncio.sleep(1)
        node.floor.ready("ann")
        await asyncio.sleep(14)
        third = ear.calls("preview")[2]
        assert third.lead_id == first.lead_id  # the list is through: the skipped lead comes again
        assert node.pool.in_use == 0
        await asyncio.sleep(6)
        assert ear.calls("connected")[1].call_id == third.call_id  # dialled by itself after 15 s
        assert (await node.campaign("c1")).outcomes.get(Disposition.ABANDONED, 0) == 0  # D12

    at_a_node(tmp_path, leads=2, mode="preview")(main)


def test_the_last_lead_is_shown_again_when_it_is_skipped(tmp_path: Path) -> None:
    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        for shown in (1, 2, 3):
            await asyncio.sleep(5)
            assert len(ear.calls("preview")) == shown
            node.floor.skip("ann")

    at_a_node(tmp_path, leads=1, mode="preview")(main)


@pytest.mark.parametrize("mode", ["lines", "progressive"])
def test_a_lead_that_is_taken_out_while_it_waits_for_a_line_harms_nobody(tmp_path: Path, mode: str) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path, limits={"channels": 1}), driver=simulator(PERSON)) as node:
            await node.create_campaign(CampaignSpec.model_validate({"name": "c1", "mode": mode, "prompt": tone_file(tmp_path, 20.0)}))
            await node.import_list("c1", numbers_list(tmp_path, 3))
            await node.start_campaign("c1")
            if mode == "progressive":
                for name in ("ann", "bob"):
                    node.floor.log_in(name, {"c1": STANDARD})
            await asyncio.sleep(2)
            assert node.pool.in_use == 1
            node.dialer("c1").drop(lambda lead: "taken out")  # as a suppression does
            for call in node.live_calls():
                call.cancel("test")
            await asyncio.sleep(30)
            state = await node.campaign("c1")
            assert (state.closed, state.attempts, node.pool.in_use) == (2, 1, 0)
            await node.import_list("c1", numbers_list(tmp_path, 1, first=10))  # the dial loop is alive
            await asyncio.sleep(10)
            assert node.pool.in_use == 1

    run_virtual(main(), START)


@pytest.mark.parametrize("why", ["node", "stop", "suppressed"])
def test_an_agent_who_waits_for_a_line_waits_no_longer_than_the_lead_is_to_be_dialled(tmp_path: Path, why: str) -> None:
    """L12 too: a number that is paid or opted out while its agent waits is not dialled when the line comes."""

    async def main() -> None:
        async with Node(settings(tmp_path, limits={"channels": 1}), driver=simulator(PERSON)) as node:
            await node.create_campaign(CampaignSpec(name="c1", mode="manual"))
            await node.import_list("c1", numbers_list(tmp_path, 3))
            await node.start_campaign("c1")
            for name in ("ann", "bob"):
                node.floor.log_in(name, {"c1": STANDARD})
                node.floor.ask(name, "c1")
            await asyncio.sleep(2)
            assert (node.pool.in_use, node.dialer("c1").pending) == (1, 1)
            if why == "node":
                return  # leaving the node waits for nobody
            if why == "stop":
                await node.stop_campaign("c1")
            else:
                node.dialer("c1").drop(lambda lead: "paid")
            await asyncio.sleep(1)
            assert node.dialer("c1").pending == 0
            assert AgentStatus.READY in [agent.status for agent in node.floor.agents()]
            for call in node.live_calls():
                call.cancel("test")
            await asyncio.sleep(30)
            state = await node.campaign("c1")
            assert (state.attempts, node.pool.in_use) == (1, 0)
            assert (await node.reconcile()).ok

    run_virtual(main(), START)


def test_an_agent_dials_by_hand_and_nothing_goes_out_otherwise(tmp_path: Path) -> None:
    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        node.floor.log_in("bob", {"c1": STANDARD})
        await asyncio.sleep(30)
        assert node.pool.in_use == 0
        node.floor.ask("bob", "c1")
        await asyncio.sleep(6)
        assert [one.agent for one in ear.calls("connected")] == ["bob"]
        state = await node.campaign("c1")
        assert state.pacing is not None and state.pacing.reason == "agents dial by hand"

    at_a_node(tmp_path, mode="manual")(main)


def test_preview_calls_run_inside_a_campaign_that_is_paced_otherwise(tmp_path: Path) -> None:
    """D13: leads of the VIP column are shown first, the others are dialled as ever."""
    path = tmp_path / "vips.csv"
    path.write_text("number,level\n13911111111,vip\n13922222222,\n13933333333,\n", encoding="utf-8")

    async def main(node: Node, ear: Ear) -> None:
        await node.import_list("c1", path)
        for name in ("ann", "bob", "cat"):
            node.floor.log_in(name, {"c1": STANDARD})
        await asyncio.sleep(30)
        assert [one.number for one in ear.calls("preview")] == ["13911111111"]
        assert len(ear.calls("connected")) == 3
        assert ear.calls("preview")[0].extra == {"level": "vip"}

    at_a_node(tmp_path, leads=0, mode="predictive", pacing=PacingPlan(preview={"level": "vip"}))(main)


def test_a_lead_with_an_agent_of_its_own_waits_for_that_agent(tmp_path: Path) -> None:
    """A promised call-back (D54)."""

    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            ear = Ear(node)
            await node.create_campaign(CampaignSpec(name="c1", mode="progressive"))
            await node.import_list("c1", numbers_list(tmp_path, 3))
            with sqlite3.connect(tmp_path / "data" / "offhook.db") as database:
                database.execute("UPDATE lead SET agent = 'bob' WHERE e164 LIKE '%0000'")
            await node.start_campaign("c1")
            node.floor.log_in("bob", {"c1": STANDARD}, ready=False)
            node.floor.log_in("ann", {"c1": STANDARD})
            await asyncio.sleep(30)
            assert [(one.what, one.agent) for one in ear.calls("connected")] == [("connected", "ann")]
            node.floor.ready("bob")
            await asyncio.sleep(30)
            (shown,) = ear.calls("preview")
            assert (shown.agent, shown.number) == ("bob", "13900000000")
            assert [one.call_id for one in ear.calls("connected")][-1] == shown.call_id

    run_virtual(main(), START)


def test_high_goes_before_standard_and_overflow_comes_last(tmp_path: Path) -> None:
    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("over", {"c1": AgentLevel.OVERFLOW})
        node.floor.log_in("std", {"c1": STANDARD})
        node.floor.log_in("high", {"c1": AgentLevel.HIGH})
        await asyncio.sleep(8)
        assert [one.agent for one in ear.calls("connected")] == ["high", "std", "over"]

    at_a_node(tmp_path, leads=3)(main)


def test_two_campaigns_never_dial_for_the_same_agent(tmp_path: Path) -> None:
    """D24: four agents in both campaigns are shared by priority; no person of either is abandoned."""

    async def main(node: Node, ear: Ear) -> None:
        await node.create_campaign(CampaignSpec(name="c2", mode="progressive", priority=5))
        await node.import_list("c2", numbers_list(tmp_path, 20, first=100))
        await node.start_campaign("c2")
        for name in ("ann", "bob", "cat", "dan"):
            node.floor.log_in(name, {"c1": STANDARD, "c2": STANDARD})
        await asyncio.sleep(2)
        assert node.pool.in_use == 4
        assert sorted(str(agent.promised) for agent in node.floor.agents()) == ["c1", "c1", "c2", "c2"]
        await asyncio.sleep(6)
        assert sorted(one.campaign for one in ear.calls("connected")) == ["c1", "c1", "c2", "c2"]
        assert node.pool.in_use == 4

    at_a_node(tmp_path)(main)


def test_modes_are_switched_while_calls_are_on_their_way(tmp_path: Path) -> None:
    async def main(node: Node, ear: Ear) -> None:
        for name in ("ann", "bob", "cat", "dan"):
            node.floor.log_in(name, {"c1": STANDARD})
        seen = []
        for mode in ("progressive", "predictive", "precise", "manual", "preview", "ratio", "predictive"):
            await node.update_campaign("c1", CampaignUpdate(mode=mode, pacing=PacingPlan(per="free", review_s=1)))
            for _ in range(8):
                await asyncio.sleep(5)
                for agent in node.floor.agents():
                    if agent.status is AgentStatus.TALKING:
                        node.floor.done(agent.agent)
                await asyncio.sleep(0.5)
                for agent in node.floor.agents():
                    if agent.status is AgentStatus.WRAP:
                        node.floor.ready(agent.agent)
            state = await node.campaign("c1")
            assert state.pacing is not None
            seen.append(state.pacing.mode)
        assert seen == ["progressive", "predictive", "precise", "manual", "preview", "ratio", "predictive"]
        policy: Any = node.dialer("c1").policy
        assert policy.answers.people_seen > 5  # what was learned has come through the modes that learn nothing
        await node.update_campaign("c1", CampaignUpdate(mode="lines", lines=5))
        await asyncio.sleep(20)
        assert (await node.campaign("c1")).pacing is None
        assert node.pool.in_use <= 5 + 4  # broadcast; talks go on
        await node.update_campaign("c1", CampaignUpdate(mode="predictive"))
        assert node.dialer("c1").policy.answers is policy.answers  # type: ignore[union-attr]
        assert (await node.reconcile()).ok

    at_a_node(tmp_path, PERSON, NOBODY, leads=400, mode="progressive", prompt=tone_file(tmp_path, 2.0))(main)


def test_small_teams_and_cold_starts_say_why_they_hold_back(tmp_path: Path) -> None:
    """D20."""

    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(2)
        state = await node.campaign("c1")
        assert state.pacing is not None
        assert state.pacing.reason == "1 agents logged in, prediction needs 3: one call per free agent"
        for name in ("bob", "cat", "dan"):
            node.floor.log_in(name, {"c1": STANDARD})
        await asyncio.sleep(2)
        state = await node.campaign("c1")
        assert state.pacing is not None
        assert state.pacing.reason.startswith("cold start, 0 of 20 people seen")
        assert state.pacing.risk_limit is not None and state.pacing.risk_limit > 0

    at_a_node(tmp_path, NOBODY, leads=100, mode="predictive")(main)


def test_the_window_of_the_rule_outlives_the_node(tmp_path: Path) -> None:
    async def first() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            await node.create_campaign(CampaignSpec(name="c1", mode="ratio", lines_per_agent=3, pacing=PacingPlan(per="free")))
            await node.import_list("c1", numbers_list(tmp_path, 20))
            await node.start_campaign("c1")
            node.floor.log_in("ann", {"c1": STANDARD})
            await asyncio.sleep(15)
            state = await node.campaign("c1")
            assert state.pacing is not None
            assert (state.pacing.people, state.pacing.abandoned) == (3, 2)
            node.floor.done("ann")
            await asyncio.sleep(1)
            await node.pause_campaign("c1")

    async def second() -> None:
        async with Node(settings(tmp_path), driver=simulator(PERSON)) as node:
            await node.resume_campaign("c1")
            await asyncio.sleep(2)
            state = await node.campaign("c1")
            assert state.pacing is not None
            assert (state.pacing.people, state.pacing.abandoned) == (3, 2)
            assert state.pacing.budget_left == pytest.approx(0.09 - 2)

    run_virtual(first(), START)
    run_virtual(second(), START)


def test_the_agent_hands_a_person_to_the_prompt_and_is_free(tmp_path: Path) -> None:
    """D26: the prompt with its keys is a small IVR."""

    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(6)
        (connected,) = ear.calls("connected")
        assert node.floor.pass_on("ann").status is AgentStatus.WRAP
        await asyncio.sleep(5)
        call = await node.call(connected.call_id)
        assert (call.disposition, call.prompt_played_ms) == (Disposition.PERSON, 2000)

    at_a_node(tmp_path, prompt=tone_file(tmp_path, 2.0))(main)


def test_wrap_up_ends_by_itself_where_it_has_a_limit_and_a_pause_has_its_reason(tmp_path: Path) -> None:
    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(6)
        assert node.floor.pause("ann", "lunch").leaving
        node.floor.done("ann")
        await asyncio.sleep(1)
        assert node.floor.agent("ann").status is AgentStatus.WRAP
        await asyncio.sleep(10)
        ann = node.floor.agent("ann")
        assert (ann.status, ann.reason) == (AgentStatus.PAUSED, "lunch")
        assert node.pool.in_use == 0
        await asyncio.sleep(3)
        assert node.floor.ready("ann").status is AgentStatus.READY
        node.floor.log_out("ann")
        await node.store.flush()
        with sqlite3.connect(tmp_path / "data" / "offhook.db") as database:
            rows = database.execute("SELECT state, (to_ms - from_ms) / 1000.0, reason, campaign FROM agent_log ORDER BY id").fetchall()
        assert [row[0] for row in rows] == ["ready", "talking", "wrap", "paused"]
        assert [row[1] for row in rows] == pytest.approx([4, 2, 5, 9], abs=1)
        assert [row[2:] for row in rows[1:]] == [("", "c1"), ("", "c1"), ("lunch", "")]

    at_a_node(tmp_path, pacing=PacingPlan(wrap_limit_s=5))(main)


def test_a_stopped_campaign_takes_its_leads_back_from_the_agents(tmp_path: Path) -> None:
    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(2)
        assert node.floor.agent("ann").status is AgentStatus.PREVIEW
        await node.stop_campaign("c1")
        await asyncio.sleep(1)
        assert node.floor.agent("ann").status is AgentStatus.READY
        state = await node.campaign("c1")
        assert (state.phase, state.open, state.attempts) == (Phase.STOPPED, 20, 0)
        assert (await node.reconcile()).ok
        with pytest.raises(AgentError, match="has no lead to look at"):
            node.floor.dial("ann")

    at_a_node(tmp_path, mode="preview")(main)


def test_wrong_orders_name_the_mend(tmp_path: Path) -> None:
    async def main(node: Node, ear: Ear) -> None:
        with pytest.raises(AgentError, match="no agent 'ann' is logged in; there is nobody yet"):
            node.floor.ready("ann")
        with pytest.raises(AgentError, match="names no campaign"):
            node.floor.log_in("ann", {})
        with pytest.raises(CampaignError, match="no campaign 'c9'"):
            node.floor.log_in("ann", {"c9": STANDARD})
        await node.create_campaign(CampaignSpec(name="c2"))
        with pytest.raises(CampaignError, match="mode lines, which knows no agents"):
            node.floor.log_in("ann", {"c2": STANDARD})
        node.floor.log_in("ann", {"c1": STANDARD}, ready=False)
        with pytest.raises(AgentError, match="talks with nobody"):
            node.floor.done("ann")
        with pytest.raises(AgentError, match="is not logged in to 'c2'"):
            node.floor.ask("ann", "c2")
        with pytest.raises(AgentError, match="is not ready"):
            node.floor.ask("ann", "c1")
        with pytest.raises(ValueError, match="no abandon rule is called 'ftc'"):
            PacingPlan.model_validate({"abandon": {"name": "ftc"}})
        with pytest.raises(ValueError, match="target wait needs a target_value"):
            PacingPlan(target="wait")

    at_a_node(tmp_path)(main)


def test_predictive_keeps_the_rule_with_live_calls_and_beats_progressive() -> None:
    """The same policy object as in the simulator, through the store, the calls and the software card."""
    shift = {
        "shift": {"name": "live", "hours": 0.4, "lines": 90, "warmup_min": 5},
        "list": {"person": 0.3},
        "agents": {"group": [{"count": 15}]},
    }
    found = play_in_virtual_time(parse({**shift, "pacing": {"mode": "predictive"}}), audio=False)
    assert found.people > 100
    assert found.abandoned <= 0.03 * found.people + 1.5  # the loan at the beginning of a window
    plain = play_in_virtual_time(parse({**shift, "pacing": {"mode": "progressive"}}), audio=False)
    assert plain.abandoned == 0
    assert found.utilisation > plain.utilisation + 0.1


def test_d15_a_target_of_waiting_is_followed_with_live_calls() -> None:
    """D15, D16: the limit of risk moves until agents wait as long as was asked."""
    shift = {"name": "live", "hours": 0.9, "lines": 60, "warmup_min": 20}
    pacing = {"mode": "predictive", "target": "wait", "target_value": 40}
    whole = {"shift": shift, "list": {"person": 0.3}, "agents": {"group": [{"count": 10}]}, "pacing": pacing}
    found = play_in_virtual_time(parse(whole), audio=False)
    assert found.agent_wait_s == pytest.approx(40, abs=8)


def test_d28_fax_and_machines_never_reach_an_agent(tmp_path: Path) -> None:
    machine = {"kind": "machine", "ring_s": 2, "greeting": ["machine-zh-company"]}
    fax = {"kind": "fax", "ring_s": 2}

    async def main() -> None:
        async with Node(settings(tmp_path, driver={"audio": True}), driver=simulator(machine, fax, audio=True)) as node:
            ear = Ear(node)
            await node.create_campaign(CampaignSpec(name="c1", mode="ratio", lines_per_agent=8, pacing=PacingPlan(per="free")))
            await node.import_list("c1", numbers_list(tmp_path, 8))
            await node.start_campaign("c1")
            node.floor.log_in("ann", {"c1": STANDARD})
            state = await node.wait_campaign("c1")
            assert set(state.outcomes) == {Disposition.MACHINE, Disposition.FAX}
            assert ear.calls("connected") == []
            assert state.pacing is not None and state.pacing.people == 0

    run_virtual(main(), START)


def test_with_audio_the_clock_of_the_rule_starts_at_the_end_of_the_greeting(tmp_path: Path) -> None:
    person = {"kind": "person", "ring_s": 2, "pause_s": 0.5, "greeting": ["person-zh-wei"], "hangs_up_after_s": 60}

    async def main() -> None:
        async with Node(settings(tmp_path, driver={"audio": True}), driver=simulator(person, audio=True)) as node:
            spec = CampaignSpec(
                name="c1", mode="ratio", lines_per_agent=2, pacing=PacingPlan(per="free"), abandoned=tone_file(tmp_path, 1.0)
            )
            await node.create_campaign(spec)
            await node.import_list("c1", numbers_list(tmp_path, 2))
            await node.start_campaign("c1")
            node.floor.log_in("ann", {"c1": STANDARD})
            await asyncio.sleep(20)
            call = await node.call((await node.calls("c1", 1))[0].id)
            assert call.disposition is Disposition.ABANDONED
            (said,) = [fact for fact in call.evidence if fact.name == "speech_end"]
            (gone,) = [fact for fact in call.evidence if fact.name == "abandon"]
            assert said.from_ms is not None and said.value is not None
            assert gone.t_ms - (said.from_ms + said.value) == pytest.approx(2000, abs=40)
            assert call.queued_ms is not None and call.queued_ms < gone.t_ms

    run_virtual(main(), START)
