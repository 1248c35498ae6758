"""Agents in several campaigns at once: who counts on whom, and who takes a call.

An agent is logged in to any number of campaigns, each at a level: high priority, standard or overflow (D23, D24). Two campaigns must not
both dial for the same agent, so every agent is *promised* to one campaign at a time, and each campaign paces with the agents promised
to it. A person who comes through without a promised agent may still get any free agent of that campaign rather than be abandoned.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from .state import AgentState


class Level(IntEnum):
    """At which level an agent works for a campaign; the smaller number goes first."""

    NONE = 0
    HIGH = 1
    STANDARD = 2
    OVERFLOW = 3


Levels = npt.NDArray[np.int8]
Promises = npt.NDArray[np.int64]


def promise(levels: Levels, weights: Any, states: Any, held: Promises | None = None) -> Promises:
    """Promise every agent logged in to one campaign.

    Campaigns get agents in proportion to their weights, as far as the log-ins allow. A high-priority log-in goes before a standard one; an
    overflow agent is promised to a campaign only while none of the agent's other campaigns has work. Busy agents keep their promise,
    and so do ready ones unless another campaign is at least one agent short, so that promises do not swing.

    Args:
        levels: Agents by campaigns, of :class:`Level`.
        weights: One number for each campaign, 0 for one that has nothing to dial now.
        states: :class:`~offhook.pacing.state.AgentState` of each agent.
        held: The promises in force, -1 for none.

    Returns:
        The campaign of each agent, -1 for an agent who is out or in no campaign with work.
    """
    levels = np.asarray(levels, np.int8)
    agents, campaigns = levels.shape
    weight = np.asarray(weights, np.float64)
    state = np.asarray(states)
    out = state == AgentState.OUT
    may = (levels != Level.NONE) & (weight > 0)
    firm = may & (levels != Level.OVERFLOW)
    choice = np.where(firm.any(axis=1)[:, None], firm, may)  # overflow only for those with nothing better to do
    choice[out] = False
    promised: Promises = np.full(agents, -1, np.int64)
    have = np.zeros(campaigns)
    busy = (state != AgentState.READY) & ~out
    if held is not None:
        stays = busy & (held >= 0)
        promised[stays] = held[stays]
        have += np.bincount(held[stays], minlength=campaigns)[:campaigns]
    # Those with the fewest campaigns choose first, so that the flexible ones fill what is left.
    order = np.argsort(choice.sum(axis=1), kind="stable")
    for agent in order:
        if promised[agent] >= 0 or not choice[agent].any():
            continue
        options = np.flatnonzero(choice[agent])
        best_level = levels[agent, options].min()
        options = options[levels[agent, options] == best_level]
        fill = have[options] / weight[options]
        pick = options[int(np.argmin(fill))]
        if held is not None and held[agent] in options:
            mine = int(held[agent])
            if have[mine] / weight[mine] <= (have[pick] + 1) / weight[pick]:
                pick = mine
        promised[agent] = pick
        have[pick] += 1
    return promised


def route(campaign: int, levels: Levels, states: Any, since: Any, promised: Promises) -> int:
    """Return the agent who takes a person of *campaign* now, or -1.

    Agents promised to the campaign come first, then any ready agent logged in to it: high priority, standard, overflow; among equals
    the one who has waited longest.
    """
    state = np.asarray(states)
    level = np.asarray(levels)[:, campaign]
    able = np.flatnonzero((state == AgentState.READY) & (level != Level.NONE))
    if not len(able):
        return -1
    waits = np.asarray(since, np.float64)
    return int(min(able, key=lambda a: (promised[a] != campaign, level[a], waits[a])))


def seen_by(campaign: int, states: Any, promised: Promises) -> npt.NDArray[np.int8]:
    """Return the agent states as the pacing of *campaign* is to see them: those promised elsewhere are out."""
    return np.where(promised == campaign, np.asarray(states, np.int8), np.int8(AgentState.OUT))


def share_lines(wanted: Any, lines_free: int, weights: Any) -> npt.NDArray[np.int64]:
    """Share free lines among campaigns that want more than there are: each its part by weight, what one leaves goes to the others."""
    want = np.asarray(wanted, np.int64)
    weight = np.where(want > 0, np.asarray(weights, np.float64), 0.0)
    given = np.zeros_like(want)
    if int(want.sum()) <= lines_free:
        return want
    for _ in range(lines_free):
        hungry = np.flatnonzero((given < want) & (weight > 0))
        if not len(hungry):
            break
        given[hungry[int(np.argmin((given[hungry] + 0.5) / weight[hungry]))]] += 1
    return given
