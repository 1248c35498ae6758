"""The abandon rule is the campaign's: several nodes on one database share its window."""

from __future__ import annotations

import asyncio
from pathlib import Path

from floors import PERSON, STANDARD
from nodes import START, numbers_list, settings, simulator

from offhook.agents.messages import PacingPlan, PacingShown
from offhook.agents.shared_window import FOLLOW_S
from offhook.clock import run_virtual
from offhook.messages import CampaignSpec
from offhook.node import Node


async def pacing_of(node: Node) -> PacingShown:
    """Of the campaign, after its last decision."""
    state = await node.campaign("c1")
    assert state.pacing is not None
    return state.pacing


def test_what_another_node_abandons_counts_here_and_is_counted_once(tmp_path: Path, database_url: str) -> None:
    """D16: three calls for one agent at each node; each finds the other's people and abandoned calls within half a minute."""

    async def main() -> None:
        database = {"url": database_url}
        one, two = (settings(tmp_path, node={"name": name, "data_dir": tmp_path / name}, database=database) for name in ("one", "two"))
        async with Node(one, driver=simulator(PERSON)) as first:
            plan = PacingPlan(per="free")
            await first.create_campaign(CampaignSpec(name="c1", mode="ratio", lines_per_agent=3, lines=6, pacing=plan))
            await first.import_list("c1", numbers_list(tmp_path, 40))
            await first.start_campaign("c1")
            async with Node(two, driver=simulator(PERSON)) as second:
                for node in (first, second):
                    node.floor.log_in("ann" if node is first else "bob", {"c1": STANDARD})
                await asyncio.sleep(15)
                for node in (first, second):
                    found = await pacing_of(node)
                    assert (found.people, found.abandoned) == (3, 2)  # its own
                first.floor.done("ann")
                await asyncio.sleep(2 * FOLLOW_S)
                found = await pacing_of(second)
                assert (found.people, found.abandoned) == (6, 4)  # the talk of the first has ended
                found = await pacing_of(first)
                assert (found.people, found.abandoned) == (5, 4)  # that of the second goes on
                second.floor.done("bob")
                await asyncio.sleep(5 * FOLLOW_S)
                for node in (first, second):
                    found = await pacing_of(node)
                    assert (found.people, found.abandoned) == (6, 4)
                    assert found.budget_left < 0
            async with Node(two, driver=simulator(PERSON)) as again:
                again.floor.log_in("cat", {"c1": STANDARD}, ready=False)
                await asyncio.sleep(3 * FOLLOW_S)
                found = await pacing_of(again)
                assert (found.people, found.abandoned) == (6, 4)  # from the start, and not twice

    run_virtual(main(), START)
