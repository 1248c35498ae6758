"""A node in virtual time with one campaign that has agents, for tests of the floor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from nodes import START, numbers_list, settings, simulator

from offhook.agents.messages import AgentCall, AgentChanged, AgentLevel, AgentStatus
from offhook.clock import run_virtual
from offhook.messages import CampaignSpec, NodeEvent
from offhook.node import Node

PERSON = {"kind": "person", "ring_s": 3, "greeting": ["person-zh-wei"], "hangs_up_after_s": 600, "hangs_up_after_prompt_s": 600}
NOBODY = {"kind": "no_answer", "ring_s": 20}
STANDARD = AgentLevel.STANDARD


class Ear:
    """Keeps what a node says about agents."""

    def __init__(self, node: Node) -> None:
        self.events: list[NodeEvent] = []
        node.subscribe(self.events.append)

    def calls(self, what: str) -> list[AgentCall]:
        return [event for event in self.events if isinstance(event, AgentCall) and event.what == what]

    def statuses(self, agent: str) -> list[AgentStatus]:
        return [event.agent.status for event in self.events if isinstance(event, AgentChanged) and event.agent.agent == agent]


def at_a_node(folder: Path, *behaviours: dict[str, Any], leads: int = 20, **spec: Any) -> Callable[[Callable[..., Awaitable[None]]], None]:
    """Run a coroutine with a node whose campaign c1 has started, and an ear at it."""

    def run(main: Callable[[Node, Ear], Awaitable[None]]) -> None:
        async def all_of_it() -> None:
            async with Node(settings(folder), driver=simulator(*(behaviours or (PERSON,)))) as node:
                ear = Ear(node)
                await node.create_campaign(CampaignSpec.model_validate({"name": "c1", "mode": "progressive", **spec}))
                await node.import_list("c1", numbers_list(folder, leads))
                await node.start_campaign("c1")
                await main(node, ear)

        run_virtual(all_of_it(), START)

    return run
