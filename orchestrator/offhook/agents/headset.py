"""An agent's own telephone, held on a B-channel of the node while the agent is logged in, so that people can be bridged to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from offhook_core import Profile
from offhook_drivers.contract import Answered, Cleared, Dial, Event, Hangup

if TYPE_CHECKING:
    from offhook.node import Node

log = logging.getLogger(__name__)

RING_S = 60.0
"""Longest time from the Dial to the agent's answer."""


class Headset:
    """One telephone.

    Args:
        node: Whose channel is used.
        agent: Name of the agent.
        digits: Sent to the trunk as they are.
        on_up: Called with the channel when the agent has answered.
        on_down: Called when the line is free again, whoever ended it; also when it never came up.
    """

    def __init__(self, node: Node, agent: str, digits: str, on_up: Callable[[int], None], on_down: Callable[[], None]) -> None:
        self._node = node
        self.agent = agent
        self.digits = digits
        self.id = node.new_id()
        self.up = False
        self._on_up = on_up
        self._on_down = on_down
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanted = True
        self._channel: int | None = None

    async def run(self) -> None:
        """Take a channel, dial, hold the line until it clears, give the channel back."""
        channel = await self._node.pool.ask(9)
        assert channel is not None
        node, line = self._node, self._node.line(channel)
        try:
            if self._wanted:
                self._channel = channel
                node.headsets[channel] = self
                line.reset(Profile.OFF)
                node.driver.send(Dial(channel, self.id, self.digits))
                node.carrier.dials += 1
                timer = asyncio.get_running_loop().call_later(RING_S, self._not_answered)
                await self._done
                timer.cancel()
        except ValueError as error:
            log.error("agent %s: %s cannot be dialled: %s", self.agent, self.digits, error)
        finally:
            node.headsets.pop(channel, None)
            line.reset(Profile.OFF)
            node.pool.give(channel)
            self._on_down()

    def hang_up(self) -> None:
        """Let go of the line."""
        self._wanted = False
        if self._channel is not None:
            self._node.driver.send(Hangup(self._channel))

    def on_signal(self, event: Event) -> None:
        """A driver event of this line."""
        match event:
            case Answered() if not self.up and self._wanted:
                self.up = True
                self._on_up(event.channel)
            case Cleared():
                self._channel = None
                if not self._done.done():
                    self._done.set_result(None)
            case _:
                pass

    def _not_answered(self) -> None:
        if not self.up:
            log.warning("agent %s: %s was not answered in %g s", self.agent, self.digits, RING_S)
            self.hang_up()
