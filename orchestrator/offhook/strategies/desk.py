"""What can be asked about strategies. A part of every desk and node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field
from sqlalchemy import Connection

from offhook.campaigns.plan import StrategyKind
from offhook.clock import Clock
from offhook.messages import CampaignSpec, CampaignState
from offhook.said import Asked, Name, Told
from offhook.store import strategies as stored
from offhook.store.tables import ms
from offhook.strategies.strategy import Strategy, apply, governed

if TYPE_CHECKING:
    from offhook.store import Store


class StrategyShown(Told):
    """A strategy, and who follows it."""

    kind: StrategyKind
    name: str
    title: str
    settings: dict[str, Any]
    version: int = Field(description="Counts the owner's changes; 0: it comes with offhook.")
    campaigns: tuple[str, ...] = Field((), description="Campaigns that follow it.")


class StrategiesSet(Told):
    """What came of new or changed strategies."""

    strategies: int
    campaigns: tuple[str, ...] = Field(description="Campaigns that were changed by it, running or not.")


class SetStrategies(Asked):
    """Strategies to be stored; one of the same kind and name is replaced, and the campaigns that follow it change."""

    strategies: tuple[Strategy, ...] = Field(min_length=1, max_length=100)


class WhichStrategy(Asked):
    """A strategy by its kind and name."""

    kind: StrategyKind
    name: Name


class StrategyDesk:
    """Strategies of one database."""

    store: Store
    clock: Clock

    if TYPE_CHECKING:

        async def _changed(self, name: str) -> CampaignState:
            """Somebody changed it in the database."""

    async def strategies(self) -> list[StrategyShown]:
        """All strategies by kind and name, the owner's and those that come with offhook."""

        def work(connection: Connection) -> list[StrategyShown]:
            mine, followed = stored.own(connection), stored.followers(connection)
            return [
                StrategyShown(
                    kind=one.kind,
                    name=one.name,
                    title=one.title,
                    settings=one.settings,
                    version=mine[key][1] if key in mine else 0,
                    campaigns=tuple(followed.get(key, ())),
                )
                for key, one in sorted(stored.known(connection).items())
            ]

        return await self.store.read(work)

    async def set_strategies(self, given: Sequence[Strategy]) -> StrategiesSet:
        """Store strategies; the campaigns that follow them change with their next call, all of them or none.

        Raises:
            StrategyError: A campaign would make no sense with them; nothing was changed.
        """
        now = ms(self.clock.now())
        changed = await self.store.work(lambda connection: stored.put(connection, given, now, self.store.approval))
        for name in changed:
            await self._changed(name)
        return StrategiesSet(strategies=len(given), campaigns=tuple(changed))

    async def remove_strategy(self, kind: StrategyKind, name: str) -> None:
        """Forget a strategy. StrategyError when it is not there or a campaign follows it."""
        await self.store.work(lambda connection: stored.remove(connection, kind, name))

    async def _with_strategies(self, spec: CampaignSpec, changed: Iterable[str] = ()) -> CampaignSpec:
        """The description with the settings of its strategies.

        Raises:
            StrategyError: There is no such strategy, or one of them sets what is *changed* here to something else.
        """
        known = await self.store.read(stored.known)
        governed(spec, known, changed)
        return apply(spec, known)
