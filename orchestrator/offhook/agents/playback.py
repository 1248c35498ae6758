"""A voice mail is heard where the agent sits: over the telephone that the node holds for the agent (D26)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from offhook.agents.roster import Agent
from offhook.calls.prompts import RATE, encode, read
from offhook.calls.voicemail import VoiceMailError
from offhook.clock import in_thread
from offhook.errors import AgentError
from offhook.pacing import AgentState
from offhook_core import CoreError

if TYPE_CHECKING:
    from offhook.node import Node

log = logging.getLogger(__name__)

AFTER_S = 0.5
"""From the end of a message to the moment its memory is given back."""
TRIES = 20


async def play_mail(node: Node, agent: Agent, call_id: str) -> float:
    """Begin to play a call's voice mail to a paused agent, or one in wrap-up; its length, s.

    Raises:
        AgentError: The agent has no telephone on this node, or takes calls now.
        VoiceMailError: The call has none.
        PromptError: The file is damaged.
    """
    if agent.channel is None or node.engine is None:
        raise AgentError(f"agent '{agent.name}' has no telephone on this node; log in with one, or save the message as a file")
    if agent.state not in (AgentState.OUT, AgentState.WRAP):
        raise AgentError(f"agent '{agent.name}' takes calls now; pause first")
    path = node.mails.path(call_id)
    if path not in node.mails.files():
        raise VoiceMailError(f"no voice mail of call '{call_id}'; voicemail.list shows what there is")
    samples = await in_thread(node.clock, read, str(path))
    seconds = len(samples) / RATE
    number = node.engine.add_prompt(encode(samples, node.engine))
    try:
        node.engine.play(agent.channel, number)
    except CoreError as error:
        node.engine.drop_prompt(number)
        raise AgentError(f"agent '{agent.name}': the core takes no orders at present ({error}); try again") from error
    node.spawn(_give_back(node, number, seconds), f"playback[{call_id}]")
    return seconds


async def _give_back(node: Node, number: int, seconds: float) -> None:
    for _ in range(TRIES):
        await asyncio.sleep(seconds + AFTER_S)
        assert node.engine is not None
        try:
            node.engine.drop_prompt(number)
        except CoreError:  # an order is still queued: the media thread is behind
            seconds = 0.0
        else:
            return
    log.error("playback: the core still plays prompt %d; its memory is not given back", number)
