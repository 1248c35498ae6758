"""Numbers that agents type in (D07): dialled for them alone, and refused with the reason when anything forbids the call."""

from __future__ import annotations

import asyncio
import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from floors import NOBODY, PERSON, STANDARD, Ear, at_a_node

from offhook.agents.messages import AgentStatus, PacingPlan
from offhook.calls.disposition import Disposition
from offhook.campaigns.caps import Protection
from offhook.contacts.model import ListEntry
from offhook.errors import AgentError, CampaignError
from offhook.lists.handing import HandOut
from offhook.messages import CallingWindows, RetryPlan, Window
from offhook.node import Node

TYPED = PacingPlan(typed_numbers=True)
NUMBER = "139 1111-2222"


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """Read the database beside the node."""
    with sqlite3.connect(folder / "data" / "offhook.db") as database:
        return database.execute(query).fetchall()


def test_a_typed_number_is_dialled_for_its_agent_and_goes_through_ledger_and_journal(tmp_path: Path) -> None:
    """D07: a lead of its own, in any mode with agents."""

    async def main(node: Node, ear: Ear) -> None:
        for name in ("ann", "bob"):
            node.floor.log_in(name, {"c1": STANDARD})
        shown = await node.floor.ask_number("bob", "c1", NUMBER, "Mr Wei")
        assert (shown.status, shown.campaign) == (AgentStatus.PREVIEW, "c1")
        assert (await node.campaign("c1")).leads == 1
        await asyncio.sleep(6)
        (connected,) = ear.calls("connected")
        assert (connected.agent, connected.number, connected.name) == ("bob", NUMBER, "Mr Wei")
        node.floor.done("bob")
        await asyncio.sleep(2)
        (call,) = await node.calls("c1")
        assert (call.disposition, call.agent, call.id) == (Disposition.PERSON, "bob", connected.call_id)
        assert rows(tmp_path, "SELECT result FROM journal") == rows(tmp_path, "SELECT result FROM ledger") == [("person",)]
        assert rows(tmp_path, "SELECT e164, state FROM lead") == [("+8613911112222", "closed")]
        state = await node.campaign("c1")
        assert (state.leads, state.closed) == (1, 1)

    at_a_node(tmp_path, leads=0, mode="manual", pacing=TYPED)(main)


@pytest.mark.parametrize(
    ("number", "spec", "said"),
    [
        (NUMBER, {"pacing": PacingPlan()}, "lets nobody type a number"),
        ("110", {}, "service number"),
        ("12x", {}, "not a telephone number"),
        ("1391111", {}, "digits are missing"),
        (NUMBER, {"windows": CallingWindows(windows=(Window(start=dt.time(20), end=dt.time(21)),))}, "2026-03-02 12:00:00 UTC on"),
        (NUMBER, {"filter": "age >= 18"}, "filter"),
    ],
)
def test_a_typed_number_is_refused_with_the_reason_and_leaves_nothing_behind(
    tmp_path: Path, number: str, spec: dict[str, Any], said: str
) -> None:
    """D07"""

    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        with pytest.raises(CampaignError, match=said):
            await node.floor.ask_number("ann", "c1", number)
        assert node.floor.agent("ann").status is AgentStatus.READY
        assert rows(tmp_path, "SELECT * FROM lead") == rows(tmp_path, "SELECT * FROM journal") == []

    at_a_node(tmp_path, leads=0, **{"mode": "manual", "pacing": TYPED, **spec})(main)


def test_black_lists_rests_and_calls_under_way_hold_for_typed_numbers_too(tmp_path: Path) -> None:
    """D07, L01, L05: the first call counts in the ledger, the second is refused until the rest is over."""

    async def main(node: Node, ear: Ear) -> None:
        for name in ("ann", "bob"):
            node.floor.log_in(name, {"c1": STANDARD})
        await node.list_add(ListEntry(number="13900000001", list="black", category="asked us to stop"))
        with pytest.raises(CampaignError, match="black list: asked us to stop"):
            await node.floor.ask_number("ann", "c1", "13900000001")
        await node.floor.ask_number("ann", "c1", NUMBER)
        with pytest.raises(CampaignError, match="is calling it, or is about to"):
            await node.floor.ask_number("bob", "c1", NUMBER)
        with pytest.raises(AgentError, match="not ready"):
            await node.floor.ask_number("ann", "c1", "13922223333")
        await asyncio.sleep(6)
        node.floor.done("ann")
        await asyncio.sleep(2)
        policy = (await node.policy()).policy
        cap = {"name": "day", "attempts": 1, "window_s": 86400}
        await node.set_policy(policy.model_validate({**policy.model_dump(mode="json"), "caps": [cap]}))
        with pytest.raises(CampaignError, match=r"cap day: 1 of 1 in 1 d, free .*; not before 2026-03-03"):
            await node.floor.ask_number("bob", "c1", NUMBER)
        await asyncio.sleep(86400)
        await node.floor.ask_number("bob", "c1", NUMBER)  # the lead was closed; the agent may call again
        await asyncio.sleep(6)
        assert [one.agent for one in ear.calls("connected")] == ["ann", "bob"]
        assert rows(tmp_path, "SELECT count(*) FROM lead") == [(1,)]

    at_a_node(tmp_path, leads=0, mode="manual", pacing=TYPED)(main)


