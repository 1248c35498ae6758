"""Leads handed out to agents, teams and nodes, taken back and handed on (L16)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aio import in_loop
from commands import Command
from floors import at_a_node
from nodes import START, numbers_list, settings, simulator
from pydantic import ValidationError

from offhook.agents.messages import AgentLevel, AgentStatus
from offhook.clock import Uuid7, loop_clock, run_virtual
from offhook.contacts.model import Suppression, Whom
from offhook.contacts.why import why
from offhook.desk import Desk
from offhook.errors import CampaignError
from offhook.lists.handing import HandOn, HandOut, TakeBack, Team
from offhook.messages import CampaignSpec, Phase, RetryPlan
from offhook.node import Node
from offhook.store import Store, handing, leads, ledger
from offhook.store import tables as t

ZONES = [("Asia/Shanghai",)]
ANN, BEN, NORTH = "agent:ann", "agent:ben", "team:north"


async def desk(folder: Path, url: str, leads: int = 12) -> Desk:
    store = await Store.open(url, loop_clock(), spool=folder / "s", durable=False)
    made = Desk(settings(folder), store, loop_clock())
    await made.create_campaign(CampaignSpec(name="c1"))
    path = folder / "list.csv"
    rows = "".join(f"{13_900_000_000 + n},{n},{'Rome' if n % 3 else 'Oslo'}\n" for n in range(leads))
    path.write_text("电话,姓名,city\n" + rows, encoding="utf-8")
    await made.import_list("c1", path)
    return made


async def owners(made: Desk) -> list[str]:
    rows = await made.store.read(lambda c: c.execute(t.lead.select().order_by(t.lead.c.id)).all())
    return [row.owner.removeprefix("agent:") for row in rows]


@in_loop
async def test_leads_are_dealt_evenly_in_turn_so_that_everybody_gets_every_part_of_the_list_l16(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    given = await made.hand_out(HandOut(campaign="c1", to=(ANN, BEN), most=4))
    assert given.leads == {ANN: 4, BEN: 4}
    assert await owners(made) == ["ann", "ben"] * 4 + [""] * 4
    again = await made.hand_out(HandOut(campaign="c1", to=(BEN,)))
    assert again.leads == {BEN: 4}  # what was left
    await made.store.close()


@in_loop
async def test_leads_are_dealt_by_weight_by_a_column_by_hand_and_by_filter_l16(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url)
    by_weight = HandOut(campaign="c1", to=(ANN, BEN), method="weight", weights={ANN: 2}, filter="city == 'Rome'")
    assert (await made.hand_out(by_weight)).leads == {ANN: 5, BEN: 3}
    await made.take_back(TakeBack(campaign="c1"))
    assert await owners(made) == [""] * 12
    by_city = HandOut(campaign="c1", to=(ANN, BEN), method="attribute", by="city", values={"Oslo": ANN})
    assert (await made.hand_out(by_city)).leads == {ANN: 4, BEN: 0}
    by_hand = HandOut(campaign="c1", to=(BEN,), method="hand", numbers=("139 0000 0001", "13900000000"))
    assert (await made.hand_out(by_hand)).leads == {BEN: 1}  # the other one is ann's
    with pytest.raises(CampaignError, match="number '12'"):
        await made.hand_out(HandOut(campaign="c1", to=(BEN,), method="hand", numbers=("12",)))
    with pytest.raises(CampaignError, match="no campaign 'c2'"):
        await made.hand_out(HandOut(campaign="c2", to=(BEN,)))
    await made.store.close()


@in_loop
async def test_nobody_else_is_given_them_until_what_was_not_dialled_is_taken_back_l16(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url, leads=6)
    ids = Uuid7(loop_clock())
    await made.hand_out(HandOut(campaign="c1", to=(ANN,), most=4))
    mine = await made.store.reserve("node1", 1, ZONES, 9, ids)
    assert [lead.name for lead in mine] == ["4", "5"]
    made.store.release(mine)
    await made.store.work(lambda c: c.execute(t.lead.update().where(t.lead.c.id == 1).values(attempts=1)))  # ann called one
    await made.hand_on(HandOn(campaign="c1", source=(ANN,), to=(ANN, BEN)))
    found = await made.store.read(lambda connection: handing.shares(connection, 1))
    assert [(share.owner, share.zones, share.first_ms) for share in found] == [(ANN, "Asia/Shanghai", 0), (BEN, "Asia/Shanghai", 0)]
    asking = ledger.asking("node1", 1, 1000, None, await made.campaign_spec("c1"))
    own = await made.store.work(lambda connection: leads.take_own(connection, asking, found[:1], frozenset({1}), 9, ids))
    assert [(lead.id, lead.owner) for lead in own] == [(3, ANN)]  # lead 1 was skipped
    made.store.release(own)
    await made.hand_on(HandOn(campaign="c1", source=(BEN,), to=(ANN,)))
    shown = (await made.handed("c1"))[0]
    assert (shown.owner, shown.leads, shown.fresh, shown.waiting) == (ANN, 4, 3, 4)
    assert (await made.take_back(TakeBack(campaign="c1", source=(ANN,)))).leads == {"": 3}
    assert await owners(made) == ["ann", "", "", "", "", ""]
    assert [lead.name for lead in await made.store.reserve("node1", 1, ZONES, 9, ids)] == ["1", "2", "3", "4", "5"]
    assert (await made.hand_on(HandOn(campaign="c1", source=(ANN,), to=(BEN, NORTH)))).leads == {BEN: 1, NORTH: 0}
    assert (await made.take_back(TakeBack(campaign="c1", fresh=False))).leads == {"": 1}
    await made.store.close()


@in_loop
async def test_why_names_the_owner_and_a_suppression_closes_a_lead_that_is_handed_out(tmp_path: Path, database_url: str) -> None:
    made = await desk(tmp_path, database_url, leads=2)
    await made.hand_out(HandOut(campaign="c1", to=(NORTH,)))
    (lead,) = (await why(made.store, Whom(number="13900000000"), made.clock.now())).leads
    assert ("handed out", "only team north calls it") in [(rule.rule, rule.values) for rule in lead.rules]
    assert (await made.suppress(Suppression(number="13900000000", category="paid"))).leads == 1
    assert (await made.handed("c1"))[0].closed == 1
    await made.store.close()


def test_an_agents_leads_are_shown_to_that_agent_alone_and_a_call_again_comes_back_to_it_l16(tmp_path: Path) -> None:
    async def main(node: Any, ear: Any) -> None:
        await node.hand_out(HandOut(campaign="c1", to=(ANN, BEN)))
        node.floor.log_in("ben", {"c1": AgentLevel.STANDARD})
        await asyncio.sleep(2)
        (first,) = ear.calls("preview")
        assert (first.agent, first.name) == ("ben", "n1")
        node.floor.skip("ben")
        await asyncio.sleep(2)
        assert [(one.agent, one.name) for one in ear.calls("preview")[1:]] == [("ben", "n3")]  # its own next, never one of ann's
        node.floor.skip("ben")
        await asyncio.sleep(2)
        assert ear.calls("preview")[-1].name == "n1"  # the others are through
        node.floor.dial("ben")
        await asyncio.sleep(15)
        assert node.floor.agent("ben").status is AgentStatus.TALKING
        node.floor.log_in("ann", {"c1": AgentLevel.STANDARD})
        await asyncio.sleep(2)
        assert (ear.calls("preview")[-1].agent, ear.calls("preview")[-1].name) == ("ann", "n0")
        node.floor.log_out("ann", at_once=True)
        node.floor.done("ben")
        await asyncio.sleep(2)
        assert (await node.handed("c1"))[0].waiting == 2  # ann's wait for her
        node.floor.ready("ben")
        await asyncio.sleep(2)
        node.floor.dial("ben")
        await asyncio.sleep(20)
        node.floor.done("ben")
        await asyncio.sleep(5)
        state = await node.campaign("c1")
        assert (state.phase, state.reason, state.closed) == (Phase.WAITING, "the last leads are handed out", 2)
        await node.take_back(TakeBack(campaign="c1"))
        node.floor.ready("ben")
        await asyncio.sleep(5)
        assert ear.calls("preview")[-1].name in ("n0", "n2")

    at_a_node(tmp_path, leads=4, mode="preview", pacing={"review_s": None})(main)


def test_a_teams_leads_go_to_whoever_of_it_is_ready_also_beside_predictive_calls_l16(tmp_path: Path) -> None:
    async def main(node: Any, ear: Any) -> None:
        assert await node.set_team(Team(team="north", agents=("ann", "ben"))) == {"north": ["ann", "ben"]}
        await node.hand_out(HandOut(campaign="c1", to=(NORTH,)))
        for name in ("zoe", "ben"):
            node.floor.log_in(name, {"c1": AgentLevel.STANDARD})
        await asyncio.sleep(10)
        assert {one.agent for one in ear.calls("preview")} == {"ben"}
        assert not [one for one in ear.calls("connected") if one.agent == "zoe"]

    at_a_node(tmp_path, leads=3, mode="progressive", pacing={"review_s": 1})(main)


def test_a_node_calls_its_own_leads_and_leaves_those_of_another_l16(tmp_path: Path) -> None:
    async def main() -> None:
        async with Node(settings(tmp_path), driver=simulator({"kind": "busy"})) as node:
            await node.create_campaign(CampaignSpec(name="c1", retry=RetryPlan(rules={})))
            await node.import_list("c1", numbers_list(tmp_path, 6))
            await node.hand_out(HandOut(campaign="c1", to=(f"node:{node.name}", "node:other"), most=2))
            await node.start_campaign("c1")
            await asyncio.sleep(300)
            state = await node.campaign("c1")
            assert (state.attempts, state.reason) == (4, "the last leads are handed out")

    run_virtual(main(), START)


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ({"to": ["ann"]}, "should match pattern"),
        ({"to": [ANN], "weights": {ANN: 2}}, "weights belongs to method weight, not evenly"),
        ({"to": [ANN], "method": "weight", "weights": {BEN: 2}}, "agent:ben is not among to"),
        ({"to": [ANN], "method": "attribute"}, "method attribute needs by and values"),
        ({"to": [ANN], "method": "hand"}, "method hand needs numbers"),
        ({"to": [ANN], "method": "weight", "weights": {ANN: 0}}, "above 0"),
        ({"to": [ANN], "filter": "age >"}, "filter"),
        ({"to": []}, "at least 1"),
    ],
)
def test_a_wrong_order_is_refused_with_the_mend(order: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        HandOut.model_validate({"campaign": "c1", **order})


def test_the_commands_hand_out_show_re_assign_and_take_back(offhook: Command, tmp_path: Path) -> None:
    config = tmp_path / "offhook.toml"
    config.write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n[database]\ndurable = false\n', encoding="utf-8")
    offhook("campaign", "create", "spring", "-c", config)
    offhook("campaign", "import", "spring", numbers_list(tmp_path, 9), "-c", config)
    out = offhook("list", "hand-out", "spring", "ann", "ben", "--with", "most=3", "-c", config)
    assert out.out == "3 leads for agent ann\n3 leads for agent ben\n", out.err
    assert offhook("team", "north", "ann", "-c", config, "--json").object == {"teams": {"north": ["ann"]}}
    assert offhook("list", "re-assign", "spring", "team:north", "--from", "ben", "-c", config).out == "3 leads for team north\n"
    assert "team:north      3      3        3       0" in offhook("list", "handed", "spring", "-c", config).out
    assert offhook("list", "take-back", "spring", "-c", config).out == "6 leads for everybody\n"
    assert offhook("list", "handed", "spring", "-c", config).out == "nothing is handed out\n"
    by_weight = offhook("list", "hand-out", "spring", "ann", "ben", "--with", "method=weight", "--with", 'weights={"ann": 2}', "-c", config)
    assert by_weight.out == "6 leads for agent ann\n3 leads for agent ben\n"
    assert "whose leads? name them with --from" in offhook("list", "re-assign", "spring", "ben", "-c", config).err
    wrong = offhook("list", "hand-out", "spring", "ann", "--with", "methd=weight", "-c", config)
    assert "did you mean 'method'" in wrong.err
