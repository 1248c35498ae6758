"""Strategies in the database: kept once, and written into every campaign that follows them in the same transaction (D29)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, select, update

from offhook.campaigns.life import ApprovalSettings, Order
from offhook.campaigns.plan import StrategyKind
from offhook.messages import CampaignSpec
from offhook.store import life
from offhook.store import tables as t
from offhook.strategies.strategy import Strategy, StrategyError, apply, builtin_strategies, named

Key = tuple[StrategyKind, str]


def known(connection: Connection) -> dict[Key, Strategy]:
    """All strategies: those that come with offhook, and the owner's over them."""
    return {**builtin_strategies(), **{key: strategy for key, (strategy, _) in own(connection).items()}}


def own(connection: Connection) -> dict[Key, tuple[Strategy, int]]:
    """The owner's strategies with their versions."""
    found: dict[Key, tuple[Strategy, int]] = {}
    for row in connection.execute(select(t.strategy).order_by(t.strategy.c.kind, t.strategy.c.name)):
        strategy = Strategy(kind=row.kind, name=row.name, title=row.title, settings=row.settings)
        found[strategy.key] = (strategy, row.version)
    return found


def followers(connection: Connection) -> dict[Key, list[str]]:
    """Campaigns by the strategies that they follow."""
    found: dict[Key, list[str]] = {}
    for row in _campaigns(connection):
        for key in named(CampaignSpec.model_validate(row.spec)):
            found.setdefault(key, []).append(row.name)
    return found


def put(connection: Connection, given: Sequence[Strategy], now_ms: int, approval: ApprovalSettings) -> list[str]:
    """Store strategies and change every campaign that follows one of them; names of these campaigns. What was approved of them with the
    old settings is void, as after any other change of a plan.

    Raises:
        StrategyError: With a changed strategy a campaign would make no sense; nothing was changed.
    """
    for one in given:
        version = t.strategy.c.version
        row: dict[str, Any] = {"title": one.title, "settings": one.settings, "changed_ms": now_ms}
        key = {"kind": one.kind, "name": one.name}
        insert = t.upsert(connection.dialect.name, t.strategy).values(**key, **row, version=1)
        connection.execute(insert.on_conflict_do_update(index_elements=["kind", "name"], set_={**row, "version": version + 1}))
    return _carry(connection, {one.key for one in given}, now_ms, approval)


def remove(connection: Connection, kind: StrategyKind, name: str) -> None:
    """Forget a strategy of the owner.

    Raises:
        StrategyError: There is none of that name, or a campaign follows it.
    """
    using = followers(connection).get((kind, name), [])
    if using:
        raise StrategyError(f"{kind} strategy '{name}' is followed by {', '.join(using)}; let them go their own way first")
    gone = connection.execute(delete(t.strategy).where(t.strategy.c.kind == kind, t.strategy.c.name == name)).rowcount
    if not gone:
        built_in = " of yours; the one that comes with offhook stays" if (kind, name) in builtin_strategies() else ""
        raise StrategyError(f"there is no {kind} strategy '{name}'{built_in}")


def _carry(connection: Connection, changed: set[Key], now_ms: int, approval: ApprovalSettings) -> list[str]:
    """Write changed strategies into the campaigns that follow them."""
    strategies = known(connection)
    told = []
    for row in _campaigns(connection):
        spec = CampaignSpec.model_validate(row.spec)
        if not changed.intersection(named(spec)):
            continue
        after = apply(spec, strategies)
        values = {"spec": after.model_dump(mode="json"), "revision": row.revision + 1, "updated_ms": now_ms}
        connection.execute(update(t.campaign).where(t.campaign.c.id == row.id).values(values))
        if life.plan_differs(row.spec, after):
            life.changed(connection, row.id, Order.UPDATE, "a strategy of the campaign has changed", now_ms, approval)
        told.append(row.name)
    return told


def _campaigns(connection: Connection) -> Sequence[Any]:
    return connection.execute(select(t.campaign).order_by(t.campaign.c.name).with_for_update()).fetchall()