def test_a_typed_number_of_the_list_is_the_lead_of_the_list(tmp_path: Path) -> None:
    """D07: no number is twice in a campaign; with preview the agent looks first."""

    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await asyncio.sleep(3)  # the leads wait in the hopper
        shown = await node.floor.ask_number("ann", "c1", "13900000002", preview=True)
        await asyncio.sleep(5)
        assert node.pool.in_use == 0
        (seen,) = ear.calls("preview")
        assert (seen.call_id, seen.name) == (shown.call_id, "n2")
        node.floor.dial("ann")
        await asyncio.sleep(6)
        assert ear.calls("connected")[0].lead_id == seen.lead_id
        assert rows(tmp_path, "SELECT count(*) FROM lead") == [(3,)]

    at_a_node(tmp_path, leads=3, mode="manual", pacing=TYPED)(main)


def test_nobody_there_frees_the_agent_and_the_retry_goes_to_the_same_agent(tmp_path: Path) -> None:
    """D07"""

    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD}, ready=False)
        node.floor.log_in("bob", {"c1": STANDARD})
        await node.floor.ask_number("bob", "c1", NUMBER)
        await asyncio.sleep(60)
        assert (await node.calls("c1"))[0].disposition is Disposition.NO_ANSWER
        assert node.floor.agent("bob").status is AgentStatus.READY
        node.floor.ready("ann")
        await asyncio.sleep(300)
        assert {one.agent for one in ear.calls("preview")} == {"bob"}

    retry = RetryPlan.model_validate({"rules": {"no_answer": {"after_s": 120, "max_attempts": 2}}})
    at_a_node(tmp_path, NOBODY, leads=0, mode="progressive", pacing=TYPED, retry=retry)(main)


def test_a_stopped_campaign_takes_no_typed_number(tmp_path: Path) -> None:
    """D07"""

    async def main(node: Node, ear: Ear) -> None:
        node.floor.log_in("ann", {"c1": STANDARD})
        await node.pause_campaign("c1")
        with pytest.raises(CampaignError, match="is paused; start it first"):
            await node.floor.ask_number("ann", "c1", NUMBER)

    at_a_node(tmp_path, PERSON, leads=0, mode="manual", pacing=TYPED)(main)


def test_a_number_in_other_hands_is_refused_and_the_campaign_s_own_caps_hold(tmp_path: Path) -> None:
    """D07, L16: the lead of the list belongs to bob alone; a cap of the campaign holds for typed numbers too."""

    async def main(node: Node, ear: Ear) -> None:
        for name in ("ann", "bob"):
            node.floor.log_in(name, {"c1": STANDARD})
        node.floor.pause("bob", "later")
        await node.hand_out(HandOut(campaign="c1", to=("agent:bob",), method="hand", numbers=("13900000001",)))
        with pytest.raises(CampaignError, match="in the hands of agent:bob; take it back"):
            await node.floor.ask_number("ann", "c1", "13900000001")
        await node.floor.ask_number("ann", "c1", "13900000002")
        await asyncio.sleep(6)
        node.floor.done("ann")
        await asyncio.sleep(2)
        node.floor.ready("ann")
        with pytest.raises(CampaignError, match="cap own of the campaign: 1 of 1"):
            await node.floor.ask_number("ann", "c1", "13900000002")

    own = Protection.model_validate({"caps": [{"name": "own", "attempts": 1, "window_s": 3600}]})
    at_a_node(tmp_path, leads=3, mode="manual", pacing=TYPED, protection=own)(main)
