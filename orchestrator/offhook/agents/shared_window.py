"""The abandon rule's window of a campaign that several nodes dial: what the others did counts here too.

A node counts its own calls as they happen. Those of the others are read from the database, all at the start and the new ones every half
minute; so every node sees the same totals, the others' half a minute late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.store.talks import Others, abandonment

if TYPE_CHECKING:
    from offhook.agents.gate import Gate
    from offhook.node import Node

FOLLOW_S = 30.0
"""How often the other nodes' calls are read."""


class SharedWindow:
    """What the window of one campaign's rule holds from before and from elsewhere.

    Args:
        node: Whose store is read, and whose own calls are left out.
        campaign_id: The campaign.
    """

    def __init__(self, node: Node, campaign_id: int) -> None:
        self._node = node
        self._campaign = campaign_id
        self._others = Others(campaign_id, node.name)
        self._due = 0.0  # loop time of the next look

    async def look(self, gate: Gate) -> None:
        """Tell the pacing of a campaign what it does not know yet. StoreError when the database is away."""
        now = self._node.clock.monotonic()
        if gate.seeded and now < self._due:
            return
        self._due = now + FOLLOW_S
        present = self._node.clock.now().timestamp()
        found = await self._others.new(self._node.store, round(present * 1000))
        offset = now - present
        if gate.seeded:
            gate.seed((ms / 1000 + offset, 1, abandoned, 1 - abandoned) for ms, abandoned in found)
            return
        since_s = gate.rule.window_s
        from_ms = 0 if since_s is None else round((present - since_s) * 1000)
        cells = await abandonment(self._node.store, self._campaign, from_ms, max(1, round((since_s or 86_400.0) * 1000 / 240)))
        gate.seed((ms / 1000 + offset, people, abandoned, connected) for ms, people, abandoned, connected in cells)
