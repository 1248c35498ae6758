"""A node in real time without audio, its own broker, and somebody who asks it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nodes import numbers_list, simulator

from offhook import Node, Settings
from offhook.control.address import unix_address
from offhook.control.bus import Incoming
from offhook.control.client import Client
from offhook.control.server import Server, broker_socket, open_control, serving

NODE = "test1"
QUICK = {"kind": "rejected", "ring_s": 0.05, "post_dial_s": 0.05}
SLOW = {"kind": "no_answer", "ring_s": 60, "post_dial_s": 0.05}


@dataclass
class Steered:
    """What a test works with."""

    node: Node
    server: Server
    client: Client
    folder: Path
    heard: list[Incoming] = field(default_factory=list)

    def on(self, topic: str) -> list[Any]:
        """Payloads heard on a topic below the node's root, as JSON."""
        return [json.loads(one.payload) for one in self.heard if one.topic == f"{self.client.topics.root}/{topic}"]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that must come."""
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)

    async def result(self, verb: str, **arguments: Any) -> Any:
        """The result of a verb that must succeed."""
        reply = await self.client.ask(verb, arguments)
        assert reply.ok, reply
        return reply.result

    async def error(self, verb: str, payload: bytes) -> dict[str, Any]:
        """The error of a verb that must fail."""
        reply = await self.client.ask_raw(verb, payload)
        assert not reply.ok, reply
        assert reply.error is not None
        return reply.error.model_dump(mode="json")

    async def campaign(self, name: str = "spring", leads: int = 5, **spec: Any) -> None:
        """A campaign with a list, not started."""
        await self.result("campaign.create", name=name, **spec)
        await self.result("campaign.import", campaign=name, path=str(numbers_list(self.folder, leads)))


def steered_settings(folder: Path, **control: Any) -> Settings:
    """Settings of a node in real time."""
    return Settings.model_validate(
        {
            "node": {"name": NODE, "data_dir": folder / "d"},
            "database": {"durable": False},
            "control": control,
            "driver": {"name": "simulator", "realtime": True, "audio": False},
        }
    )


@contextlib.asynccontextmanager
async def steered(folder: Path, *behaviours: dict[str, Any]) -> AsyncIterator[Steered]:
    """A node that is up, and a client that hears everything it says."""
    settings = steered_settings(folder)
    heard: list[Incoming] = []
    async with (
        open_control(NODE, settings.control, settings.node.data_dir) as server,
        Node(settings, driver=simulator(*(behaviours or (QUICK,)))) as node,
        serving(server, node),
    ):
        assert server is not None
        address = unix_address(broker_socket(settings.control, settings.node.data_dir))
        async with Client(address, NODE, listen=heard.append) as client:
            yield Steered(node, server, client, folder, heard)
