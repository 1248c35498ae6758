"""Topic names of one node. The second level is the version of this contract."""

from __future__ import annotations

import re
from dataclasses import dataclass

VERSION = 1
NODE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Node and campaign names in topics: lower case, digits and hyphen, as Homie 5 has them."""


@dataclass(frozen=True, slots=True)
class Topics:
    """All names under ``offhook/1/<node>/``.

    Raises:
        ValueError: The node's name does not fit into a topic.
    """

    node: str

    def __post_init__(self) -> None:
        """Check the name."""
        if not NODE_NAME.fullmatch(self.node):
            raise ValueError(
                f"node name {self.node!r} does not fit into a topic; use 1 to 63 of a-z, 0-9 and hyphen, not beginning with a hyphen"
            )

    @property
    def root(self) -> str:
        """``offhook/1/<node>``, without a closing slash."""
        return f"offhook/{VERSION}/{self.node}"

    @property
    def commands(self) -> str:
        """Filter of all commands."""
        return f"{self.root}/cmd/#"

    @property
    def status(self) -> str:
        """Presence: retained ``ready``, ``stopping``, ``stopped``, and ``lost`` as the will."""
        return f"{self.root}/state/status"

    @property
    def node_state(self) -> str:
        """The node's counters, retained."""
        return f"{self.root}/state/node"

    def campaign_state(self, campaign: str) -> str:
        """One campaign's progress, retained."""
        return f"{self.root}/state/campaign/{campaign}"

    def agent_state(self, agent: str) -> str:
        """One agent, retained."""
        return f"{self.root}/state/agent/{agent}"

    def command(self, verb: str) -> str:
        """Where a verb is told."""
        return f"{self.root}/cmd/{verb}"

    def event(self, kind: str) -> str:
        """Where events of one kind are told, never retained."""
        return f"{self.root}/ev/{kind}"

    def verb_of(self, topic: str) -> str:
        """The verb of a command topic, ``"campaign.start"``."""
        return topic.removeprefix(f"{self.root}/cmd/").removeprefix(f"{self.root}/cmd")
