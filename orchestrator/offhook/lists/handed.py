"""The leads of one running campaign that were handed out: to this node, or to agents and teams who are logged in here (L16)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from offhook.campaigns import windows
from offhook.pacing import AgentState
from offhook.store import Lead, handing, leads, ledger
from offhook.store.tables import ms

if TYPE_CHECKING:
    from offhook.agents.roster import Agent
    from offhook.campaigns.dialer import Dialer
    from offhook.node import Node

LOOK_S = 0.5
"""How soon agents are looked at again while leads wait for some; it asks the database only when one is ready and a lead is due."""
NEVER_S = 3600.0


@asynccontextmanager
async def dealing(node: Node, dialer: Dialer) -> AsyncIterator[None]:
    """While a campaign's leads are dealt: it lets go of those that it holds for its next calls, and takes no others."""
    async with dialer.filling:
        dialer.let_go()
        await node.store.flush()
        yield
    dialer.wake()


class Handed:
    """What waits for owners, and who of them is here.

    Args:
        node: Whose agents.
        dialer: Whose leads.
    """

    def __init__(self, node: Node, dialer: Dialer) -> None:
        self._node = node
        self._dialer = dialer
        self._shares: list[handing.Share] = []
        self._teams: dict[str, list[str]] = {}
        self._stale = True
        self._skipped: set[int] = set()  # leads that their agents would not call now

    def changed(self) -> None:
        """Something was handed out or taken back, here or elsewhere."""
        self._stale = True

    def skip(self, lead: Lead) -> None:
        """An agent would not call this lead now: it goes back, and comes again when the agent's others are through."""
        self._skipped.add(lead.id)
        self._node.store.release([lead])

    async def for_node(self, limit: int) -> list[Lead]:
        """Leads that only this node calls, as many as are due now."""
        await self._load()
        return await self._take({f"node:{self._node.name}"}, limit)

    async def serve(self) -> float:
        """Show each ready agent a lead of one's own; seconds until that is worth another look."""
        if self._dialer.gate is None:
            return NEVER_S
        await self._load()
        for agent in self._node.floor.roster.all() if self._shares else ():
            if agent.state is AgentState.READY and not agent.leaving:
                for lead in await self._take(self._owners(agent), 1):
                    if not self._node.floor.show(self._dialer, lead, agent):
                        self._node.store.release([lead])
        return LOOK_S if any(not share.owner.startswith("node:") for share in self._shares) else NEVER_S

    @property
    def waiting(self) -> bool:
        """Are there leads that wait for their owners?"""
        return bool(self._shares)

    def _owners(self, agent: Agent) -> set[str]:
        """Under which names an agent who is logged in to the campaign owns leads."""
        if not agent.here or self._dialer.name not in agent.logins:
            return set()
        return {f"agent:{agent.name}", *(f"team:{team}" for team, agents in self._teams.items() if agent.name in agents)}

    async def _load(self) -> None:
        if not self._stale:
            return
        self._stale = False
        await self._node.store.flush()  # what was given back and not written yet

        def work(connection: Connection) -> tuple[list[handing.Share], dict[str, list[str]]]:
            shares = handing.shares(connection, self._dialer.id)
            return shares, handing.teams(connection) if shares else {}

        self._shares, self._teams = await self._node.store.read(work)

    async def _take(self, owners: Collection[str], limit: int) -> list[Lead]:
        node, dialer = self._node, self._dialer
        now = node.clock.now()
        due = [share for share in self._shares if share.owner in owners and share.first_ms <= ms(now)]
        due = [one for one in due if windows.is_open(dialer.spec.windows, dialer.zones(tuple(one.zones.split())), now)]
        if not due:
            return []
        asking = ledger.asking(node.name, dialer.id, ms(now), node.store.rules, dialer.spec)

        def work(connection: Connection, but: frozenset[int]) -> leads.Taken:
            return leads.take_own(connection, asking, due, but, limit, node.new_id)

        taken = await node.store.work(lambda connection: work(connection, frozenset(self._skipped)))
        if not taken and self._skipped:  # the others are through
            self._skipped.clear()
            taken = await node.store.work(lambda connection: work(connection, frozenset()))
        dialer.closed += taken.closed
        self._stale = True
        return list(taken)
