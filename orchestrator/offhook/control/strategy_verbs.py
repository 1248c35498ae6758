"""Verbs about strategies and templates. Rows of the table in :mod:`offhook.control.verbs`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel

from offhook.control.contact_verbs import Nothing
from offhook.messages import CampaignState
from offhook.strategies.desk import SetStrategies, StrategiesSet, StrategyDesk, StrategyShown, WhichStrategy
from offhook.templates.desk import NewCampaign, TemplateDesk, TemplateShown


async def _list(node: StrategyDesk, _: Nothing) -> list[StrategyShown]:
    return await node.strategies()


async def _set(node: StrategyDesk, order: SetStrategies) -> StrategiesSet:
    return await node.set_strategies(order.strategies)


async def _remove(node: StrategyDesk, which: WhichStrategy) -> list[StrategyShown]:
    await node.remove_strategy(which.kind, which.name)
    return await node.strategies()


async def _templates(node: TemplateDesk, _: Nothing) -> list[TemplateShown]:
    return node.templates()


async def _new(node: TemplateDesk, order: NewCampaign) -> CampaignState:
    return await node.new_campaign(order.name, order.template, order.fields)


ROWS: tuple[tuple[str, str, type[BaseModel], Any, bool, Callable[[Any, Any], Awaitable[Any]]], ...] = (
    # name, what, arguments, result, changes, run
    ("template.list", "Kinds of campaign, with what each needs.", Nothing, list[TemplateShown], False, _templates),
    ("campaign.new", "Store a new campaign of a kind, idle.", NewCampaign, CampaignState, True, _new),
    ("strategy.list", "All strategies, and the campaigns that follow each.", Nothing, list[StrategyShown], False, _list),
    (
        "strategy.set",
        "Store strategies; the campaigns that follow them change with their next call.",
        SetStrategies,
        StrategiesSet,
        True,
        _set,
    ),
    (
        "strategy.remove",
        "Forget a strategy that no campaign follows; those that are left.",
        WhichStrategy,
        list[StrategyShown],
        True,
        _remove,
    ),
)
