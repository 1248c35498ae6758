"""The agents of a node: who is logged in to which campaigns, and what each does.

No timers and no calls: :mod:`offhook.agents.floor` has these.

An agent keeps an index as long as the node runs, because pacing learns each agent's speed by it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from offhook.agents.messages import AgentLevel, AgentShown, AgentStatus
from offhook.clock import Clock
from offhook.errors import AgentError
from offhook.pacing import AgentState, Level

LEVELS = {AgentLevel.HIGH: Level.HIGH, AgentLevel.STANDARD: Level.STANDARD, AgentLevel.OVERFLOW: Level.OVERFLOW}
MOST_AGENTS = 10_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")

_STATUS = {
    AgentState.READY: AgentStatus.READY,
    AgentState.RESERVED: AgentStatus.PREVIEW,
    AgentState.TALKING: AgentStatus.TALKING,
    AgentState.WRAP: AgentStatus.WRAP,
}


@dataclass(slots=True)
class Agent:
    """One agent. Times are of the loop's clock, seconds."""

    name: str
    index: int
    logins: dict[str, AgentLevel] = field(default_factory=dict)
    state: AgentState = AgentState.OUT
    since: float = 0.0
    leaving: bool = False  # goes after the present call; with a pause reason, pauses
    pause: str | None = None  # reason of the pause in force or asked for
    here: bool = False  # logged in
    call_id: str | None = None  # in hand: previewed, dialled for this agent, or in talk
    campaign: str | None = None  # of that call
    calls: int = 0
    talk_s: float = 0.0
    channel: int | None = None  # of the agent's own telephone


class Roster:
    """All agents a node has met.

    Args:
        clock: For the dates shown.
        on_change: Called after each change of an agent.
        on_left: Called with an agent who is about to do something else, the status that ends and its length in seconds.
    """

    def __init__(self, clock: Clock, on_change: Callable[[Agent], None], on_left: Callable[[Agent, AgentStatus, float], None]) -> None:
        self._clock = clock
        self._on_left = on_left
        self._on_change = on_change
        self._agents: dict[str, Agent] = {}
        self._state: npt.NDArray[np.int8] = np.zeros(0, np.int8)
        self._since: npt.NDArray[np.float64] = np.zeros(0)
        self._leaving: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.changes = 0
        """Counts log-ins and log-outs, so that others see when their own tables of agents are old."""

    # -- asking ---------------------------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._agents)

    def all(self) -> list[Agent]:
        """Every agent ever logged in, by index."""
        return list(self._agents.values())

    def get(self, name: str) -> Agent:
        """One agent. AgentError when nobody of that name is logged in."""
        agent = self._agents.get(name)
        if agent is None or not agent.here:
            here = ", ".join(sorted(a.name for a in self._agents.values() if a.here))
            raise AgentError(f"no agent '{name}' is logged in; there {'are ' + here if here else 'is nobody yet'}")
        return agent

    def states(self) -> npt.NDArray[np.int8]:
        """State of each agent, by index; changes with the agents."""
        return self._state

    def since(self) -> npt.NDArray[np.float64]:
        """Since when each agent is in that state, loop time."""
        return self._since

    def leaving(self) -> npt.NDArray[np.bool_]:
        """Who goes after the present call."""
        return self._leaving

    def levels(self, campaigns: list[str]) -> npt.NDArray[np.int8]:
        """Agents by campaigns, of :class:`~offhook.pacing.Level`."""
        column = {name: at for at, name in enumerate(campaigns)}
        table = np.zeros((len(self._agents), len(campaigns)), np.int8)
        for agent in self._agents.values():
            for name, level in agent.logins.items():
                if name in column:
                    table[agent.index, column[name]] = LEVELS[level]
        return table

    def status(self, agent: Agent) -> AgentStatus:
        """What an agent does, in words."""
        return _STATUS.get(agent.state, AgentStatus.PAUSED if agent.here else AgentStatus.OUT)

    def shown(self, agent: Agent, promised: str | None = None) -> AgentShown:
        """An agent as told."""
        ago = asyncio.get_running_loop().time() - agent.since
        return AgentShown(
            agent=agent.name,
            status=self.status(agent),
            since=self._clock.now() - dt.timedelta(seconds=ago),
            campaigns=dict(agent.logins),
            promised=promised,
            reason=agent.pause or "",
            leaving=agent.leaving,
            call_id=agent.call_id,
            campaign=agent.campaign,
            calls=agent.calls,
            talk_s=round(agent.talk_s, 1),
            channel=agent.channel,
        )

    # -- changing -------------------------------------------------------------------------------------------------------------------

    def log_in(self, name: str, logins: Mapping[str, AgentLevel]) -> Agent:
        """Log in, or change the campaigns of an agent who is. A new one is out until :meth:`enter` says otherwise."""
        agent = self._agents.get(name)
        if agent is None:
            if not _NAME.fullmatch(name):
                raise AgentError(
                    f"agent name {name!r} does not fit into a topic; use 1 to 63 of letters, digits, dot, hyphen and underscore"
                )
            if len(self._agents) >= MOST_AGENTS:
                raise AgentError(f"{MOST_AGENTS} agents were logged in since the node started; restart it")
            agent = self._agents[name] = Agent(name, len(self._agents))
            self._state = np.append(self._state, np.int8(AgentState.OUT))
            self._since = np.append(self._since, asyncio.get_running_loop().time())
            self._leaving = np.append(self._leaving, False)
        if not agent.here:
            agent.since = asyncio.get_running_loop().time()  # what was before is nobody's time
        agent.logins = dict(logins)
        agent.here = True
        self.changes += 1
        return agent

    def log_out(self, agent: Agent) -> None:
        """The agent is gone."""
        self._left(agent)
        agent.here = False
        agent.logins = {}
        agent.pause = None
        self.changes += 1
        self.enter(agent, AgentState.OUT)

    def enter(
        self, agent: Agent, state: AgentState, call_id: str | None = None, campaign: str | None = None, pause: str | None = None
    ) -> None:
        """The agent does something else from now on."""
        self._left(agent)
        if state is AgentState.READY or pause is not None:
            agent.pause = pause
        agent.state = state
        agent.since = asyncio.get_running_loop().time()
        agent.call_id, agent.campaign = call_id, campaign
        if state in (AgentState.OUT, AgentState.READY):
            agent.leaving = False
        self._state[agent.index] = state
        self._since[agent.index] = agent.since
        self._leaving[agent.index] = agent.leaving
        self._on_change(agent)

    def _left(self, agent: Agent) -> None:
        now = asyncio.get_running_loop().time()
        if agent.here and now > agent.since:
            self._on_left(agent, self.status(agent), now - agent.since)
        agent.since = now

    def will_leave(self, agent: Agent, leaving: bool) -> None:
        """The agent goes, or pauses, after the present call; or stays after all."""
        agent.leaving = leaving
        self._leaving[agent.index] = leaving
        self._on_change(agent)
