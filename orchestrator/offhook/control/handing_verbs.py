"""Verbs about leads that are handed out, and about teams. Rows of the table in :mod:`offhook.control.verbs`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel

from offhook.control.contact_verbs import Nothing
from offhook.lists.handing import Given, HandedOut, HandingDesk, HandOn, HandOut, TakeBack, Team, WhoseLeads


async def _out(node: HandingDesk, order: HandOut) -> Given:
    return await node.hand_out(order)


async def _on(node: HandingDesk, order: HandOn) -> Given:
    return await node.hand_on(order)


async def _back(node: HandingDesk, order: TakeBack) -> Given:
    return await node.take_back(order)


async def _handed(node: HandingDesk, which: WhoseLeads) -> list[HandedOut]:
    return await node.handed(which.campaign)


async def _set_team(node: HandingDesk, team: Team) -> dict[str, list[str]]:
    return await node.set_team(team)


async def _teams(node: HandingDesk, _: Nothing) -> dict[str, list[str]]:
    return await node.teams()


ROWS: tuple[tuple[str, str, type[BaseModel], Any, bool, Callable[[Any, Any], Awaitable[Any]]], ...] = (
    # name, what, arguments, result, changes, run
    ("leads.hand_out", "Give leads that nobody has to agents, teams or nodes, who alone call them.", HandOut, Given, True, _out),
    ("leads.hand_on", "Give leads of some owners to others.", HandOn, Given, True, _on),
    ("leads.take_back", "Make leads everybody's again, by default those never called.", TakeBack, Given, True, _back),
    ("leads.handed", "Who has how many leads of a campaign.", WhoseLeads, list[HandedOut], False, _handed),
    ("team.set", "Say which agents are in a team; all teams.", Team, dict[str, list[str]], True, _set_team),
    ("team.list", "Agents by team.", Nothing, dict[str, list[str]], False, _teams),
)
